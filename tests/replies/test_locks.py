"""PostgreSQL: ends, folds, takeovers and deletions of the same chats at once. Nobody waits in a circle.

What holds one row never waits for another that its holder may want: folds and takeovers leave what is locked for later.
"""

import gevent
import pytest
import sqlalchemy as sa

from macrochat.chats.models import Chat
from macrochat.database import now
from macrochat.replies.deletion import Remover
from macrochat.replies.journal.logs import Log
from macrochat.replies.models import JournalRow, Reply
from macrochat.replies.tables import replies
from macrochat.replies.writing import recovery
from tests.replies.desk import append
from tests.support.processes import wait_until

ROUNDS = 12
REPLIES = 12


@pytest.fixture
def kind():
    return "postgresql"


def locked(desk, row):
    """A context in which somebody else holds a row."""
    connection = desk.store.engine.connect()
    connection.begin()
    connection.execute(row.with_for_update())
    return connection


def test_a_fold_leaves_replies_that_somebody_holds_for_the_next_one(desk):
    journal = desk.journal()
    logs = [Log(desk.reply()) for _ in range(3)]
    for log in logs:
        journal.open(log)
        append(journal, log, b"hello")
        journal.flush(log)
    journal.fold()
    with locked(desk, sa.select(replies.c.id).where(replies.c.id == logs[1].reply_id)):
        with gevent.Timeout(30):
            journal.fold()
        assert [log.folded for log in logs] == [5, 0, 5]
        assert desk.count(JournalRow) > 0
        assert [desk.text(log.reply_id) for log in logs] == [b"hello"] * 3
    journal.fold()
    assert [log.folded for log in logs] == [5, 5, 5]
    assert desk.count(JournalRow) == 0
    assert [desk.text(log.reply_id) for log in logs] == [b"hello"] * 3


def test_a_fold_waits_a_moment_for_replies_that_are_just_ending(desk):
    """With many ends a second there is always one: its rows must go all the same."""
    journal = desk.journal()
    ending, going_on = Log(desk.reply()), Log(desk.reply())
    for log in (ending, going_on):
        journal.open(log)
        append(journal, log, b"hello")
        journal.flush(log)
    journal.fold()
    end = locked(desk, sa.select(replies.c.id).where(replies.c.id == ending.reply_id))
    folding = gevent.spawn(journal.fold)
    wait_until(lambda: going_on.folded == 5)
    end.close()
    folding.get(timeout=5)
    assert (ending.folded, desk.count(JournalRow)) == (5, 0)


def test_a_takeover_leaves_chats_that_somebody_holds_for_the_next_look(desk, new_desk):
    held, free = desk.reply(), desk.reply()
    desk.commit((held, 0, b"held"), (free, 0, b"free"))
    other = new_desk()
    chat = sa.select(Chat.id).where(Chat.id == sa.select(Reply.chat_id).where(Reply.id == held).scalar_subquery())
    desk.sleep()
    with locked(desk, chat), gevent.Timeout(30):
        assert [(orphan.reply_id, orphan.text) for orphan in other.sweep()] == [(free, b"free")]
    assert [(orphan.reply_id, orphan.text) for orphan in other.sweep()] == [(held, b"held")]


def test_a_lost_journal_is_folded_when_its_replies_are_free(desk, new_desk):
    held = desk.reply()
    desk.commit((held, 0, b"held"))
    other = new_desk()
    desk.sleep()
    with locked(other, sa.select(replies.c.id).where(replies.c.id == held)), gevent.Timeout(30):
        assert other.sweep() == []
        assert other.text(held) == b"held"
    assert [(orphan.reply_id, orphan.text) for orphan in other.sweep()] == [(held, b"held")]


@pytest.mark.timeout(120)
def test_everything_at_once_never_waits_in_a_circle(new_desk):
    """Accounts and chats are deleted while their replies end, are folded, and change hands."""
    desk, other = new_desk(), new_desk()
    before = deadlocks(desk)
    for number in range(ROUNDS):
        ids = [desk.reply() for _ in range(REPLIES)]
        parts = [(reply_id, 0, b"hello") for reply_id in ids]
        desk.commit(*parts)
        deleting = [delete_chats(desk, ids[8:])] if number % 2 else [delete_account(desk)]
        jobs = [
            gevent.spawn(desk.fold),
            *(gevent.spawn(desk.finish, reply_id, 0, b"hello") for reply_id in ids[:4]),
            *(gevent.spawn(recovery.adopt, desk.store, desk.owner, reply_id) for reply_id in ids[4:8]),
            *(gevent.spawn(job) for job in deleting),
            gevent.spawn(remove_all, other),
            gevent.spawn(other.sweep),
        ]
        gevent.joinall(jobs, timeout=30, raise_error=True)
        assert all(job.ready() for job in jobs)
        desk.user_id = None
    wait_until(lambda: not remove_all(other), 10)
    assert deadlocks(desk) == before


def delete_chats(desk, ids):
    chats = sa.select(Reply.chat_id).where(Reply.id.in_(ids))
    statement = sa.update(Chat).where(Chat.id.in_(chats)).values(user_id=None)
    return lambda: desk.execute(statement)


def delete_account(desk):
    statement = sa.text("UPDATE users SET deleted_at = :at WHERE id = :id").bindparams(
        sa.bindparam("id", desk.user_id, type_=sa.Uuid), at=now()
    )
    return lambda: desk.execute(statement)


def remove_all(desk):
    remover, steps = Remover(desk.store), 0
    while remover.step():
        steps += 1
    return steps


def deadlocks(desk):
    """How many PostgreSQL has had to break in this database."""
    with desk.store.engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_stat_clear_snapshot()"))
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return connection.execute(sa.text(query)).scalar()
