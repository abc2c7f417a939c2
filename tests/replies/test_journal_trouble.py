"""The journal when the database is away, forgets to answer, or says that somebody else writes now."""

import uuid

import gevent
import pytest
import sqlalchemy as sa
from gevent.event import Event

from macrochat.replies.journal import writer as module
from macrochat.replies.journal.logs import Log
from macrochat.replies.journal.store import Fenced
from macrochat.replies.journal.writer import StorageFailed
from macrochat.replies.models import JournalRow, Worker
from tests.replies.desk import Gate, append, open_log

OUTAGE = sa.exc.OperationalError("INSERT", {}, Exception("the server closed the connection"))


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def desk(new_desk):
    return new_desk(store=Gate)


def test_a_lost_acknowledgement_writes_nothing_twice(desk):
    desk.store.fails = [("after", OUTAGE)]
    journal = desk.journal()
    log = open_log(desk, journal)
    append(journal, log, b"hello")
    journal.flush(log)
    assert desk.store.tries == 2
    assert bytes(log.data) == desk.text(log.reply_id) == b"hello"
    assert desk.count(JournalRow) == 1


def test_an_outage_holds_text_back_until_it_is_over(desk):
    desk.store.fails = [("before", OUTAGE)] * 3
    journal = desk.journal()
    log = open_log(desk, journal)
    append(journal, log, b"hello")
    gevent.sleep(0.1)
    assert log.end == 0
    append(journal, log, b", world")
    journal.flush(log)
    assert bytes(log.data) == desk.text(log.reply_id) == b"hello, world"
    assert desk.count(JournalRow) == 2


def test_an_outage_without_end_fails_the_streams_and_shows_nothing_more(desk, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    journal = desk.journal()
    log, other = open_log(desk, journal), open_log(desk, journal)
    append(journal, log, b"kept")
    journal.flush(log)
    desk.store.fails = [("before", OUTAGE)] * 50
    append(journal, log, b", lost")
    with pytest.raises(StorageFailed):
        journal.flush(log)
    with pytest.raises(StorageFailed):
        append(journal, log, b"more")
    assert bytes(log.data) == desk.text(log.reply_id) == b"kept"
    desk.store.fails.clear()
    append(journal, other, b"alive")
    journal.flush(other)
    assert bytes(other.data) == b"alive"


def test_an_error_that_will_not_pass_is_not_tried_again(desk):
    desk.store.fails = [("before", ValueError("a programming error"))]
    journal = desk.journal()
    log = open_log(desk, journal)
    append(journal, log, b"hello")
    with pytest.raises(StorageFailed):
        journal.flush(log)
    assert (desk.store.tries, log.end) == (1, 0)


def test_a_fence_stops_everything_at_once(desk):
    journal = desk.journal()
    logs = [open_log(desk, journal) for _ in range(3)]
    append(journal, logs[0], b"kept")
    journal.flush(logs[0])
    desk.execute(sa.update(Worker).where(Worker.id == desk.owner).values(fenced=True))
    for log in logs:
        append(journal, log, b", lost")
    for log in logs:
        with pytest.raises(Fenced):
            journal.flush(log)
        with pytest.raises(Fenced):
            append(journal, log, b"more")
    assert desk.fenced == 1
    assert [bytes(log.data) for log in logs] == [desk.text(log.reply_id) for log in logs] == [b"kept", b"", b""]


def test_a_deleted_worker_is_a_fenced_one(desk):
    journal = desk.journal()
    log = open_log(desk, journal)
    desk.execute(sa.delete(Worker).where(Worker.id == desk.owner))
    append(journal, log, b"hello")
    with pytest.raises(Fenced):
        journal.flush(log)
    with pytest.raises(Fenced):
        desk.lease.renew()
    assert (log.end, desk.count(JournalRow)) == (0, 0)


def test_after_a_fence_it_goes_on_under_a_new_name(desk):
    journal = desk.journal()
    lost = open_log(desk, journal)
    append(journal, lost, b"old")
    journal.flush(lost)
    desk.execute(sa.delete(Worker).where(Worker.id == desk.owner))
    assert journal.abandon() == [lost]
    desk.owner = desk.lease.register()
    journal.adopt(desk.owner)
    with pytest.raises(Fenced):
        append(journal, lost, b"more")
    log = open_log(desk, journal)
    append(journal, log, b"new")
    journal.flush(log)
    assert bytes(log.data) == desk.text(log.reply_id) == b"new"
    assert [number for number, _entries in desk.rows()] == [1]


def test_what_was_being_committed_when_a_log_was_given_up_is_folded_with_the_rest(desk):
    """A drain gives its logs up; others may have shown the row by then."""
    journal = desk.journal()
    log = open_log(desk, journal)
    append(journal, log, b"kept")
    journal.flush(log)
    desk.store.after.clear()
    append(journal, log, b", on its way")
    gevent.sleep(0.05)
    journal.give_up(log, Fenced())
    desk.store.after.set()
    gevent.sleep(0.05)
    journal.fold()
    journal.fold()
    assert desk.count(JournalRow) == 0
    assert bytes(log.data) == desk.text(log.reply_id) == b"kept, on its way"


def test_a_row_that_was_given_up_but_is_there_does_not_stand_in_front_of_new_text(desk, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    journal = desk.journal()
    log = open_log(desk, journal)
    desk.store.fails = [("after", OUTAGE), *[("before", OUTAGE)] * 5]
    append(journal, log, b"never shown")
    with pytest.raises(StorageFailed):
        journal.flush(log)
    assert desk.count(JournalRow) == 1
    desk.store.fails = []
    again = Log(log.reply_id)
    journal.open(again)
    append(journal, again, b"new")
    journal.flush(again)
    assert bytes(again.data) == desk.text(log.reply_id) == b"new"
    journal.fold()
    journal.fold()
    assert (desk.count(JournalRow), desk.text(log.reply_id)) == (0, b"new")


def test_a_fence_that_a_fold_meets_late_does_not_end_the_next_life(desk, monkeypatch):
    monkeypatch.setattr(module, "FOLD_SECONDS", 0.05)
    journal = desk.journal()
    log = open_log(desk, journal)
    append(journal, log, b"text")
    journal.flush(log)
    met = Event()

    def meet_it_late(_work):
        journal.adopt(uuid.uuid4())
        met.set()
        raise Fenced

    with monkeypatch.context() as slow:
        slow.setattr(desk.store, "transact", meet_it_late)
        assert met.wait(5)
    gevent.sleep(0.1)
    assert desk.fenced == 0
