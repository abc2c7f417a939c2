"""Stop (W8): from anywhere, at any moment, however often; the upstream is closed and what was seen is what is kept."""

import time

import gevent
import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import (
    asked,
    begin,
    follow,
    messages_of,
    new_chat,
    question,
    say,
    send,
    status_of,
    unique,
    when_final,
)
from tests.support.answers import data_of, refusal, without_request_id
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def stop(person, reply_id, at=""):
    return data_of(person.post(f"{at}/api/replies/{reply_id}/stop"))


@pytest.mark.parametrize("where", ["here", "there"])
def test_w08_in_the_middle_of_a_reply(ann, here, there, provider, where):
    chat, text, at = new_chat(ann), unique(), {"here": here.url, "there": there.url}[where]
    with (
        send(ann, chat, text, "scripted-endless:5") as body,
        follow(ann, f"/replies/{body.reply_id}/stream", at=there.url) as other,
    ):
        body.until(60)
        reading, elsewhere = gevent.spawn(body.to_end), gevent.spawn(other.to_end)
        watch = Stopwatch()
        status = stop(ann, body.reply_id, at)
        took = watch.seconds
        reading.get(timeout=30)
        elsewhere.get(timeout=30)
    assert status["status"] == "stopped"
    assert took < 1, "promise 5"
    assert (body.cut, other.cut) == (False, False), "a stop is a clean end"
    assert body.data == other.data
    assert messages_of(ann, chat)[1]["content"].encode() == body.data
    assert status == status_of(ann, body.reply_id)
    assert status["bytes"] == len(body.data)
    [record] = asked(provider, text)
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 1, "upstream closed")
    assert expected_text("scripted-endless:5", record["messages"]).startswith(body.data.decode())


def test_a_stop_from_another_server_acts_within_300_ms(ann, there, provider):
    """Of several tries the quickest counts: the bound is the product's, the noise is this machine's."""
    times = []
    for _ in range(4):
        text = unique()
        reply_id = begin(ann, new_chat(ann), text, "scripted-endless:5", size=9)
        asked_at, watch = time.time(), Stopwatch()
        stop(ann, reply_id, there.url)
        waited = watch.wall_seconds - watch.seconds
        wait_until(lambda text=text: asked(provider, text)[0]["ended"], 2, "upstream closed")
        times.append(asked(provider, text)[0]["ended"] - asked_at - waited)
    assert min(times) < 0.3, times


def test_before_the_first_token(ann, provider):
    chat, text = new_chat(ann), unique()
    sending = gevent.spawn(say, ann, chat, text, "scripted-silent")
    wait_until(lambda: asked(provider, text))
    reply_id = messages_of(ann, chat)[1]["id"]
    status = stop(ann, reply_id)
    assert (status["status"], status["bytes"], status["error"]) == ("stopped", 0, None)
    body = sending.get(timeout=30)
    assert (body.status_code, body.data, body.cut) == (200, b"", False)
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 1, "upstream closed")


def test_before_the_first_token_from_another_server(ann, there, provider):
    chat, text = new_chat(ann), unique()
    sending = gevent.spawn(say, ann, chat, text, "scripted-silent")
    wait_until(lambda: asked(provider, text))
    assert stop(ann, messages_of(ann, chat)[1]["id"], there.url)["status"] == "stopped"
    assert sending.get(timeout=30).data == b""
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 1, "upstream closed")


def test_twice_and_at_the_same_moment(ann, here, there, provider):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    stops = [gevent.spawn(stop, ann, reply_id, at) for at in [here.url, there.url] * 3]
    found = [job.get(timeout=60) for job in stops]
    assert {status["status"] for status in found} == {"stopped"}
    assert stop(ann, reply_id) == status_of(ann, reply_id)
    assert status_of(ann, reply_id)["bytes"] == 9


@pytest.mark.parametrize(("model", "final"), [("scripted-words:3", "complete"), ("scripted-cut:3", "failed")])
def test_after_the_end_nothing_changes(ann, there, model, final):
    reply_id = say(ann, new_chat(ann), "hello", model).reply_id
    before = status_of(ann, reply_id)
    assert before["status"] == final
    for at in ("", there.url):
        assert stop(ann, reply_id, at) == before


def test_a_stop_in_a_chat_stops_what_runs_there(ann, there, provider):
    chat = new_chat(ann)
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    status = data_of(ann.post(f"{there.url}/api/chats/{chat}/stop"))
    assert (status["id"], status["status"], status["bytes"]) == (reply_id, "stopped", 9)


def test_a_stop_in_a_chat_where_nothing_runs_tells_of_the_last_reply(ann):
    chat = new_chat(ann)
    assert data_of(ann.post(f"/api/chats/{chat}/stop")) is None
    reply_id = say(ann, chat, "hello", "scripted-echo").reply_id
    status = data_of(ann.post(f"/api/chats/{chat}/stop"))
    assert (status["id"], status["status"]) == (reply_id, "complete")


def test_a_chat_is_free_after_a_stop_and_the_model_knows_what_was_said(ann, provider):
    chat, text = new_chat(ann), unique()
    stop(ann, begin(ann, chat, "hello", "scripted-hold:3", size=9))
    assert say(ann, chat, text, "scripted-echo").data.decode() == text
    said = [message["content"] for message in asked(provider, text)[0]["messages"]]
    assert said == ["hello", "w0 w1 w2 ", text]


def test_a_stranger_stops_nothing_and_learns_nothing(ann, ben, provider):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    theirs = ben.post(f"/api/replies/{reply_id}/stop")
    refusal(theirs, 404, "REPLY_NOT_FOUND")
    unknown = ben.post("/api/replies/01890a5d-ac96-774b-bcce-b302099a8057/stop")
    assert without_request_id(theirs) == without_request_id(unknown)
    assert status_of(ann, reply_id)["status"] == "streaming"


def test_a_repeat_of_a_stopped_send_is_the_stopped_reply(ann, provider):
    chat, body = new_chat(ann), question("hello", model="scripted-hold:3")
    headers = {"Idempotency-Key": "key"}
    with ann.stream("POST", f"/api/chats/{chat}/stream", json=body, headers=headers) as answer:
        reply_id = answer.headers["X-Reply-Id"]
        next(answer.iter_raw())
    when_stopped = stop(ann, reply_id)
    again = ann.post(f"/api/chats/{chat}/stream", json=body, headers=headers)
    assert (again.status_code, len(again.content)) == (200, when_stopped["bytes"])
    assert when_final(ann, reply_id) == when_stopped
