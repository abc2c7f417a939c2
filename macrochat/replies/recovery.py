"""Worker leases, fencing and takeover (DESIGN §2). Leases run on the database's clock.

A worker is a row that its process renews every second. Who finds a lease that ran out takes everything over in one
transaction: the row is locked and deleted, its journal folded, its replies claimed. A process that slept through its
lease finds its row gone: it can neither commit nor end a reply any more.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ..database import clock, new_id, now
from . import texts
from .models import STREAMING
from .store import Fenced, Store, delete_rows, journal, merge, replies, rows_after, store_parts, workers

RENEW_SECONDS = 1.0


def _machine() -> str:
    """This boot and process namespace of this machine; empty where the system does not tell (not Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


MACHINE = _machine()
SWEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Orphan:
    """A reply taken over: this worker owns it now. `text` is all that was committed (UTF-8)."""

    reply_id: uuid.UUID
    text: bytes
    takeovers: int
    stop_requested: bool


class Lease:
    """This process's row in `workers`."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._clock = clock(store.dialect)
        self.worker_id = new_id()
        self.renewed_at = 0.0  # time.monotonic() when the database last took a renewal

    def register(self) -> uuid.UUID:
        """Begins a new life under a new id and returns it."""
        worker_id = new_id()
        row = {
            "id": worker_id,
            "host": socket.gethostname()[:255],
            "machine": MACHINE,
            "pid": os.getpid(),
            "started_at": now(),
            "lease_until": self._clock + self._seconds,
            "fenced": False,
        }
        self._store.transact(lambda connection: connection.execute(sa.insert(workers).values(row)))
        self.worker_id = worker_id
        self.renewed_at = time.monotonic()
        return worker_id

    def renew(self) -> None:
        """Raises Fenced when somebody else has taken over."""
        mine = sa.and_(workers.c.id == self.worker_id, workers.c.fenced.is_(False))
        update = sa.update(workers).where(mine).values(lease_until=self._clock + self._seconds)
        if self._store.transact(lambda connection: connection.execute(update).rowcount) == 0:
            raise Fenced
        self.renewed_at = time.monotonic()

    def give_up(self) -> None:
        """Lets the others take over at their next look."""
        update = sa.update(workers).where(workers.c.id == self.worker_id).values(lease_until=0)
        self._store.transact(lambda connection: connection.execute(update))


def adopt(store: Store, worker_id: uuid.UUID, reply_id: uuid.UUID) -> Orphan | None:
    """Takes over a reply of this worker's own that nobody writes; None when it is final by now."""
    mine = sa.and_(replies.c.id == reply_id, replies.c.owner == worker_id, replies.c.status == STREAMING)
    query = sa.select(replies.c.id).where(mine).with_for_update()

    def work(connection: sa.Connection) -> Orphan | None:
        found = connection.execute(query).first()
        return _claim(connection, reply_id, worker_id) if found else None

    return store.transact(work)


def sweep(store: Store, worker_id: uuid.UUID) -> list[Orphan]:
    """Takes over the replies of every worker whose lease ran out. At most one caller gets each."""
    return store.transact(lambda connection: _sweep(connection, store.dialect, worker_id))


def _sweep(connection: sa.Connection, dialect: str, worker_id: uuid.UUID) -> list[Orphan]:
    late = sa.or_(workers.c.lease_until < clock(dialect), workers.c.fenced)
    dead = workers.c.id.in_(_dead_here(connection))
    expired = sa.select(workers).where(sa.or_(late, dead), workers.c.id != worker_id).with_for_update(skip_locked=True)
    for row in connection.execute(expired).all():
        _fence(connection, row.id, given_up=row.lease_until == 0)
    return _claim_ownerless(connection, worker_id)


def _dead_here(connection: sa.Connection) -> list[uuid.UUID]:
    """Workers of this machine whose process is gone: no need to wait for their leases."""
    if not MACHINE:
        return []
    query = sa.select(workers.c.id, workers.c.pid).where(workers.c.machine == MACHINE)
    return [row.id for row in connection.execute(query) if not os.path.exists(f"/proc/{row.pid}")]


def _fence(connection: sa.Connection, dead: uuid.UUID, *, given_up: bool) -> None:
    rows = rows_after(connection, dead, -1)
    if rows:
        store_parts(connection, dead, merge(entry for _seq, entries in rows for entry in entries))
        delete_rows(connection, dead, rows[0][0], rows[-1][0])
    connection.execute(sa.delete(workers).where(workers.c.id == dead))
    if given_up:  # a deploy is not the reply's fault: the claim that follows shall not count
        left = sa.and_(replies.c.owner == dead, replies.c.status == STREAMING)
        connection.execute(sa.update(replies).where(left).values(takeovers=replies.c.takeovers - 1))


def _claim_ownerless(connection: sa.Connection, worker_id: uuid.UUID) -> list[Orphan]:
    """Claims running replies whose worker has no row: just fenced, or lost in a way nobody thought of."""
    living = sa.select(workers.c.id)
    running = sa.and_(replies.c.status == STREAMING, replies.c.owner.not_in(living))
    if connection.execute(sa.select(replies.c.id).where(running).limit(1)).first() is None:
        return []
    query = sa.select(replies.c.id).where(running).with_for_update(skip_locked=True)
    ids = [row.id for row in connection.execute(query)]
    return [_claim(connection, reply_id, worker_id) for reply_id in ids]


def _claim(connection: sa.Connection, reply_id: uuid.UUID, worker_id: uuid.UUID) -> Orphan:
    again = {
        "owner": worker_id,
        "attempts": replies.c.attempts + 1,
        "takeovers": replies.c.takeovers + 1,
    }
    update = sa.update(replies).where(replies.c.id == reply_id).values(again)
    row = connection.execute(update.returning(replies.c.takeovers, replies.c.stop_requested)).one()
    return Orphan(reply_id, texts.consolidate(connection, reply_id), row.takeovers, row.stop_requested)


def forget_old_journals(connection: sa.Connection) -> None:
    """Deletes journal rows that belong to no worker: their replies were claimed or are final."""
    connection.execute(sa.delete(journal).where(journal.c.owner.not_in(sa.select(workers.c.id))))
