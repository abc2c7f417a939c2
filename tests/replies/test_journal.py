"""The journal: commit, then emit. Pieces of all streams go into one row, and no log grows before its row stands."""

import contextlib

import gevent
import psycopg2.extensions
import pytest
from gevent.event import Event

from macrochat.replies.journal import writer as module
from macrochat.replies.journal.logs import Log
from macrochat.replies.trace import lines
from tests.replies.desk import Gate, append, open_log
from tests.support.patience import Stopwatch


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def desk(new_desk):
    return new_desk(store=Gate)


@contextlib.contextmanager
def nothing_yields():
    """psycopg2 blocks the whole process, as it does without gevent: logs grow between two moments, not during one."""
    callback = psycopg2.extensions.get_wait_callback()
    psycopg2.extensions.set_wait_callback(None)
    try:
        yield
    finally:
        psycopg2.extensions.set_wait_callback(callback)


def until(condition):
    watch = Stopwatch()
    while not condition():
        assert watch.seconds < 5
        gevent.sleep(0.005)


def test_text_is_shown_only_after_its_commit(desk):
    journal = desk.journal()
    log = open_log(desk, journal)
    reader = Event()
    log.readers.add(reader)
    desk.store.before.clear()
    append(journal, log, b"hello")
    gevent.sleep(0.1)
    assert (log.end, log.read(0), reader.is_set()) == (0, b"", False)
    assert desk.text(log.reply_id) == b""
    desk.store.before.set()
    assert reader.wait(5)
    assert log.read(0) == desk.text(log.reply_id) == b"hello"


def test_text_is_not_shown_while_the_acknowledgement_is_under_way(desk):
    journal = desk.journal()
    log = open_log(desk, journal)
    desk.store.after.clear()
    append(journal, log, b"hello")
    until(lambda: desk.text(log.reply_id) == b"hello")
    assert log.end == 0
    desk.store.after.set()
    until(lambda: log.end == 5)


def test_every_byte_that_a_log_ever_shows_is_in_the_database(desk):
    class Watched(Log):
        def grow(self, data, trace=b""):
            with nothing_yields():
                stored = desk.read(self.reply_id)
            assert (stored.data, stored.trace) == (bytes(self.data) + data, bytes(self.trace) + trace)
            super().grow(data, trace)

    journal = desk.journal()
    logs = [Watched(desk.reply()) for _ in range(5)]
    for log in logs:
        journal.open(log)
    for number in range(20):
        for log in logs:
            journal.note(log, "reasoning", text=f"thought {number}. ")
            append(journal, log, b"%d " % number)
        gevent.sleep(0.002)
        if number % 7 == 6:
            journal.fold()
    for log in logs:
        journal.flush(log)
        assert bytes(log.data) == b"".join(b"%d " % number for number in range(20))
        thoughts = [(line.at, line.text) for line in lines(bytes(log.trace))]
        assert [text for _at, text in thoughts] == [f"thought {number}. " for number in range(20)]
        assert [at for at, _text in thoughts] == [sum(len(b"%d " % n) for n in range(number)) for number in range(20)]


def test_what_many_streams_have_is_one_row(desk):
    journal = desk.journal()
    logs = [open_log(desk, journal) for _ in range(50)]
    for log in logs:
        append(journal, log, b"first ")
        append(journal, log, b"second")
    for log in logs:
        journal.flush(log)
    [(number, entries)] = desk.rows()
    assert number == 1
    assert {entry[0] for entry in entries} == {log.reply_id.bytes for log in logs}
    assert {(offset, data) for _reply, offset, data in entries} == {(0, b"first second")}


def test_what_piles_up_during_a_commit_is_the_next_row(desk):
    journal = desk.journal()
    log = open_log(desk, journal)
    desk.store.before.clear()
    append(journal, log, b"a")
    gevent.sleep(0.01)
    for _ in range(100):
        append(journal, log, b"b")
        gevent.sleep(0)
    desk.store.before.set()
    journal.flush(log)
    assert [entries for _number, entries in desk.rows()] == [
        [(log.reply_id.bytes, 0, b"a")],
        [(log.reply_id.bytes, 1, b"b" * 100)],
    ]


def test_a_first_token_is_committed_at_once_and_the_next_waits_for_the_interval(desk):
    journal = desk.journal(interval=1.0)
    log = open_log(desk, journal)
    watch = Stopwatch()
    append(journal, log, b"first")
    until(lambda: log.end == 5)
    assert watch.seconds < 0.9
    append(journal, log, b", second")
    until(lambda: log.end == 13)
    assert watch.wall_seconds >= 0.95


def test_a_row_has_a_bound_and_order_is_kept(desk, monkeypatch):
    monkeypatch.setattr(module, "MAX_BATCH_BYTES", 1000)
    journal = desk.journal()
    logs = [open_log(desk, journal) for _ in range(6)]
    for log in logs:
        append(journal, log, b"x" * 600)
    for log in logs:
        journal.flush(log)
    assert [len(entries) for _number, entries in desk.rows()] == [2, 2, 2]
    assert {desk.text(log.reply_id) for log in logs} == {b"x" * 600}


@pytest.mark.parametrize("bound", ["MAX_PENDING_BYTES_PER_LOG", "MAX_PENDING_BYTES"])
def test_who_writes_faster_than_the_database_waits(desk, monkeypatch, bound):
    monkeypatch.setattr(module, bound, 100)
    journal = desk.journal()
    log = open_log(desk, journal)
    desk.store.before.clear()
    append(journal, log, b"x" * 90)
    writer = gevent.spawn(append, journal, log, b"y" * 90)
    gevent.sleep(0.1)
    third = gevent.spawn(append, journal, log, b"z" * 90)
    gevent.sleep(0.1)
    assert not third.ready()
    desk.store.before.set()
    gevent.joinall([writer, third], timeout=60, raise_error=True)
    journal.flush(log)
    assert desk.text(log.reply_id) == b"x" * 90 + b"y" * 90 + b"z" * 90


def test_the_end_of_a_log_wakes_its_readers(desk):
    journal = desk.journal()
    log = open_log(desk, journal)
    reader = Event()
    log.readers.add(reader)
    journal.close(log, "complete")
    assert reader.is_set()
    assert (log.status, journal.logs) == ("complete", {})
