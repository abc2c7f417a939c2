"""Replies that other workers write, followed from here: one look at the database serves all, and nothing is missed."""

import uuid

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from macrochat.replies.journal import remote_logs as module
from macrochat.replies.journal.logs import trace_key
from macrochat.replies.journal.remote_logs import RemoteLogs
from macrochat.replies.models import JournalRow, Reply
from macrochat.replies.trace import Line, encode


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def tails(new_desk):
    return RemoteLogs(new_desk().store.engine)


def follow(tails, desk, reply):
    """A log of the reply with somebody who reads it."""
    log = tails.open(desk.read(reply))
    log.readers.add(Reader())
    return log


class Reader:
    woken = 0

    def set(self):
        self.woken += 1


def test_what_is_committed_elsewhere_is_here_after_one_look(desk, tails):
    reply = desk.reply()
    desk.commit((reply, 0, b"before, "))
    log = follow(tails, desk, reply)
    assert bytes(log.data) == b"before, "
    desk.commit((reply, 8, b"after"))
    tails.tick()
    assert bytes(log.data) == b"before, after"
    [reader] = log.readers
    assert reader.woken


def lane(reply):
    """The entry of a reply's trace, for a row."""
    return uuid.UUID(bytes=trace_key(reply.bytes))


def thought(at, text):
    return encode([Line(at, 1.0, "reasoning", text)])


def test_both_lanes_are_here_from_the_first_look_on_and_grow_together(desk, tails):
    reply, first, second = desk.reply(), thought(0, "hm"), thought(8, "so")
    desk.commit((lane(reply), 0, first), (reply, 0, b"before, "))
    log = follow(tails, desk, reply)
    assert (bytes(log.trace), bytes(log.data)) == (first, b"before, ")
    tails.tick()
    desk.commit((lane(reply), len(first), second), (reply, 8, b"after"))
    tails.tick()
    assert (bytes(log.trace), bytes(log.data)) == (first + second, b"before, after")


def test_no_word_is_here_before_the_thought_that_was_folded_unseen(desk, tails):
    """The row of the thought is gone when the next look meets that of the words."""
    reply, line = desk.reply(), thought(0, "hm")
    log = follow(tails, desk, reply)
    tails.tick()
    seen = []

    class Watcher:
        def set(self):
            seen.append((bytes(log.trace), bytes(log.data)))

    log.readers.add(Watcher())
    desk.commit((reply, 0, b""))
    tails.tick()
    desk.commit((lane(reply), 0, line))
    desk.fold()
    desk.commit((reply, 0, b"words"))
    tails.tick()
    assert seen == [(line, b"words")]


def test_a_look_asks_no_more_often_for_many_replies_than_for_one(desk, tails):
    def statements():
        count = 0

        def before(*_):
            nonlocal count
            count += 1

        sa.event.listen(tails.engine, "before_cursor_execute", before)
        tails.tick()
        sa.event.remove(tails.engine, "before_cursor_execute", before)
        return count

    logs = [follow(tails, desk, desk.reply())]
    tails.tick()
    for_one = statements()
    logs += [follow(tails, desk, desk.reply()) for _ in range(30)]
    tails.tick()
    assert statements() == for_one
    assert len(tails) == len(logs) == 31


def test_rows_that_were_folded_before_anybody_looked_are_not_missed(desk, tails):
    reply = desk.reply()
    log = follow(tails, desk, reply)
    tails.tick()
    desk.commit((reply, 0, b"unseen, "))
    desk.fold()
    desk.commit((reply, 8, b"seen"))
    tails.tick()
    tails.tick()
    assert bytes(log.data) == b"unseen, seen"


def test_rows_that_were_all_folded_are_met_by_a_late_look(desk, tails, monkeypatch):
    reply = desk.reply()
    log = follow(tails, desk, reply)
    tails.tick()
    desk.commit((reply, 0, b"unseen"))
    desk.fold()
    monkeypatch.setattr(module, "MAX_TICK_GAP_SECONDS", 0)
    tails.tick()
    assert bytes(log.data) == b"unseen"


