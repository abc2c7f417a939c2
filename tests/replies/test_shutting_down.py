"""What a worker answers while it drains, and while it has no lease because the database is away."""

import pytest

from tests.replies.asking import messages_of, new_chat, question, status_of
from tests.replies.hearing import hear, post, tell
from tests.support import servers
from tests.support.answers import data_of, refusal


@pytest.fixture
def room(app):
    return app.extensions["macrochat"]


@pytest.fixture
def draining(room):
    room.draining = True
    yield
    room.draining = False


@pytest.fixture
def without_lease(room, monkeypatch):
    """The database was away when this worker wanted to register itself."""
    monkeypatch.setattr(room.worker, "_keep_lease", lambda: None)
    room.worker.registered = False
    yield
    room.worker.registered = True


@pytest.fixture
def broken(alice, chat):
    """The id of a reply that failed after nine bytes."""
    return tell(alice, chat, "hello", "scripted-cut:3:8").reply_id


def check_come_back(answer, code):
    refusal(answer, 503, code)
    assert int(answer.headers["Retry-After"]) >= 1


def test_no_message_is_taken_by_a_worker_that_drains(alice, chat, draining):
    check_come_back(post(alice, chat, question("hello"), Idempotency_Key="key"), "SHUTTING_DOWN")
    assert messages_of(alice, chat) == []


def test_the_same_send_succeeds_afterwards(alice, chat, room):
    room.draining = True
    check_come_back(post(alice, chat, question("hello"), Idempotency_Key="key"), "SHUTTING_DOWN")
    room.draining = False
    heard = tell(alice, chat, "hello", key="key")
    assert "Idempotent-Replayed" not in heard.answer.headers
    assert len(messages_of(alice, chat)) == 2


def test_nothing_goes_on_and_nobody_begins_to_read_while_it_drains(alice, broken, draining):
    check_come_back(alice.post(f"/api/replies/{broken}/continue"), "SHUTTING_DOWN")
    check_come_back(alice.get(f"/api/replies/{broken}/stream"), "SHUTTING_DOWN")
    assert status_of(alice, broken)["status"] == "failed"


def test_what_runs_can_be_stopped_while_it_drains(alice, chat, room, provider):
    reply_id = post(alice, chat, question("hello", model="scripted-hold:3")).headers["X-Reply-Id"]
    room.draining = True
    try:
        assert data_of(alice.post(f"/api/replies/{reply_id}/stop"))["status"] == "stopped"
        assert messages_of(alice, chat)[1]["metadata"]["status"] == "stopped"
    finally:
        room.draining = False


def test_no_message_is_taken_without_a_lease_and_what_is_there_can_be_read(alice, chat, broken, without_lease):
    check_come_back(post(alice, chat, question("more")), "STORAGE_UNAVAILABLE")
    check_come_back(alice.post(f"/api/replies/{broken}/continue"), "STORAGE_UNAVAILABLE")
    assert hear(alice.get(f"/api/replies/{broken}/stream")).data == b"w0 w1 w2 "
    assert len(messages_of(alice, chat)) == 2


def test_readers_have_a_limit_per_process(run_app, provider):
    with run_app(MACROCHAT_MAX_STREAMS="1") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        chat = new_chat(person)
        answer = post(person, chat, question("hello", model="scripted-hold:3"))
        body, seen = iter(answer.response), b""
        while seen != b"w0 w1 w2 ":
            seen += next(body)
        reply_id = answer.headers["X-Reply-Id"]
        check_come_back(person.get(f"/api/replies/{reply_id}/stream"), "TOO_MANY_STREAMS")
        assert status_of(person, reply_id)["status"] == "streaming"
        answer.close()
        provider.release()
        assert len(hear(person.get(f"/api/replies/{reply_id}/stream")).data) > 9
