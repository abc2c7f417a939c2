"""A worker dies in mid-sentence and another goes on (promises 2, 3, 5; W14). Two workers in this process.

`first` and `second` share a database; `crash` ends the first as a power cut would.
"""

import hashlib
import time
import uuid

import gevent
import pytest
import sqlalchemy as sa

from macrochat.extensions import db
from macrochat.providers.scripted import expected_text
from macrochat.replies import recovery
from macrochat.replies.models import Reply, Worker
from tests.replies.asking import asked, messages_of, new_chat, question, status_of, unique, when_final
from tests.replies.hearing import hear, post
from tests.support import servers
from tests.support.answers import data_of
from tests.support.processes import wait_until

MODEL = "scripted-words:200:10"  # 2 s
HELD = "scripted-hold:20:200"  # the same text, of which most waits to be released
TEXT = expected_text(MODEL, []).encode()
NOTICED = 8  # seconds in which a crash must be noticed


BOTH_DATABASES = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def continue_mode():
    return "prompt"


@pytest.fixture(autouse=True)
def sweep_often(monkeypatch):
    monkeypatch.setattr(recovery, "SWEEP_SECONDS", 0.2)


@pytest.fixture
def first(run_app, kind, continue_mode, provider):
    with run_app(kind, MACROCHAT_CONTINUE_MODE=continue_mode, MACROCHAT_LEASE_SECONDS="1") as app:
        yield app


@pytest.fixture
def second(run_app, first, continue_mode):
    url = first.config["SETTINGS"].database_url.replace("+psycopg2", "")
    with run_app(url=url, MACROCHAT_CONTINUE_MODE=continue_mode, MACROCHAT_LEASE_SECONDS="60") as app:
        app.extensions["macrochat"].start()
        yield app


@pytest.fixture
def ada(first):
    return servers.register(first.test_client(), "ada@example.org")


@pytest.fixture
def ada_there(second, ada):
    """Ada, who talks to the second worker."""
    person = second.test_client()
    login = {"email": "ada@example.org", "password": servers.PASSWORD}
    assert person.post("/api/auth/login", json=login).status_code == 200
    return person


def crash(app, *, lease_runs=False):
    """With `lease_runs` the others have to wait until it is over; else it is, which makes a test a second shorter."""
    room = app.extensions["macrochat"]
    over = sa.update(Worker).where(Worker.id == room.worker_id).values(lease_until=1)
    room.stop()
    room.start = lambda worker=None: None  # requests that still wait in it must not bring it back to life
    if not lease_runs:
        with app.app_context():
            db.session.execute(over)
            db.session.commit()


def begin(person, text="hello", model=MODEL, size=40):
    """The chat and the id of a reply of which `size` bytes are there."""
    chat = new_chat(person)
    reply_id = post(person, chat, question(text, model=model)).headers["X-Reply-Id"]
    wait_until(lambda: status_of(person, reply_id)["bytes"] >= size)
    return chat, reply_id


def set_reply(app, reply_id, **values):
    with app.app_context():
        db.session.execute(sa.update(Reply).where(Reply.id == uuid.UUID(reply_id)).values(**values))
        db.session.commit()


@BOTH_DATABASES
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
    heard = reading.get(timeout=NOTICED + 5)
    assert (heard.data, heard.cut) == (TEXT, None)


def test_whoever_read_from_the_dead_comes_back_by_offset(first, ada, ada_there):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.3)
    crash(first)
    seen = reading.get(timeout=5)
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
    heard = reading.get(timeout=5)
    assert heard.cut == "interrupted"
    assert heard.data == messages_of(ada_there, chat)[1]["content"].encode()


def fence(app, by=None):
    """The worker slept through its lease, and another has taken everything over; without `by`, one that died at once."""
    room, taker = app.extensions["macrochat"], by and by.extensions["macrochat"]
    asleep = sa.update(Worker).where(Worker.id == room.worker_id).values(lease_until=1)
    taker_id = taker.worker_id if taker else uuid.uuid4()

    def sleep_and_be_fenced(connection):
        connection.execute(asleep)
        return recovery._sweep(connection, connection.dialect.name, taker_id)

    for orphan in room.store.transact(sleep_and_be_fenced):
        if taker:
            taker._take_over(orphan)


@BOTH_DATABASES
def test_a_worker_that_was_fenced_begins_a_new_life_and_its_readers_see_a_pause(first, second, ada, ada_there):
    chat, reply_id = begin(ada)
    room = first.extensions["macrochat"]
    before = room.worker_id
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.1)
    fence(first, by=second)
    status = when_final(ada, reply_id, NOTICED)
    heard = reading.get(timeout=5)
    assert status["status"] == "complete"
    assert status["attempts"] >= 2
    assert (heard.data, heard.cut) == (TEXT, None)
    assert messages_of(ada, chat)[1]["content"].encode() == TEXT
    wait_until(lambda: room.ready and room.worker_id != before, 3, "a new life")
    assert hear(post(ada, new_chat(ada), question("hello", model="scripted-echo"))).data == b"hello"


@BOTH_DATABASES
def test_a_worker_that_is_alone_goes_on_with_the_replies_it_was_fenced_from(first, ada, provider):
    replies = [begin(ada, model=model) for model in (MODEL, MODEL, HELD)]
    readers = [gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream")) for _chat, reply_id in replies]
    gevent.sleep(0.1)
    fence(first)
    _chat, held = replies[-1]
    wait_until(lambda: status_of(ada, held)["attempts"] == 3, NOTICED, "taken over by the one that died, and back")
    provider.release()
    for (chat, reply_id), reading in zip(replies, readers, strict=True):
        status = when_final(ada, reply_id, NOTICED)
        heard = reading.get(timeout=5)
        assert (status["status"], heard.data, heard.cut) == ("complete", TEXT, None)
        assert messages_of(ada, chat)[1]["content"].encode() == TEXT


def test_a_worker_that_drains_is_not_dead_and_keeps_the_replies_that_have_time_to_finish(first, ada, provider):
    """A drain may last longer than the lease, which must be renewed until the rest is handed over."""
    room = first.extensions["macrochat"]

    def lease():
        with first.app_context():
            return db.session.scalar(sa.select(Worker.lease_until).where(Worker.id == room.worker_id))

    _chat, reply_id = begin(ada, model=HELD)
    draining = gevent.spawn(room.drain, 20)
    gevent.sleep(0.1)
    before = lease()
    wait_until(lambda: lease() > before, 5, "renewed")
    provider.release()
    status = when_final(ada, reply_id)
    assert (status["status"], status["bytes"], status["attempts"]) == ("complete", len(TEXT), 1)
    draining.get(timeout=12)
    assert lease() in (None, 0), "given up at the end"


@BOTH_DATABASES
def test_what_does_not_finish_in_time_is_handed_over_at_once(first, ada, ada_there):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.1)
    began = time.monotonic()
    first.extensions["macrochat"].drain(0.1)
    seen = reading.get(timeout=5)
    assert seen.cut == "shutdown"
    wait_until(lambda: status_of(ada_there, reply_id)["attempts"] == 2, NOTICED, "taken over")
    assert time.monotonic() - began < 3
    rest = hear(ada_there.get(f"/api/replies/{reply_id}/stream?offset={len(seen.data)}"))
    assert seen.data + rest.data == TEXT
    with first.app_context():
        takeovers = db.session.scalar(sa.select(Reply.takeovers).where(Reply.id == uuid.UUID(reply_id)))
    assert takeovers == 0, "a deploy is not the reply's fault"
