"""Replies that other workers write, followed from here.

One look at the database per owner and tick serves however many replies of that owner are read in this process. What a
look misses (rows folded meanwhile, another owner) shows as a gap in the offsets, and the text is read anew.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

import sqlalchemy as sa

from ..models import STREAMING
from ..tables import replies
from . import committed
from .folding import FOLD_SECONDS
from .logs import Log
from .store import Part, part, rows_after

MAX_IDS = 500  # in one IN list
UNREAD_SECONDS = 5.0  # how long a log waits for a reader: a response joins when its body is first asked for
MAX_TICK_GAP_SECONDS = 0.8 * FOLD_SECONDS
REVISED = "revised"  # how a log ends whose bytes are not those that are stored: its bodies break, and their readers ask


class RemoteLogs:
    """The logs of replies written elsewhere, by reply id. They are dropped when nobody reads them any more."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._logs: dict[uuid.UUID, Log] = {}
        self._owners: dict[uuid.UUID, uuid.UUID] = {}
        self._seen: dict[uuid.UUID, int] = {}  # owner → last journal row looked at
        self._missed: set[uuid.UUID] = set()
        self._unread: dict[uuid.UUID, float] = {}  # since when nobody reads it
        self._ticked = 0.0

    def __len__(self) -> int:
        return len(self._logs)

    def get(self, reply_id: uuid.UUID) -> Log | None:
        return self._logs.get(reply_id)

    def open(self, text: committed.Text) -> Log:
        """A log that goes on from `text` (just read). Its readers must join within UNREAD_SECONDS."""
        log = self._logs.get(text.reply.id)
        if log is None:
            log = Log(text.reply.id, text.data, text.trace)
            self.keep(log, text.reply.owner)
            # Rows committed since `text` was read are either after `seq` or already folded: the first tick finds out.
            self._missed.add(log.reply_id)
        return log

    def keep(self, log: Log, owner: uuid.UUID) -> None:
        """Takes over a log whose reply this process wrote until it lost its lease."""
        log.error = None
        self._logs[log.reply_id] = log
        self._owners[log.reply_id] = owner

    def release(self, reply_id: uuid.UUID) -> Log | None:
        """Gives a log up because this process writes the reply now."""
        self._owners.pop(reply_id, None)
        self._unread.pop(reply_id, None)
        self._missed.discard(reply_id)
        return self._logs.pop(reply_id, None)

    def tick(self) -> None:
        """Looks once. Raises database errors; nothing is lost then."""
        late = time.monotonic() - self._ticked > MAX_TICK_GAP_SECONDS
        self._ticked = time.monotonic()
        self._drop_unread()
        if not self._logs:
            self._seen.clear()
            return
        if late:  # rows may have been folded unseen
            self._missed.update(self._logs)
        with self.engine.connect() as connection:
            self._look_at_rows(connection)
            self._look_at_statuses(connection)
            for reply_id in list(self._missed):
                self._reload(connection, reply_id)

    def _drop_unread(self) -> None:
        for reply_id, log in list(self._logs.items()):
            if log.readers:
                self._unread.pop(reply_id, None)
            elif self._ticked - self._unread.setdefault(reply_id, self._ticked) > UNREAD_SECONDS:
                self.release(reply_id)

    def _look_at_rows(self, connection: sa.Connection) -> None:
        owners = set(self._owners.values())
        self._seen = {owner: seq for owner, seq in self._seen.items() if owner in owners}
        for owner in owners:
            for seq, entries in rows_after(connection, owner, self._seen.get(owner, -1)):
                if owner in self._seen and seq > self._seen[owner] + 1:  # a row is gone that may have held a trace
                    self._missed.update(id for id, theirs in self._owners.items() if theirs == owner)
                self._seen[owner] = seq
                self._extend([part(*entry) for entry in entries])

    def _extend(self, row: list[Part]) -> None:
        """Lets the logs grow by what one row brought, each by both lanes at once."""
        lanes: dict[uuid.UUID, dict[bool, Part]] = {}
        for one in row:
            if one.reply_id in self._logs and one.reply_id not in self._missed:
                lanes.setdefault(one.reply_id, {})[one.trace] = one
        for reply_id, pieces in lanes.items():
            log = self._logs[reply_id]
            text, trace = _beyond(log.end, pieces.get(False)), _beyond(len(log.trace), pieces.get(True))
            if text is None or trace is None:
                self._missed.add(reply_id)
            else:
                log.grow(text, trace)

    def _look_at_statuses(self, connection: sa.Connection) -> None:
        found = {}
        for ids in _slices(list(self._logs)):
            query = sa.select(replies.c.id, replies.c.status, replies.c.owner).where(replies.c.id.in_(ids))
            found.update({row.id: row for row in connection.execute(query)})
        for reply_id in list(self._logs):
            row = found.get(reply_id)
            if row is None:
                self._end(reply_id, "deleted")
            elif row.status != STREAMING or row.owner != self._owners.get(reply_id):
                self._missed.add(reply_id)

    def _reload(self, connection: sa.Connection, reply_id: uuid.UUID) -> None:
        log = self._logs.get(reply_id)
        text = committed.read(connection, reply_id) if log else None
        self._missed.discard(reply_id)
        if log is None or reply_id not in self._logs:
            return
        if text is None:
            self._end(reply_id, "deleted")
            return
        lanes = ((log.data, text.data), (log.trace, text.trace))
        if any(_differs(read, stored, final=text.final) for read, stored in lanes):
            self._end(reply_id, REVISED)  # never seen; but what was read must not be mixed with what is stored
            return
        if len(text.data) > log.end or len(text.trace) > len(log.trace):
            log.grow(text.data[log.end :], text.trace[len(log.trace) :])
        if text.final:
            self._end(reply_id, text.reply.status)
        else:
            self._owners[reply_id] = text.reply.owner

    def _end(self, reply_id: uuid.UUID, status: str) -> None:
        if log := self.release(reply_id):
            log.finish(status)


def _beyond(end: int, piece: Part | None) -> bytes | None:
    """What of a piece goes on from `end`, perhaps nothing; None if something is missing before it."""
    if piece is None or piece.offset + len(piece.data) <= end:
        return b""
    return piece.data[end - piece.offset :] if piece.offset <= end else None


def _differs(read: bytearray, stored: bytes, *, final: bool) -> bool:
    common = min(len(read), len(stored))
    return read[:common] != stored[:common] or (final and len(read) > common)


def _slices(ids: list[uuid.UUID]) -> Iterable[list[uuid.UUID]]:
    return (ids[start : start + MAX_IDS] for start in range(0, len(ids), MAX_IDS))
