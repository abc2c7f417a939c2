"""The same reply as server-sent events, for whoever asks with Accept: text/event-stream."""

import json

import httpx
import pytest
import sqlalchemy as sa
from httpx_sse import EventSource

from macrochat.providers.scripted import expected_text
from macrochat.replies import routes
from macrochat.replies.reading import followers
from macrochat.replies.reading.bodies import BodyCut
from tests.replies.asking import begin, follow, new_chat, question, say, send, status_of
from tests.replies.hearing import post, tell
from tests.support.answers import refusal

EVENTS = "text/event-stream"
UNICODE = expected_text("scripted-unicode", []).encode()


def events(data):
    """Decodes as a browser does: (event, id, data) for each, comments left out."""
    found = []
    for block in data.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            found.append((fields["event"], int(fields["id"].removesuffix(".0")), json.loads(fields["data"])))
    return found


def text_of(found):
    return "".join(data["text"] for event, _id, data in found if event == "delta").encode()


def read(person, reply_id, **headers):
    with follow(person, f"/replies/{reply_id}/stream", Accept=EVENTS, **headers) as body:
        body.to_end()
    return body


def test_w26_a_send_answers_in_events_when_asked_to(ann):
    with send(ann, new_chat(ann), "hello", "scripted-words:20:20", Accept=EVENTS) as body:
        body.to_end()
    assert body.status_code == 200
    assert not body.cut
    assert body.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert body.headers["X-Accel-Buffering"] == "no"
    assert body.headers["Location"] == f"/api/replies/{body.reply_id}"
    *deltas, (last, last_id, status) = events(body.data)
    assert text_of(deltas).decode() == expected_text("scripted-words:20:20", [])
    assert {event for event, _id, _data in deltas} == {"delta"}
    assert (last, last_id) == ("done", status["bytes"])
    assert status == status_of(ann, body.reply_id)


def test_an_event_s_id_is_the_byte_after_it(ann):
    found = events(read(ann, say(ann, new_chat(ann), "hello", "scripted-unicode").reply_id).data)
    position = 0
    for event, event_id, data in found:
        if event == "delta":
            position += len(data["text"].encode())
            assert event_id == position
    assert position == len(UNICODE)


def test_an_event_of_a_long_text_does_not_end_inside_a_character(ann):
    """Texts are read by 64 KiB, and the cut may fall anywhere; a client that comes back there must lose nothing."""
    text = "中" * 30_000
    reply_id = say(ann, new_chat(ann), text, "scripted-echo").reply_id
    first, *rest = events(read(ann, reply_id).data)
    assert first[1] == len(first[2]["text"].encode()) < len(text.encode())
    assert text_of([first, *events(read(ann, reply_id, Last_Event_ID=str(first[1])).data)]).decode() == text
    assert text_of([first, *rest]).decode() == text


def test_the_last_event_s_id_is_where_a_client_goes_on(ann):
    reply_id = say(ann, new_chat(ann), "0123456789", "scripted-echo").reply_id
    found = events(read(ann, reply_id, Last_Event_ID="4").data)
    assert text_of(found) == b"456789"
    assert found[-1][:2] == ("done", 10)


def test_a_client_that_had_all_of_it_gets_only_the_end(ann):
    reply_id = say(ann, new_chat(ann), "0123456789", "scripted-echo").reply_id
    assert [event for event, _id, _data in events(read(ann, reply_id, Last_Event_ID="10").data)] == ["done"]


@pytest.mark.parametrize("last", ["", "abc", "-1", "msg-7"])
def test_an_id_that_is_not_ours_means_from_the_beginning(ann, last):
    reply_id = say(ann, new_chat(ann), "0123456789", "scripted-echo").reply_id
    assert text_of(events(read(ann, reply_id, Last_Event_ID=last).data)) == b"0123456789"


def test_an_id_past_the_end_is_out_of_range(ann):
    reply_id = say(ann, new_chat(ann), "0123456789", "scripted-echo").reply_id
    answer = ann.get(f"/api/replies/{reply_id}/stream", headers={"Accept": EVENTS, "Last-Event-ID": "11"})
    refusal(answer, 416, "OFFSET_OUT_OF_RANGE")


def test_a_failure_is_an_event_with_the_status_and_the_body_ends_whole(ann):
    with send(ann, new_chat(ann), "hello", "scripted-cut:3", Accept=EVENTS) as body:
        body.to_end()
    found = events(body.data)
    assert text_of(found) == b"w0 w1 w2 "
    event, _id, status = found[-1]
    assert (event, status["status"], status["error"]["code"]) == ("error", "failed", "UPSTREAM_INTERRUPTED")
    assert not body.cut, "the last event says how it ended; EventSource would take a cut for a reason to come back"


