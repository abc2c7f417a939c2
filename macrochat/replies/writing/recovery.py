"""Fencing and takeover: what a lost worker has committed goes to others, every reply to exactly one.

    fence        the lost worker may commit nothing more
    fold_lost    its journal becomes chunks, a few rows at a time; then its row goes, and its replies have no owner
    claim        a few of the ownerless become this worker's, with all their text

Each step is a small transaction that holds the caller's own lease: who was fenced meanwhile takes nothing. What
somebody else is changing is left for later: nobody here holds one lock and waits for another, or two could do so for
ever.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..journal import committed
from ..journal.leases import Lost
from ..journal.logs import trace_key
from ..journal.store import Store, delete_rows, hold_lease, merge, rows_after, store_parts
from ..models import STREAMING
from ..tables import chats, replies, workers

FOLD_ROWS = 32  # of one transaction
OWNERLESS = 1000  # looked at together


@dataclass(frozen=True, slots=True)
class Orphan:
    """A reply taken over: the worker `owner` has it now. `text` and `trace` are all that was committed (UTF-8)."""

    reply_id: uuid.UUID
    owner: uuid.UUID
    text: bytes
    trace: bytes
    takeovers: int
    stop_requested: bool


def fence(store: Store, mine: uuid.UUID, lost: Lost) -> bool:
    """Whether the lost worker is fenced now. Not if it has renewed since, is just committing, or is gone already."""
    same = sa.and_(workers.c.id == lost.worker_id, workers.c.lease_until == lost.lease_until)
    query = sa.select(workers.c.id).where(same).with_for_update(skip_locked=True)
    update = sa.update(workers).where(workers.c.id == lost.worker_id).values(fenced=True)

    def work(connection: sa.Connection) -> bool:
        hold_lease(connection, mine)
        if connection.execute(query).first() is None:
            return False
        connection.execute(update)
        return True

    return store.transact(work)


def fold_lost(store: Store, mine: uuid.UUID, lost: Lost) -> bool:
    """Folds some rows of a fenced worker, or deletes the worker when none are left. Whether there is more to do now."""

    def work(connection: sa.Connection) -> bool:
        hold_lease(connection, mine)
        if connection.execute(_LOCK_FENCED, {"lost": lost.worker_id}).first() is None:
            return False  # another worker is at it
        rows = rows_after(connection, lost.worker_id, -1, most=FOLD_ROWS)
        if not rows:
            _forget(connection, lost)
            return False
        if store_parts(connection, lost.worker_id, merge(entry for _seq, entries in rows for entry in entries)):
            return False
        delete_rows(connection, lost.worker_id, rows[0][0], rows[-1][0])
        return True

    return store.transact(work)


_LOCK_FENCED = (
    sa.select(workers.c.id)
    .where(workers.c.id == sa.bindparam("lost"), workers.c.fenced)
    .with_for_update(skip_locked=True)
)


def _forget(connection: sa.Connection, lost: Lost) -> None:
    if lost.gave_up:  # a deploy is not the replies' fault: the claims that follow shall not count
        left = sa.and_(replies.c.owner == lost.worker_id, replies.c.status == STREAMING)
        free = sa.select(replies.c.id).where(left).with_for_update(skip_locked=True)
        ids = list(connection.execute(free).scalars())
        less = sa.update(replies).where(replies.c.id.in_(ids)).values(takeovers=replies.c.takeovers - 1)
        connection.execute(less)
    connection.execute(sa.delete(workers).where(workers.c.id == lost.worker_id))


def ownerless(connection: sa.Connection) -> Sequence[Any]:
    """Running replies whose worker has no row: just relieved, or lost in a way nobody thought of.

    Rows of id, model and provider.
    """
    return connection.execute(_OWNERLESS).all()


_HAS_NO_WORKER = sa.and_(
    replies.c.status == STREAMING, ~sa.exists(sa.select(workers.c.id).where(workers.c.id == replies.c.owner))
)
_OWNERLESS = (
    sa.select(replies.c.id, replies.c.model, replies.c.provider)
    .where(_HAS_NO_WORKER)
    .order_by(replies.c.id)
    .limit(OWNERLESS)
)


def claim(store: Store, mine: uuid.UUID, ids: Sequence[uuid.UUID]) -> list[Orphan]:
    """Takes over those of these replies that are ownerless still. At most one caller gets each. Raises Fenced."""

    def work(connection: sa.Connection) -> list[Orphan]:
        hold_lease(connection, mine)
        return _claim(connection, _lock(connection, ids, _HAS_NO_WORKER), mine)

    return store.transact(work)


def adopt(store: Store, mine: uuid.UUID, reply_id: uuid.UUID) -> Orphan | None:
    """Takes over a reply of this worker's own that nobody writes. None: it is final by now, or its chat is locked."""

    def work(connection: sa.Connection) -> Orphan | None:
        hold_lease(connection, mine)
        if not _lock(connection, [reply_id], sa.and_(replies.c.owner == mine, replies.c.status == STREAMING)):
            return None
        rows = rows_after(connection, mine, -1)
        keys = (reply_id.bytes, trace_key(reply_id.bytes))
        parts = merge(entry for _seq, entries in rows for entry in entries if entry[0] in keys)
        store_parts(connection, mine, parts)
        [orphan] = _claim(connection, [reply_id], mine)
        return orphan

    return store.transact(work)


def _lock(connection: sa.Connection, ids: Sequence[uuid.UUID], condition: sa.ColumnElement[bool]) -> list[uuid.UUID]:
    """Those of the replies that the condition holds for, locked. What somebody else has locked is left out.

    Their chats are locked first: there two claimers meet before either has looked at who lives.
    """
    theirs = sa.select(replies.c.chat_id).where(replies.c.id.in_(ids))
    free = sa.select(chats.c.id).where(chats.c.id.in_(theirs)).with_for_update(skip_locked=True)
    locked = list(connection.execute(free).scalars())
    # A statement of its own, which sees what the last holder of a chat's lock has left.
    here = sa.and_(replies.c.id.in_(ids), replies.c.chat_id.in_(locked), condition)
    return list(connection.execute(sa.select(replies.c.id).where(here).with_for_update(skip_locked=True)).scalars())


def _claim(connection: sa.Connection, ids: Sequence[uuid.UUID], mine: uuid.UUID) -> list[Orphan]:
    rows = connection.execute(_CLAIM, {"ids": ids, "mine": mine}).all()
    whole = committed.consolidate(connection, [row.id for row in rows])
    return [Orphan(row.id, mine, *whole[row.id], row.takeovers, row.stop_requested) for row in rows]


_CLAIM = (
    sa.update(replies)
    .where(replies.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(
        owner=sa.bindparam("mine"),
        trace_bytes=None,
        attempts=replies.c.attempts + 1,
        takeovers=replies.c.takeovers + 1,
    )
    .returning(replies.c.id, replies.c.takeovers, replies.c.stop_requested)
)
