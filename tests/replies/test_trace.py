"""The second lane: what is kept of how a reply came about, and the one order that both lanes have."""

import hashlib
import json

import pytest

from macrochat.providers.base import Opaque
from macrochat.providers.scripted import expected_text, expected_thought
from macrochat.replies.trace import Line, encode, in_mid_thought, lines, parts
from tests.replies.asking import Body, begin, follow, messages_of, new_chat, say, send, status_of, when_final
from tests.support.answers import refusal
from tests.support.events import events, parts_of, parts_of_message
from tests.support.processes import wait_until

EVENTS = "text/event-stream"
MODEL = "scripted-thinks:5:0:5"
THOUGHT, TEXT = expected_thought(MODEL), expected_text(MODEL, [])
PARTS = [("reasoning", THOUGHT), ("text", TEXT)]


# The lines


def reasoning(at, text, t=1.0):
    return Line(at, t, "reasoning", text)


def test_thoughts_in_a_row_are_one_line():
    trace = encode(
        [reasoning(0, "a"), reasoning(0, "b", 2.0), Line(0, 3.0, "opaque", value={"x": 1}), reasoning(0, "c")]
    )
    assert [line.text for line in lines(trace)] == ["ab", "", "c"]
    assert trace.count(b"\n") == 3
    assert json.loads(trace.split(b"\n")[0]) == {"at": 0, "t": 1.0, "kind": "reasoning", "text": "ab"}


def test_a_long_thought_is_several_lines():
    text = "é" * 100_000
    trace = encode([reasoning(0, text)])
    assert "".join(line.text for line in lines(trace)) == text
    assert max(map(len, trace.split(b"\n"))) < 80_000


def test_parts_are_the_merge_of_both_lanes():
    trace = encode([reasoning(0, "hm "), reasoning(0, "so", 3.5), Line(2, 4.0, "restart"), reasoning(2, "again", 5.0)])
    started = "1970-01-01T00:00:01.000Z"
    assert parts("AéB", trace.replace(b'"at":2', b'"at":3')) == [
        {"type": "reasoning", "text": "hm so", "startedAt": started, "durationMs": 0},
        {"type": "text", "text": "Aé"},
        {"type": "restart", "at": 3, "hurried": False},
        {"type": "reasoning", "text": "again", "startedAt": "1970-01-01T00:00:05.000Z", "durationMs": 0},
        {"type": "text", "text": "B"},
    ]


def test_a_thought_lasts_until_the_answer_begins():
    trace = encode([reasoning(0, "hm", 1.0), Line(0, 43.0, "answer")])
    assert [part.get("durationMs") for part in parts("So.", trace)] == [42_000, None]


def test_a_line_of_a_kind_to_come_and_one_that_is_none_are_passed_over():
    trace = b'{"at":0,"t":1,"kind":"dream","colour":"blue"}\n{"at":\n' + encode([reasoning(0, "hm")])
    assert [part["type"] for part in parts("x", trace)] == ["reasoning", "text"]


@pytest.mark.parametrize(
    ("told", "size", "expected"),
    [
        ([], 0, False),
        ([reasoning(0, "hm")], 0, True),
        ([reasoning(0, "hm")], 3, False),
        ([reasoning(0, "hm"), Line(0, 1.0, "opaque", value={})], 0, True),
        ([reasoning(0, "hm"), Line(0, 1.0, "restart")], 0, False),
        ([reasoning(3, "hm")], 3, True),
        ([reasoning(0, "hm"), Line(0, 1.0, "answer")], 0, False),
    ],
)
def test_whether_a_reply_broke_off_in_mid_thought(told, size, expected):
    assert in_mid_thought(encode(told), size) is expected


# Over the wire


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def test_a_thought_is_the_same_live_stored_and_read_elsewhere(ann, there):
    chat = new_chat(ann)
    with send(ann, chat, "hello", MODEL, Accept=EVENTS) as body:
        live = events(body.to_end())
    assert parts_of(live) == PARTS
    status = status_of(ann, body.reply_id)
    assert live[-1].cursor == (status["bytes"], status["trace"]["bytes"])
    assert live[-1].data == status
    message = messages_of(ann, chat)[-1]
    assert parts_of_message(message) == PARTS
    assert (message["content"], message["metadata"]["traceBytes"]) == (TEXT, status["trace"]["bytes"])
    with follow(ann, f"/replies/{body.reply_id}/stream", Accept=EVENTS, at=there.url) as again:
        assert parts_of(events(again.to_end())) == PARTS
    with follow(ann, f"/replies/{body.reply_id}/trace") as raw:
        trace = raw.to_end()
    assert raw.headers["Content-Type"].startswith("application/jsonl")
    assert hashlib.sha256(trace).hexdigest() == status["trace"]["sha256"]
    assert "".join(line.text for line in lines(trace)) == THOUGHT
    with follow(ann, f"/replies/{body.reply_id}/trace?offset=7") as rest:
        assert rest.to_end() == trace[7:]


