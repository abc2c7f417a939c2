"""A worker dies in mid-sentence and another goes on (promises 2, 3, 5; W14). Two workers in this process.

`first` and `second` share a database; `crash` ends the first as a power cut would.
"""

import hashlib

import gevent
import pytest

from tests.replies.asking import asked, messages_of, new_chat, question, unique, when_final
from tests.replies.hearing import hear, post
from tests.replies.workers import HELD, NOTICED, TEXT, begin, crash, set_reply
from tests.support.answers import data_of
from tests.support.processes import wait_until

BOTH_DATABASES = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
pytestmark = pytest.mark.usefixtures("sweeps_come_often")


@BOTH_DATABASES
@pytest.mark.parametrize("lease_seconds", [2])
def test_the_reply_goes_on_from_the_last_committed_byte(first, ada, ada_there, provider):
    text = unique()
    chat, reply_id = begin(ada, text)
    crash(first, lease_runs=True)
    status = when_final(ada_there, reply_id, NOTICED + 3)
    assert (status["status"], status["attempts"], status["finishReason"]) == ("complete", 2, "stop")
    assert (status["bytes"], status["sha256"]) == (len(TEXT), hashlib.sha256(TEXT).hexdigest())
    assert messages_of(ada_there, chat)[1]["content"].encode() == TEXT
    requests = asked(provider, text)
    assert len(requests) == 2
    carried_on = requests[1]["messages"][-2]
    assert carried_on["role"] == "assistant"
    assert TEXT.startswith(carried_on["content"].encode())
    assert len(carried_on["content"]) >= 40


@BOTH_DATABASES
def test_whoever_reads_elsewhere_sees_a_pause_and_not_an_end(first, ada, ada_there):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada_there.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.3)
    crash(first)
    heard = reading.get(timeout=30)
    assert (heard.data, heard.cut) == (TEXT, None)


def test_whoever_read_from_the_dead_comes_back_by_offset(first, ada, ada_there):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.3)
    crash(first)
    seen = reading.get(timeout=30)
    assert seen.cut == "shutdown"
    assert TEXT.startswith(seen.data)
    rest = hear(ada_there.get(f"/api/replies/{reply_id}/stream?offset={len(seen.data)}"))
    assert seen.data + rest.data == TEXT


def test_a_reply_that_had_not_begun_is_begun_once(first, ada, second, ada_there, provider):
    text, chat = unique(), new_chat(ada)
    gevent.spawn(post, ada, chat, question(text, model="scripted-hold"))
    wait_until(lambda: asked(provider, text))
    crash(first)
    wait_until(lambda: len(asked(provider, text)) == 2, NOTICED, "begun again")
    provider.release()
    [_user, assistant] = messages_of(ada_there, chat)
    assert when_final(ada_there, assistant["id"])["status"] == "complete"
    gevent.sleep(1.5)
    assert len(asked(provider, text)) == 2


def test_a_crash_between_the_commit_and_the_generation_is_found(first, ada, ada_there, provider, monkeypatch):
    text, chat = unique(), new_chat(ada)
    room = first.extensions["macrochat"]
    monkeypatch.setattr(room, "generate", lambda *_: crash(first) or gevent.sleep(60))
    sending = gevent.spawn(post, ada, chat, question(text, model="scripted-echo"))
    wait_until(lambda: asked(provider, text), NOTICED, "begun by the other")
    reply_id = messages_of(ada_there, chat)[1]["id"]
    assert when_final(ada_there, reply_id)["status"] == "complete"
    assert [message["content"] for message in messages_of(ada_there, chat)] == [text, text]
    assert len(asked(provider, text)) == 1
    sending.kill()


def test_a_stop_while_nobody_writes_is_kept(first, ada, ada_there, provider):
    text = unique()
    chat, reply_id = begin(ada, text)
    crash(first)
    data_of(ada_there.post(f"/api/replies/{reply_id}/stop"))
    status = when_final(ada_there, reply_id, NOTICED)
    assert (status["status"], status["error"]) == ("stopped", None)
    assert TEXT.startswith(messages_of(ada_there, chat)[1]["content"].encode())
    assert len(asked(provider, text)) == 1


def test_a_reply_is_taken_over_three_times_and_then_interrupted(first, ada, ada_there):
    chat, reply_id = begin(ada)
    set_reply(first, reply_id, takeovers=3)
    crash(first)
    status = when_final(ada_there, reply_id, NOTICED)
    content = messages_of(ada_there, chat)[1]["content"].encode()
    assert (status["status"], status["error"]["code"]) == ("interrupted", "WORKER_LOST")
    assert status["bytes"] == len(content) >= 40
    assert TEXT.startswith(content)


@pytest.mark.parametrize("continue_mode", ["prefill"])
def test_a_model_that_goes_on_by_prefill_does(first, ada, ada_there, provider):
    text = unique()
    _chat, reply_id = begin(ada, text, HELD)
    crash(first)
    wait_until(lambda: len(asked(provider, text)) == 2, NOTICED, "taken over")
    provider.release()
    assert when_final(ada_there, reply_id)["bytes"] == len(TEXT)
    assert asked(provider, text)[1]["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("continue_mode", ["none"])
def test_a_model_that_cannot_go_on_leaves_an_interrupted_reply(first, ada, ada_there):
    chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada_there.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.3)
    crash(first)
    status = when_final(ada_there, reply_id, NOTICED)
    assert (status["status"], status["error"]["code"]) == ("interrupted", "WORKER_LOST")
    heard = reading.get(timeout=30)
    assert heard.cut == "interrupted"
    assert heard.data == messages_of(ada_there, chat)[1]["content"].encode()
