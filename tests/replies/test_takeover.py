"""A worker dies in mid-sentence and another goes on (promises 2, 3, 5; W14). Two workers in this process.

`first` and `second` share a database; `crash` ends the first as a power cut would.
"""

import hashlib

import gevent
import pytest

from macrochat.errors import (
    UpstreamBusy,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
    ValidationError,
)
from macrochat.providers.scripted import expected_text
from macrochat.replies.writing import takeover
from macrochat.replies.writing.step import LASTING
from tests.replies.asking import asked, messages_of, new_chat, question, status_of, unique, when_final
from tests.replies.hearing import hear, post
from tests.replies.workers import HELD, MODEL, NOTICED, TEXT, begin, crash, set_reply
from tests.support.answers import data_of
from tests.support.processes import wait_until

SILENT_TEXT = expected_text("scripted-hold", []).encode()
BOTH_DATABASES = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
pytestmark = pytest.mark.usefixtures("sweeps_come_often")


@BOTH_DATABASES
@pytest.mark.parametrize("lease_seconds", [2])
def test_the_reply_goes_on_from_the_last_committed_byte(first, ada, ada_there, provider):
    text = unique()
    chat, reply_id = begin(ada, text)
    crash(first, lease_runs=True)
    provider.release()
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
def test_whoever_reads_elsewhere_sees_a_pause_and_not_an_end(first, ada, ada_there, provider):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada_there.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.3)
    crash(first)
    provider.release()
    heard = reading.get(timeout=30)
    assert (heard.data, heard.cut) == (TEXT, None)


def test_whoever_read_from_the_dead_comes_back_by_offset(first, ada, ada_there, provider):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.3)
    crash(first)
    provider.release()
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
    room.start()
    monkeypatch.setattr(room.worker, "generate", lambda *_: crash(first) or gevent.sleep(60))
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


@pytest.mark.parametrize("size", [0, 40], ids=["before its first byte", "in mid-text"])
def test_a_provider_that_is_away_at_a_takeover_is_asked_until_it_is_back(first, ada, ada_there, second, provider, size):
    """8 s without a provider at a restart: 30 of 30 replies had failed within 0.8 s."""
    away = [UpstreamUnreachable(), UpstreamBusy(retry_after=1), UpstreamTimeout(), UpstreamRefused()]
    text = unique()
    chat, reply_id = begin(ada, text, HELD, size=20) if size else begin_silent(ada, text, provider)
    [there] = second.extensions["macrochat.registry"].providers

    def refuse(request):
        if not away:
            return type(there).open(there, request)
        raise away.pop(0)

    there.open = refuse
    crash(first)
    wait_until(lambda: len(asked(provider, text)) == 2, 20, "asked again")
    provider.release()
    status = when_final(ada_there, reply_id)
    assert (status["status"], status["attempts"], away) == ("complete", 2, [])
    assert messages_of(ada_there, chat)[1]["content"].encode() == (TEXT if size else SILENT_TEXT)
    del there.open


def test_a_provider_that_never_comes_back_is_given_up(first, ada, ada_there, second, monkeypatch):
    """However long it asks to be left alone."""
    monkeypatch.setattr(takeover, "PATIENCE_SECONDS", 1.5)
    _chat, reply_id = begin(ada, model=HELD)
    [there] = second.extensions["macrochat.registry"].providers
    tries = []
    there.open = lambda request: tries.append(request) or refuse_always(UpstreamBusy(retry_after=3600))
    crash(first)
    status = when_final(ada_there, reply_id, NOTICED)
    assert (status["status"], status["error"]["code"]) == ("failed", "UPSTREAM_BUSY")
    assert len(tries) >= 2
    assert status["bytes"] >= 40
    del there.open


def test_a_reply_that_waits_for_its_provider_can_be_stopped(first, ada, ada_there, second, provider):
    _chat, reply_id = begin(ada, model=HELD)
    [there] = second.extensions["macrochat.registry"].providers
    tries = []
    there.open = lambda request: tries.append(request) or refuse_always()
    crash(first)
    wait_until(lambda: tries, NOTICED, "tried")
    assert data_of(ada_there.post(f"/api/replies/{reply_id}/stop"))["status"] == "stopped"
    del there.open


@pytest.mark.parametrize("lasting", LASTING)
def test_what_no_waiting_mends_fails_at_once(first, ada, ada_there, second, provider, lasting):
    _chat, reply_id = begin(ada, model=HELD)
    [there] = second.extensions["macrochat.registry"].providers
    there.open = lambda request: refuse_always(lasting)
    crash(first)
    status = when_final(ada_there, reply_id, NOTICED)
    assert (status["status"], status["error"]["code"]) == ("failed", lasting.code)
    del there.open


def test_a_send_is_refused_at_once(ada_there, second):
    """Somebody waits for the answer."""
    [there] = second.extensions["macrochat.registry"].providers
    there.open = lambda request: refuse_always()
    answer = post(ada_there, new_chat(ada_there), question("hello", model="scripted-echo"))
    assert answer.get_json()["code"] == "UPSTREAM_UNREACHABLE"
    del there.open


def refuse_always(refusal=UpstreamUnreachable):
    raise refusal


def begin_silent(person, text, provider):
    """As `begin`, of a reply that says nothing before it is released."""
    chat = new_chat(person)
    gevent.spawn(post, person, chat, question(text, model="scripted-hold"))
    wait_until(lambda: asked(provider, text))
    return chat, wait_until(lambda: messages_of(person, chat)[1:])[0]["id"]


def test_a_reply_whose_model_is_not_known_here_is_left_to_others(first, ada, ada_there, second, provider, monkeypatch):
    """A deploy that knows another model begins while the old workers still run."""
    text = unique()
    _chat, reply_id = begin(ada, text, HELD)
    _chat, other = begin(ada, text, MODEL)
    monkeypatch.setattr(takeover, "knows", lambda registry, model, provider: model != HELD)
    crash(first)
    assert when_final(ada_there, other, NOTICED)["status"] == "complete"
    gevent.sleep(1)
    status = status_of(ada_there, reply_id)
    assert (status["status"], status["attempts"]) == ("streaming", 1)
    monkeypatch.setattr(takeover, "knows", lambda registry, model, provider: True)
    wait_until(lambda: status_of(ada_there, reply_id)["attempts"] == 2, NOTICED, "taken over by one that knows it")
    provider.release()
    assert when_final(ada_there, reply_id)["bytes"] == len(TEXT)


def test_a_reply_whose_model_nobody_knows_ends_after_a_while(first, ada, ada_there, second, monkeypatch):
    monkeypatch.setattr(takeover, "LEAVE_SECONDS", 1.0)
    _chat, reply_id = begin(ada, model=HELD)
    registry = second.extensions["macrochat.registry"]
    monkeypatch.setattr(registry, "resolve", unknown)
    crash(first)
    status = when_final(ada_there, reply_id, NOTICED)
    assert (status["status"], status["error"]["code"]) == ("interrupted", "WORKER_LOST")


def unknown(_model=None):
    raise ValidationError("There is no such model here", code="UNKNOWN_MODEL")


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
