"""A worker that is alive is taken for dead, or leaves: its replies go over, and it neither writes nor ends them any more.

`first` and `second` share a database; `fence` lets the first sleep through its lease.
"""

import uuid

import gevent
import pytest
import sqlalchemy as sa

from macrochat.chats.models import Chat
from macrochat.extensions import db
from macrochat.replies.journal.store import CONNECTIONS
from macrochat.replies.models import Reply, Worker
from macrochat.replies.writing import takeover
from tests.replies.asking import asked, messages_of, new_chat, question, status_of, unique, when_final
from tests.replies.hearing import hear, post
from tests.replies.workers import HELD, NOTICED, TEXT, begin, crash, fence
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

BOTH_DATABASES = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
pytestmark = pytest.mark.usefixtures("sweeps_come_often")


@BOTH_DATABASES
def test_a_worker_that_was_fenced_begins_a_new_life_and_its_readers_see_a_pause(
    first, second, ada, ada_there, provider
):
    chat, reply_id = begin(ada)
    room = first.extensions["macrochat"]
    before = room.worker.id
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.1)
    fence(first, by=second)
    provider.release()
    status = when_final(ada, reply_id, NOTICED)
    heard = reading.get(timeout=30)
    assert status["status"] == "complete"
    assert status["attempts"] >= 2
    assert (heard.data, heard.cut) == (TEXT, None)
    assert messages_of(ada, chat)[1]["content"].encode() == TEXT
    wait_until(lambda: room.ready and room.worker.id != before, 3, "a new life")
    assert hear(post(ada, new_chat(ada), question("hello", model="scripted-echo"))).data == b"hello"