def test_text_plain_stays_what_it_is(ann):
    body = say(ann, new_chat(ann), "hello", MODEL)
    assert body.data.decode() == TEXT
    with follow(ann, f"/replies/{body.reply_id}/stream?offset=3") as rest:
        assert rest.to_end().decode() == TEXT[3:]


def test_a_message_without_its_parts(ann):
    chat = new_chat(ann)
    say(ann, chat, "hello", MODEL)
    shown = ann.get(f"/api/chats/{chat}?parts=0").json()["data"]["messages"]
    assert all("parts" not in message for message in shown)
    [asked, _answer] = messages_of(ann, chat)
    assert asked["parts"] == [{"type": "text", "text": "hello"}]


def test_whoever_comes_back_with_a_cursor_misses_nothing_and_gets_nothing_twice(ann, there):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    with follow(ann, f"/replies/{reply_id}/stream", Accept=EVENTS) as body:
        whole = events(body.to_end())
    for count, event in enumerate(whole[:-1], 1):
        for by in ({"path": f"?cursor={event.id}"}, {"Last_Event_ID": event.id}):
            path = f"/replies/{reply_id}/stream{by.pop('path', '')}"
            with follow(ann, path, Accept=EVENTS, at=there.url, **by) as rest:
                assert parts_of(whole[:count] + events(rest.to_end())) == PARTS


def test_a_single_number_knows_the_text_only(ann):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    with follow(ann, f"/replies/{reply_id}/stream?cursor=3", Accept=EVENTS) as body:
        assert parts_of(events(body.to_end())) == [("reasoning", THOUGHT), ("text", TEXT[3:])]


def test_a_cursor_inside_a_line_gets_the_line_once_more(ann):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    with follow(ann, f"/replies/{reply_id}/stream?cursor=0.5", Accept=EVENTS) as body:
        assert parts_of(events(body.to_end())) == PARTS


@pytest.mark.parametrize("cursor", ["", "x", "1.", ".1", "1.2.3", "-1.0", "1.-1", "1e3", "1,2", "٣"])
def test_what_is_no_cursor_is_refused(ann, cursor):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    answer = ann.get(f"/api/replies/{reply_id}/stream", params={"cursor": cursor})
    refusal(answer, 400, "INVALID_OFFSET")


@pytest.mark.parametrize("place", ["stream?cursor=0.100000", "stream?cursor=100000.0", "trace?offset=100000"])
def test_a_cursor_behind_the_end_is_refused(ann, place):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    answer = ann.get(f"/api/replies/{reply_id}/{place}", headers={"Accept": EVENTS})
    refusal(answer, 416, "OFFSET_OUT_OF_RANGE")


@pytest.mark.parametrize("offset", ["", "x", "-1", "1.5"])
def test_what_is_no_offset_of_a_trace_is_refused(ann, offset):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    answer = ann.get(f"/api/replies/{reply_id}/trace", params={"offset": offset})
    refusal(answer, 400, "INVALID_OFFSET")


def test_an_answer_that_is_only_thought_is_whole_and_its_thought_is_shown(ann):
    chat = new_chat(ann)
    status = when_final(ann, say(ann, chat, "hello", "scripted-thinks-only").reply_id)
    assert (status["status"], status["bytes"], status["error"]) == ("complete", 0, None)
    message = messages_of(ann, chat)[-1]
    assert message["content"] == ""
    assert parts_of_message(message) == [("reasoning", "let me think")]


def test_an_answer_that_was_only_thought_is_not_replaced_by_the_one_before(ann):
    chat = new_chat(ann)
    say(ann, chat, "hello", "scripted-words:3")
    again = {"messages": [{"role": "user", "content": "hello"}], "trigger": "regenerate-message"}
    ann.post(f"/api/chats/{chat}/stream", json=again | {"model": "scripted-thinks-only"})
    assert parts_of_message(messages_of(ann, chat)[-1]) == [("reasoning", "let me think")]