@pytest.mark.parametrize("status", ["complete", "stopped", "failed", "interrupted"])
def test_an_end_elsewhere_is_an_end_here_with_all_the_text(desk, tails, status):
    reply = desk.reply()
    log = follow(tails, desk, reply)
    desk.commit((reply, 0, b"hello"))
    desk.finish(reply, 0, b"hello", status)
    tails.tick()
    assert (bytes(log.data), log.status) == (b"hello", status)
    assert tails.get(reply) is None


def test_a_deleted_reply_ends_as_deleted(desk, tails):
    reply = desk.reply()
    log = follow(tails, desk, reply)
    desk.execute(sa.delete(Reply).where(Reply.id == reply))
    tails.tick()
    assert log.status == "deleted"


def test_a_takeover_is_followed_to_the_new_owner(desk, new_desk, tails):
    reply, other = desk.reply(), new_desk()
    desk.commit((reply, 0, b"one, "))
    log = follow(tails, desk, reply)
    tails.tick()
    desk.commit((reply, 5, b"two, "))
    desk.sleep()
    other.sweep()
    other.commit((reply, 10, b"three"))
    tails.tick()
    tails.tick()
    assert (bytes(log.data), log.status) == (b"one, two, three", "streaming")


@pytest.mark.parametrize("there", [b"one, zwei, three", b"one"])
def test_bytes_that_are_not_what_is_stored_end_a_body_and_are_not_mixed_with_the_rest(desk, tails, there):
    reply = desk.reply()
    log = follow(tails, desk, reply)
    desk.commit((reply, 0, b"one, two"))
    tails.tick()
    desk.execute(sa.delete(JournalRow).where(JournalRow.owner == desk.owner))  # nobody knows how
    desk.finish(reply, 0, there)
    tails.tick()
    assert (bytes(log.data), log.status) == (b"one, two", "revised")


def test_a_log_that_nobody_reads_is_dropped_after_a_while(desk, tails, monkeypatch):
    monkeypatch.setattr(module, "UNREAD_SECONDS", 0)
    log = follow(tails, desk, desk.reply())
    tails.tick()
    log.readers.clear()
    tails.tick()
    tails.tick()
    assert len(tails) == 0


def test_an_outage_loses_nothing(desk, tails):
    reply = desk.reply()
    log = follow(tails, desk, reply)
    tails.tick()
    desk.commit((reply, 0, b"hello"))

    def refuse(*_):
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    for statement in (1, 2):
        count = 0

        def before(*_, statement=statement):
            nonlocal count
            count += 1
            if count == statement:
                refuse()

        sa.event.listen(tails.engine, "before_cursor_execute", before)
        with pytest.raises(sa.exc.OperationalError):
            tails.tick()
        sa.event.remove(tails.engine, "before_cursor_execute", before)
    tails.tick()
    assert bytes(log.data) == b"hello"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["write", "write", "write", "fold", "look", "look", "take over", "join"]),
        min_size=3,
        max_size=25,
    ),
    st.integers(1, 9),
)
def test_a_follower_is_never_ahead_and_catches_up_whatever_happens(new_desk, steps, size):
    new_desk.close_all()
    desk = new_desk()
    tails, reply, text, number = RemoteLogs(desk.store.engine), desk.reply(), b"", 0
    log = follow(tails, desk, reply)
    for step in steps:
        if step == "write":
            number += 1
            piece = f"{number} ".encode() * size
            desk.commit((reply, len(text), piece))
            text += piece
        elif step == "fold":
            desk.fold()
        elif step == "take over":
            desk.sleep()
            desk = new_desk()
            desk.sweep()
        elif step == "join":
            assert follow(tails, desk, reply) is log
        else:
            tails.tick()
        assert text.startswith(bytes(log.data))
    tails._ticked = 0.0  # as if the last look was long ago: then what was folded unseen is read anew
    tails.tick()
    tails.tick()
    assert bytes(log.data) == text
    base = len(desk.content(reply).encode())
    desk.finish(reply, base, text[base:])
    tails.tick()
    assert (bytes(log.data), log.status) == (text, "complete")