@BOTH_DATABASES
def test_a_worker_that_is_alone_goes_on_with_the_replies_it_was_fenced_from(first, ada, provider):
    replies = [begin(ada) for _ in range(3)]
    readers = [gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream")) for _chat, reply_id in replies]
    gevent.sleep(0.1)
    fence(first)
    _chat, held = replies[-1]
    wait_until(lambda: status_of(ada, held)["attempts"] == 3, NOTICED, "taken over by the one that died, and back")
    provider.release()
    for (chat, reply_id), reading in zip(replies, readers, strict=True):
        status = when_final(ada, reply_id, NOTICED)
        heard = reading.get(timeout=30)
        assert (status["status"], heard.data, heard.cut) == ("complete", TEXT, None)
        assert messages_of(ada, chat)[1]["content"].encode() == TEXT


@BOTH_DATABASES
def test_who_is_fenced_in_the_middle_of_a_takeover_begins_none_of_it(
    first, second, ada, ada_there, provider, monkeypatch
):
    """What it wrote under its next name was shown to its readers, and was not what became of the reply."""
    text = unique()
    replies = [begin(ada, text, model=HELD)[1] for _ in range(3)]
    readers = [gevent.spawn(hear, ada_there.get(f"/api/replies/{reply_id}/stream")) for reply_id in replies]
    room = second.extensions["macrochat"]
    prepare, before = takeover.task_for_orphan, room.worker.id

    def be_fenced_meanwhile(*asked):
        takeover.task_for_orphan = prepare
        fence(second)
        room.worker.renew()
        return prepare(*asked)

    monkeypatch.setattr(takeover, "task_for_orphan", be_fenced_meanwhile)
    fence(first, by=second)
    assert room.worker.id != before
    for reply_id in replies:
        wait_until(
            lambda reply_id=reply_id: status_of(ada, reply_id)["attempts"] == 4, NOTICED, "there, away, and back"
        )
    wait_until(lambda: len(asked(provider, text)) == 6, NOTICED, "one request of each by the first, one by the last")
    provider.release()
    for reply_id, reading in zip(replies, readers, strict=True):
        assert when_final(ada, reply_id, NOTICED)["status"] == "complete"
        heard = reading.get(timeout=60)
        assert (heard.data, heard.cut) == (TEXT, None)
    assert len(asked(provider, text)) == 6


@BOTH_DATABASES
def test_who_is_fenced_between_a_send_s_commit_and_its_generation_leaves_it_to_the_next(
    first, second, ada, provider, monkeypatch
):
    room, text = first.extensions["macrochat"], unique()
    room.start()
    generate = room.worker.generate

    def fenced_before(*arguments):
        monkeypatch.setattr(room.worker, "generate", generate)
        fence(first, by=second)
        room.worker.renew()
        return generate(*arguments)

    monkeypatch.setattr(room.worker, "generate", fenced_before)
    heard = hear(post(ada, new_chat(ada), question(text, model="scripted-echo")))
    assert (heard.answer.status_code, heard.data, heard.cut) == (200, text.encode(), None)
    assert len(asked(provider, text)) == 1


def test_bytes_that_were_shown_and_are_not_stored_break_the_body_and_are_not_written_on(
    first, second, ada, ada_there, provider
):
    """What the next owner wrote was counted from the wrong place, and its readers met some bytes twice."""
    _chat, reply_id = begin(ada, model=HELD)
    reading = gevent.spawn(hear, ada_there.get(f"/api/replies/{reply_id}/stream"))
    tails = second.extensions["macrochat"].remote_logs
    log = wait_until(lambda: tails.get(uuid.UUID(reply_id)))
    wait_until(lambda: log.readers)
    stored = bytes(log.data)
    log.grow(b"never stored")
    crash(first)
    heard = reading.get(timeout=NOTICED)
    assert (heard.data, heard.cut) == (stored + b"never stored", "revised")
    provider.release()
    assert hear(ada_there.get(f"/api/replies/{reply_id}/stream?offset={len(stored)}")).data == TEXT[len(stored) :]
    assert (when_final(ada_there, reply_id)["status"], status_of(ada_there, reply_id)["bytes"]) == (
        "complete",
        len(TEXT),
    )


def test_a_worker_that_drains_is_not_dead_and_keeps_the_replies_that_have_time_to_finish(first, ada, provider):
    """A drain may last longer than the lease, which must be renewed until the rest is handed over."""
    room = first.extensions["macrochat"]
    _chat, reply_id = begin(ada, model=HELD)
    draining = gevent.spawn(room.drain, 20)
    gevent.sleep(0.1)
    before = lease_of(first)
    wait_until(lambda: lease_of(first) > before, 5, "renewed")
    provider.release()
    status = when_final(ada, reply_id)
    assert (status["status"], status["bytes"], status["attempts"]) == ("complete", len(TEXT), 1)
    draining.get(timeout=30)
    assert lease_of(first) in (None, 0), "given up at the end"


@BOTH_DATABASES
def test_what_does_not_finish_in_time_is_handed_over_at_once(first, ada, ada_there, provider):
    _chat, reply_id = begin(ada)
    reading = gevent.spawn(hear, ada.get(f"/api/replies/{reply_id}/stream"))
    gevent.sleep(0.1)
    watch = Stopwatch()
    first.extensions["macrochat"].drain(0.1)
    seen = reading.get(timeout=30)
    assert seen.cut == "shutdown"
    wait_until(lambda: status_of(ada_there, reply_id)["attempts"] == 2, NOTICED, "taken over")
    assert watch.seconds < 3
    provider.release()
    rest = hear(ada_there.get(f"/api/replies/{reply_id}/stream?offset={len(seen.data)}"))
    assert seen.data + rest.data == TEXT
    with first.app_context():
        takeovers = db.session.scalar(sa.select(Reply.takeovers).where(Reply.id == uuid.UUID(reply_id)))
    assert takeovers == 0, "a deploy is not the reply's fault"


@pytest.mark.parametrize("kind", ["postgresql"])
def test_ends_that_must_wait_keep_neither_the_lease_nor_other_replies_waiting(first, second, ada, provider):
    """Somebody holds the chats' rows, as an operator's transaction may: more ends wait than there are connections."""
    room = first.extensions["macrochat"]
    text = unique()
    waiting = [begin(ada, text, model=HELD) for _ in range(CONNECTIONS + 1)]
    _chat, running = begin(ada, model="scripted-endless:5")
    before = room.worker.id
    with second.app_context(), db.engine.begin() as connection:
        chats = [uuid.UUID(chat) for chat, _reply_id in waiting]
        connection.execute(sa.select(Chat.id).where(Chat.id.in_(chats)).with_for_update())
        provider.release()
        for _ in range(2):
            lease, size = lease_of(first), status_of(ada, running)["bytes"]
            wait_until(lambda lease=lease: lease_of(first) > lease, what="the lease is renewed")
            wait_until(lambda size=size: status_of(ada, running)["bytes"] > size, what="the other reply goes on")
        assert {status_of(ada, reply_id)["status"] for _chat, reply_id in waiting} == {"streaming"}
    for _chat, reply_id in waiting:
        status = when_final(ada, reply_id, NOTICED)
        assert (status["status"], status["attempts"]) == ("complete", 1)
    assert room.worker.id == before
    assert len(asked(provider, text)) == len(waiting)
    ada.post(f"/api/replies/{running}/stop")
    assert when_final(ada, running, NOTICED)["status"] == "stopped"


def lease_of(app):
    """When the lease of the worker ends."""
    with app.app_context():
        query = sa.select(Worker.lease_until).where(Worker.id == app.extensions["macrochat"].worker.id)
        return db.session.scalar(query)


@BOTH_DATABASES
def test_a_reply_that_is_continued_while_its_end_comes_back_from_the_database_goes_on_at_once(
    first, ada, provider, monkeypatch
):
    """The database knew of the end before the worker did, and the worker took the old generation for the new one."""
    room, chat = first.extensions["macrochat"], new_chat(ada)
    room.start()
    claim = room.worker._endings.claim

    def acknowledged_late(generation, outcome):
        stored = claim(generation, outcome)
        gevent.sleep(0.5)
        return stored

    monkeypatch.setattr(room.worker._endings, "claim", acknowledged_late)
    sending = gevent.spawn(post, ada, chat, question("hello", model="scripted-cut:3:8"))
    reply_id = wait_until(lambda: messages_of(ada, chat)[1:])[0]["id"]
    wait_until(lambda: status_of(ada, reply_id)["status"] == "failed")
    hear(ada.post(f"/api/replies/{reply_id}/continue"))
    status = when_final(ada, reply_id)
    assert (status["status"], status["attempts"]) == ("complete", 2)
    sending.get(timeout=5)
