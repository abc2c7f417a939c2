"""Worker leases, and who counts as lost.

A worker is a row that its process renews every second; `lease_until` is on the database's clock. That clock may jump,
so nobody is judged by it alone: a lease must be over, and the row must have stayed as it is while this process looked
on. Who lives has renewed by then, in the time that counts now.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ...database import clock, new_id, now
from ..tables import workers
from .store import Fenced, Store

SWEEP_SECONDS = 1.0
RENEW_SECONDS = 1.0
RENEWALS = 5  # of a lease that is shorter than five seconds, in its length
LOOK_SECONDS = 2.0  # a longer pause between two looks is ours: it says nothing about the others

JOURNAL_FORMAT = 2  # of journal rows: text and traces. Workers of the version before say nothing, and know text only.

# For how many lengths of its lease a row must have stayed as it is.
UNCHANGED = 0.5
UNCHANGED_HERE = 4.0  # of a process of this machine that runs: it is busy. gunicorn ends one that hangs, after 30 s.


def _machine() -> str:
    """This boot and process namespace of this machine; empty where the system does not tell (not Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


MACHINE = _machine()


def process_name() -> str:
    """How a row names its process beside its number, which others get in their turn: its machine and its start."""
    return f"{MACHINE} {_stat(os.getpid())[1]}" if MACHINE else ""


def process_life(pid: int, started: str) -> str:
    """Of a process of this machine: `runs`, `gone`, or `unknown` when it was stopped (SIGSTOP, a debugger)."""
    try:
        state, start = _stat(pid)
    except OSError:
        return "gone"
    if start != started:
        return "gone"
    return {"Z": "gone", "X": "gone", "T": "unknown", "t": "unknown"}.get(state, "runs")


def _stat(pid: int) -> tuple[str, str]:
    """State, and start in ticks since the machine's boot (fields 3 and 22 of proc_pid_stat(5)). Raises OSError."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], fields[19]


class Lease:
    """This process's row in `workers`. `seconds` is its length."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._clock = clock(store.dialect)
        self.worker_id = new_id()
        self.renew_every = min(RENEW_SECONDS, seconds / RENEWALS)
        self.renewed_at = -seconds  # time.monotonic() before the last renewal

    def register(self) -> uuid.UUID:
        """Begins a new life under a new id and returns it."""
        worker_id, began = new_id(), time.monotonic()
        row = {
            "id": worker_id,
            "host": socket.gethostname()[:255],
            "machine": process_name(),
            "pid": os.getpid(),
            "started_at": now(),
            "lease_until": self._clock + self._seconds,
            "lease_seconds": self._seconds,
            "fenced": False,
            "journal_format": JOURNAL_FORMAT,
        }
        self._store.transact(lambda connection: connection.execute(sa.insert(workers).values(row)))
        self.worker_id, self.renewed_at = worker_id, began
        return worker_id

    def sees_older(self) -> bool:
        """Whether a worker has a row that knows no traces: it may have to go on for this one."""
        return self._store.transact(lambda connection: connection.execute(_OLDER).first() is not None)

    def renew(self) -> None:
        """Raises Fenced when somebody else has taken over."""
        began = time.monotonic()
        mine = sa.and_(workers.c.id == self.worker_id, workers.c.fenced.is_(False))
        update = sa.update(workers).where(mine).values(lease_until=self._clock + self._seconds)
        if self._store.transact(lambda connection: connection.execute(update).rowcount) == 0:
            raise Fenced
        self.renewed_at = began

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next renewal."""
        return time.monotonic() - self.renewed_at >= self.renew_every

    def give_up(self) -> None:
        """Lets the others take over at their next look."""
        update = sa.update(workers).where(workers.c.id == self.worker_id).values(lease_until=0)
        self._store.transact(lambda connection: connection.execute(update))


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker that others must go on for. `lease_until` is what was seen: one that has renewed since is not lost."""

    worker_id: uuid.UUID
    lease_until: float

    @property
    def gave_up(self) -> bool:
        return self.lease_until == 0


class Watch:
    """What this process has seen of the other workers, look by look. `seconds` is its own lease's length.

    A row of a version that did not say how long its leases are is believed for that long. `now` is time.monotonic.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._looked = now()
        self._rows: dict[uuid.UUID, tuple[float, float]] = {}  # lease_until, and for how many seconds it is that

    sees_older = False  # a worker that knows no traces had a row at the last look

    def look(self, connection: sa.Connection, mine: uuid.UUID) -> list[Lost]:
        """The others that are lost. The caller has just renewed its own lease."""
        found = connection.execute(_others(connection.dialect.name), {"mine": mine}).all()
        now = self._now()
        passed, self._looked = min(now - self._looked, LOOK_SECONDS), now
        rows = {}
        for row in found:
            until, unchanged = self._rows.get(row.id, (None, 0.0))
            rows[row.id] = (row.lease_until, unchanged + passed if until == row.lease_until else 0.0)
        self._rows = rows
        self.sees_older = any(row.journal_format is None for row in found)
        return [Lost(row.id, row.lease_until) for row in found if self._is_lost(row, rows[row.id][1])]

    def _is_lost(self, row: Any, unchanged: float) -> bool:
        if row.fenced or row.lease_until == 0:
            return True
        machine, _, started = row.machine.rpartition(" ")
        life = process_life(row.pid, started) if MACHINE and machine == MACHINE else "unknown"
        if life == "gone":
            return True
        length = row.lease_seconds or self._seconds
        believed = row.now <= row.lease_until <= row.now + length  # no lease is longer than its length
        return not believed and unchanged >= length * (UNCHANGED_HERE if life == "runs" else UNCHANGED)


_OLDER = sa.select(workers.c.id).where(workers.c.journal_format.is_(None)).limit(1)


def _others(dialect: str) -> sa.Select[Any]:
    w = workers.c
    row = (w.id, w.machine, w.pid, w.lease_until, w.lease_seconds, w.fenced, w.journal_format)
    return sa.select(*row, clock(dialect).label("now")).where(w.id != sa.bindparam("mine"))