def test_a_stop_is_done(ann):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    ann.post(f"/api/replies/{reply_id}/stop")
    event, position, status = events(read(ann, reply_id).data)[-1]
    assert (event, position, status["status"]) == ("done", 9, "stopped")


def test_a_refusal_is_a_real_status_in_this_form_too(ann):
    body = question("hello", model="scripted-status:401")
    answer = ann.post(f"/api/chats/{new_chat(ann)}/stream", json=body, headers={"Accept": EVENTS})
    refusal(answer, 502, "UPSTREAM_AUTH")


def test_words_arrive_while_the_model_is_still_writing(ann, there, provider):
    with send(ann, new_chat(ann), "hello", "scripted-hold:3", Accept=EVENTS) as body:
        while not body.data.endswith(b"\n\n") or text_of(events(body.data)) != b"w0 w1 w2 ":
            body.until(len(body.data) + 1)
        with follow(ann, f"/replies/{body.reply_id}/stream", at=there.url, Accept=EVENTS, Last_Event_ID="3") as other:
            provider.release()
            assert text_of(events(other.to_end())) == text_of(events(body.to_end()))[3:]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "text/plain"),
        ("text/plain", "text/plain"),
        ("application/json", "text/plain"),
        ("text/plain, text/event-stream;q=0.5", "text/plain"),
        ("text/event-stream", "text/event-stream"),
        ("text/event-stream, */*;q=0.1", "text/event-stream"),
    ],
)
def test_events_come_only_to_whom_they_are_dearer_than_text(ann, accept, content_type):
    reply_id = say(ann, new_chat(ann), "hello", "scripted-echo").reply_id
    answer = ann.get(f"/api/replies/{reply_id}/stream", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == f"{content_type}; charset=utf-8"
    assert "Accept" in answer.headers["Vary"]


def test_silence_has_comments_for_events_and_nothing_for_text(alice, chat, provider, monkeypatch):
    monkeypatch.setattr(followers, "TICK_SECONDS", 0.05)
    answer = post(alice, chat, question("hello", model="scripted-hold:3"), Accept=EVENTS)
    pieces = iter(answer.response)
    seen = b""
    while seen.count(b": \n") < 3:
        seen += next(pieces)
    assert text_of(events(seen)) == b"w0 w1 w2 ", "comments are no events"
    raw = iter(alice.get(f"/api/replies/{answer.headers['X-Reply-Id']}/stream").response)
    assert b"".join(next(raw) for _ in range(5)) == b"w0 w1 w2 "
    provider.release()
    rest = seen + b"".join(pieces)
    assert events(rest)[-1][0] == "done"
    library = EventSource(httpx.Response(200, headers={"Content-Type": EVENTS}, content=rest))
    assert [(one.event, int(one.id.removesuffix(".0")), one.json()) for one in library.iter_sse()] == events(rest)
    assert b"".join(raw) == text_of(events(rest))[9:]


@pytest.mark.parametrize("where", ["here", "there"])
def test_who_reads_events_of_what_is_deleted_gets_an_error_event_and_no_traceback_follows(ann, here, there, where):
    reader = {"here": here, "there": there}[where]
    chat = new_chat(ann)
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    with follow(ann, f"/replies/{reply_id}/stream", at=reader.url, Accept=EVENTS) as body:
        while text_of(events(body.data)) != b"w0 w1 w2 ":
            body.until(len(body.data) + 1)
        ann.delete(f"/api/chats/{chat}")
        event, position, facts = events(body.to_end())[-1]
    assert (event, position, facts["id"], facts["status"]) == ("error", 9, reply_id, "deleted")
    assert facts["error"]["code"] == "REPLY_NOT_FOUND"
    assert not body.cut
    assert "Traceback" not in reader.process.output()


@pytest.mark.parametrize("accept", [EVENTS, "text/plain"])
def test_a_finished_reply_that_is_deleted_while_it_is_read_does_not_end_as_if_whole(alice, chat, accept):
    reply_id = tell(alice, chat, "hello", "scripted-bytes:300000").reply_id
    pieces = iter(alice.get(f"/api/replies/{reply_id}/stream", headers={"Accept": accept}).response)
    seen = next(pieces) + next(pieces)
    alice.delete(f"/api/chats/{chat}")
    if accept == EVENTS:
        event, _position, facts = events(seen + b"".join(pieces))[-1]
        assert (event, facts["status"]) == ("error", "deleted")
    else:
        with pytest.raises(BodyCut, match="deleted"):
            list(pieces)


def test_events_that_end_while_the_database_is_away_are_cut(alice, chat, monkeypatch):
    reply_id = tell(alice, chat, "hello").reply_id
    pieces = iter(alice.get(f"/api/replies/{reply_id}/stream", headers={"Accept": EVENTS}).response)
    next(pieces)

    def away(*_):
        raise sa.exc.OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(routes, "describe_later", away)
    with pytest.raises(BodyCut, match="storage"):
        list(pieces)