def test_a_thought_between_two_words_keeps_its_place(ann):
    chat = new_chat(ann)
    say(ann, chat, "hello", "scripted-thinks-after")
    expected = [("text", "the "), ("reasoning", "let me think"), ("text", "answer ")]
    assert parts_of_message(messages_of(ann, chat)[-1]) == expected


def test_a_thought_that_broke_off_stays_and_the_next_try_begins_the_step_again(ann):
    chat = new_chat(ann)
    status = when_final(ann, say(ann, chat, "hello", "scripted-thinks-cut:3").reply_id)
    assert status["status"] == "failed"
    thought = expected_thought("scripted-thinks-cut:3")
    assert parts_of_message(messages_of(ann, chat)[-1]) == [("reasoning", thought)]
    with ann.stream("POST", f"/api/replies/{status['id']}/continue") as response:
        Body(response).to_end()
    assert parts_of_message(messages_of(ann, chat)[-1]) == [
        ("reasoning", thought),
        ("restart", ""),
        ("reasoning", thought),
    ]


def test_a_thought_is_told_apart_from_what_only_its_server_understands(ann):
    chat = new_chat(ann)
    reply_id = say(ann, chat, "hello", "scripted-openrouter").reply_id
    with follow(ann, f"/replies/{reply_id}/trace") as raw:
        kinds = [line.kind for line in lines(raw.to_end())]
    assert kinds[-1] == "opaque"
    assert "signature" not in ann.get(f"/api/chats/{chat}").text


# How long it thinks


def test_the_models_say_what_they_can_be_asked(ann):
    efforts = {model["id"]: model["efforts"] for model in ann.get("/api/models").json()["data"]}
    assert efforts["gpt-5/scripted-thinks:5:0:5"] == ["minimal", "low", "medium", "high"]
    assert efforts["scripted-words:3"] == []


def test_an_effort_is_asked_of_the_model(ann, provider):
    model = "gpt-5/scripted-thinks:5:0:5"
    for effort in ("high", None):
        body = {"messages": [{"role": "user", "content": "hello"}], "model": model, "effort": effort}
        assert ann.post(f"/api/chats/{new_chat(ann)}/stream", json=body).status_code == 200
    assert [request["body"].get("reasoning_effort") for request in provider.requests] == ["high", None]


def test_an_effort_that_nobody_knows_is_refused(ann):
    body = {"messages": [{"role": "user", "content": "hello"}], "effort": "heroic"}
    refusal(ann.post(f"/api/chats/{new_chat(ann)}/stream", json=body), 400, "VALIDATION_ERROR")


def test_somebody_who_cannot_wait_gets_the_answer_now(ann, there, provider):
    chat, model = new_chat(ann), "gpt-5/scripted-thinks:40:100:6"
    reply_id = begin(ann, chat, "hello", model)
    wait_until(lambda: status_of(ann, reply_id)["trace"]["bytes"], what="a thought")
    answer = ann.post(f"{there.url}/api/replies/{reply_id}/answer-now")
    assert answer.status_code == 200
    wait_until(lambda: len(provider.requests) == 2, what="asked again")
    assert provider.requests[1]["body"]["reasoning_effort"] == "minimal"
    provider.release()
    ann.post(f"/api/replies/{reply_id}/stop")
    kinds = [kind for kind, _text in parts_of_message(messages_of(ann, chat)[-1])]
    assert kinds[:2] == ["reasoning", "restart"]


def test_what_is_not_being_thought_about_cannot_be_hurried(ann):
    for model in (MODEL, "gpt-5/scripted-thinks:5:0:5"):
        reply_id = say(ann, new_chat(ann), "hello", model).reply_id
        refusal(ann.post(f"/api/replies/{reply_id}/answer-now"), 409, "CANNOT_HURRY")


def test_nobody_else_hurries_it_or_reads_its_thoughts(ann, ben):
    reply_id = say(ann, new_chat(ann), "hello", MODEL).reply_id
    refusal(ben.post(f"/api/replies/{reply_id}/answer-now"), 404, "REPLY_NOT_FOUND")
    refusal(ben.get(f"/api/replies/{reply_id}/trace"), 404, "REPLY_NOT_FOUND")


def test_opaque_lines_hold_what_they_were_given():
    value = {"reasoning_details": [{"data": "ZW5j"}]}
    [line] = lines(encode([Line(0, 1.0, "opaque", value=Opaque(value).value)]))
    assert line.value == value
