"""GET /api/replies/<id> and the messages of a chat: what is told about a reply, at rest and while it grows."""

import datetime as dt
import hashlib

import gevent
import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import begin, messages_of, new_chat, say, send, status_of, when_final
from tests.support.patience import Stopwatch

FIELDS = {
    *("id", "chatId", "status", "bytes", "sha256", "finishReason", "error", "model", "usage", "timings"),
    *("attempts", "waitingSince", "trace"),
}
METADATA = {"status", "bytes", "traceBytes", "model", "finishReason", "error", "usage", "startedAt", "finishedAt"} | {
    "laterAttempt"
}
MESSAGE = {"id", "chatId", "parentId", "role", "content", "metadata", "parts", "embedding", "createdAt"}


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def check_pair(person, chat, at, text):
    """One consistent pair: the content is `bytes` long and the beginning of the text."""
    message = messages_of(person, chat, at)[1]
    content = message["content"].encode()
    assert len(content) == message["metadata"]["bytes"]
    assert text.startswith(content)
    return len(content)


def test_w13_a_complete_reply_tells_all_of_this(ann):
    chat = new_chat(ann)
    body = say(ann, chat, "one two", "scripted-words:20:20")
    status = status_of(ann, body.reply_id)
    timings = status.pop("timings")
    assert status == {
        "id": body.reply_id,
        "chatId": chat,
        "status": "complete",
        "bytes": len(body.data),
        "sha256": hashlib.sha256(body.data).hexdigest(),
        "finishReason": "stop",
        "error": None,
        "model": "scripted-words:20:20",
        "trace": {"bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()},
        "usage": {"promptTokens": 2, "cachedTokens": None, "completionTokens": 20, "reasoningTokens": None}
        | {"totalTokens": 22, "cost": None},
        "attempts": 1,
        "waitingSince": None,
    }
    assert set(timings) == {"startedAt", "firstByteMs", "finishedAt"}
    started, finished = (dt.datetime.fromisoformat(timings[name]) for name in ("startedAt", "finishedAt"))
    assert dt.timedelta(seconds=0.3) < finished - started < dt.timedelta(seconds=20)
    assert 0 <= timings["firstByteMs"] <= (finished - started).total_seconds() * 1000


def test_a_running_reply_tells_what_is_there_and_since_when_it_waits(ann, provider):
    before = dt.datetime.now(dt.UTC)
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    status = status_of(ann, reply_id)
    assert set(status) == FIELDS
    assert (status["status"], status["bytes"], status["finishReason"], status["usage"]) == ("streaming", 9, None, None)
    assert status["sha256"] == hashlib.sha256(b"w0 w1 w2 ").hexdigest()
    assert status["timings"]["firstByteMs"] >= 0
    assert status["timings"]["finishedAt"] is None
    waiting = dt.datetime.fromisoformat(status["waitingSince"])
    assert before - dt.timedelta(seconds=1) < waiting <= dt.datetime.now(dt.UTC)


def test_another_server_tells_the_same(ann, there, provider):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    here, elsewhere = status_of(ann, reply_id), status_of(ann, reply_id, at=there.url)
    for field in FIELDS - {"timings", "waitingSince"}:
        assert elsewhere[field] == here[field]
    provider.release()
    when_final(ann, reply_id)
    assert status_of(ann, reply_id, at=there.url) == status_of(ann, reply_id)


def test_the_messages_of_a_chat_have_these_fields(ann):
    chat = new_chat(ann)
    body = say(ann, chat, "hello", "scripted-echo")
    user, assistant = messages_of(ann, chat)
    assert set(user) == set(assistant) == MESSAGE
    assert set(assistant["metadata"]) == METADATA
    assert (user["role"], assistant["role"]) == ("user", "assistant")
    assert (user["parentId"], assistant["parentId"]) == (None, user["id"])
    assert user["embedding"] is assistant["embedding"] is None
    assert user["chatId"] == assistant["chatId"] == chat
    assert user["createdAt"] <= assistant["createdAt"]
    assert assistant["metadata"]["bytes"] == len(body.data)


def test_messages_stand_in_the_order_in_which_they_were_said(ann):
    chat = new_chat(ann)
    for text in ("one", "two", "three"):
        say(ann, chat, text, "scripted-echo")
    shown = messages_of(ann, chat)
    assert [message["content"] for message in shown] == ["one", "one", "two", "two", "three", "three"]
    assert [message["parentId"] for message in shown] == [None, *(message["id"] for message in shown[:-1])]


def test_content_and_bytes_are_one_pair_at_every_moment_of_a_stream(ann, here, there):
    """Through commits, folds and the end of the reply; both by the server that writes and by the other."""
    chat, text = new_chat(ann), expected_text("scripted-endless:5", []).encode()
    sizes = {here.url: [], there.url: []}

    def look():
        for at, seen in sizes.items():
            seen.append(check_pair(ann, chat, at, text))

    with send(ann, chat, "hello", "scripted-endless:5") as body:
        reading, watch = gevent.spawn(body.to_end), Stopwatch()
        while watch.wall_seconds < 2 or any(len(set(seen)) < 6 for seen in sizes.values()):
            look()
            gevent.sleep(0.02)
        stopping = gevent.spawn(ann.post, f"/api/replies/{body.reply_id}/stop")
        while not (reading.ready() and stopping.ready()):
            look()
            gevent.sleep(0.02)
    look()
    for seen in sizes.values():
        assert seen == sorted(seen), "text went backwards"
        assert seen[-1] == len(body.data)


def test_a_reply_is_never_behind_what_a_reader_has_seen(ann, there):
    with send(ann, new_chat(ann), "hello", "scripted-words:200:10") as body:
        while body.cut is None:
            body.until(len(body.data) + 40)
            status = status_of(ann, body.reply_id, at=there.url)
            assert status["bytes"] >= len(body.data)


def test_a_chat_is_titled_by_its_first_message_unless_it_has_a_title(ann):
    untitled, titled = new_chat(ann), new_chat(ann, title="Mine")
    for chat in (untitled, titled):
        say(ann, chat, "  How do I   bake bread?\nI have flour.", "scripted-echo")
    assert ann.get(f"/api/chats/{untitled}").json()["data"]["title"] == "How do I bake bread?"
    assert ann.get(f"/api/chats/{titled}").json()["data"]["title"] == "Mine"


def test_w16_a_message_moves_its_chat_to_the_top_and_so_does_the_reply_s_end(ann, provider):
    first, second = new_chat(ann), new_chat(ann)
    reply_id = begin(ann, first, "hello", "scripted-hold:3", size=9)
    begun = ann.get("/api/chats").json()["data"]
    assert [chat["id"] for chat in begun] == [first, second]
    provider.release()
    when_final(ann, reply_id)
    assert ann.get("/api/chats").json()["data"][0]["updatedAt"] > begun[0]["updatedAt"]
