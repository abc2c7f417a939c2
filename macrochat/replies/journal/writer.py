"""The journal: put · commit · wake · fold. It knows nothing of HTTP or providers.

The `Journal` is the process's one writer: generations hand it pieces, it commits the pending pieces of all streams as
one row, and only then lets the logs grow and wakes their readers. So every byte a reader has seen is in the database.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from sqlalchemy import Connection

from ... import metrics
from ...database import is_outage, reason
from ...logs import News, get_logger
from ..trace import Line, clean, encode
from .folding import FOLD_SECONDS, Folding
from .logs import Log, trace_key
from .store import Entry, Fenced, Store, delete_rows, hold_lease

log_line = get_logger(__name__)
T = TypeVar("T")

MAX_BATCH_BYTES = 4 << 20  # one row stays well under what the databases take in one statement
MAX_PENDING_BYTES = 16 << 20  # of all streams; past that generations wait and their providers feel it
MAX_PENDING_BYTES_PER_LOG = 512 << 10
LINE_BYTES = 64  # what a line of the trace holds besides its text, more or less
PATIENCE_SECONDS = 30.0  # how long the database may refuse commits before running replies fail


class StorageFailed(Exception):
    """The database refused commits for PATIENCE_SECONDS; what was not committed is dropped, and nobody saw it."""


class Piece:
    """What a log has to be committed: taken from what waits, in one row for both lanes."""

    __slots__ = ("data", "log", "trace", "waited")

    def __init__(self, log: Log) -> None:
        self.log = log
        self.data = b"".join(log.pending)
        self.waited = log.pending_bytes
        log.pending.clear()
        self.trace = b""
        if log.pending_lines:
            self.trace = encode(log.pending_lines)
            log.pending_lines.clear()
        log.pending_bytes, log.committing = 0, True

    def entries(self) -> list[Entry]:
        """Of one with a trace, which stands first: it tells what came before the text."""
        log = self.log
        text = [(log.key, log.end, self.data)]
        trace = [(trace_key(log.key), len(log.trace), self.trace)]
        return trace + text if self.data else trace


class Journal:
    """The process's writer. `owner` is the worker's id; `interval` the least time between commits, in seconds."""

    def __init__(self, store: Store, owner: uuid.UUID, interval: float, on_fenced: Callable[[], None]) -> None:
        self.store = store
        self.owner = owner
        self.logs: dict[bytes, Log] = {}  # by key
        self.beside_older = False  # a worker lives that knows no traces, and may have to go on for this one
        self._interval = interval
        self._on_fenced = on_fenced
        self._seq = 0  # of the last row tried
        self.seq_committed = 0  # of the last row that is stored
        self._doubtful: list[int] = []  # rows that were given up without knowing whether they are there
        self._folding = Folding(self)
        self._dirty: dict[Log, None] = {}
        self._pending_bytes = 0
        self._waiting_since = 0.0  # time.monotonic() no later than that of the oldest pending piece
        self._work = Event()
        self._settled = Event()  # set and replaced after every commit, successful or not
        self._news = News()
        self._greenlets: list[gevent.Greenlet] = []

    def start(self) -> None:
        self._greenlets = [gevent.spawn(self._commit_loop), gevent.spawn(self._fold_loop)]

    def kill(self) -> None:
        gevent.killall(self._greenlets)

    def open(self, log: Log) -> None:
        """Begins to write a log. What it holds already is stored."""
        log.folded, log.folded_trace = log.end, len(log.trace)
        log.written = log.end
        log.error = None
        self.logs[log.key] = log

    def put(self, log: Log, piece: bytes) -> bool:
        """Hands over text to be committed, without waiting. Returns whether more may come before `wait_for_room`.

        What comes when the log cannot be written any more is dropped.
        """
        if log.error:
            return False
        size = len(piece)
        log.pending.append(piece)
        log.written += size
        return self._wait_in_line(log, size)

    def note(self, log: Log, kind: str, **what: Any) -> bool:
        """Hands over a line of the trace, which stands behind all the text that was put before. Returns as `put`."""
        if log.error:
            return False
        line = clean(Line(log.written, round(time.time(), 3), kind, **what))
        log.pending_lines.append(line)
        return self._wait_in_line(log, len(line.text) + LINE_BYTES)

    def _wait_in_line(self, log: Log, size: int) -> bool:
        if not self._pending_bytes:
            self._waiting_since = time.monotonic()
        log.pending_bytes += size
        self._pending_bytes += size
        self._dirty[log] = None
        self._work.set()
        return log.pending_bytes <= MAX_PENDING_BYTES_PER_LOG and self._pending_bytes <= MAX_PENDING_BYTES

    def wait_for_room(self, log: Log) -> None:
        """Returns when another piece may come. Raises StorageFailed or Fenced when this log can be written no more."""
        while log.pending_bytes > MAX_PENDING_BYTES_PER_LOG or self._pending_bytes > MAX_PENDING_BYTES:
            self._wait_for_commit(log)
        if log.error:
            raise log.error

    def flush(self, log: Log) -> None:
        """Returns when all that was appended is committed. Raises as `wait_for_room` does."""
        while log.pending_bytes or log.committing:
            self._wait_for_commit(log)
        if log.error:
            raise log.error

    def close(self, log: Log, status: str) -> None:
        """Ends a log after its final claim; its readers learn the status."""
        if self.logs.get(log.key) is log:
            del self.logs[log.key]
        log.finish(status)

    def abandon(self) -> list[Log]:
        """After a fence: gives up every log, uncommitted text and all. Returns them; their readers still wait."""
        logs = list(self.logs.values())
        for log in logs:
            self.give_up(log, Fenced())
        self.logs.clear()
        return logs

    def give_up(self, log: Log, error: Exception) -> None:
        """Nothing more of this log is committed; `wait_for_room` and `flush` raise `error`. The first error stands."""
        log.error = log.error or error
        self._pending_bytes -= log.pending_bytes
        log.pending.clear()
        log.pending_lines.clear()
        log.pending_bytes = 0
        self._dirty.pop(log, None)

    def adopt(self, owner: uuid.UUID) -> None:
        """Goes on under a new worker id after a fence."""
        self.owner = owner
        self._seq = self.seq_committed = 0
        self._doubtful.clear()
        self._folding = Folding(self)

    def fold(self, seconds: float = 0.0) -> None:
        """See Folding."""
        self._folding.fold(seconds)

    def delete(self, owner: uuid.UUID, first: int, last: int) -> None:
        """Deletes rows of its own, whose text and traces stand elsewhere or were never shown. Raises Fenced."""
        self.transact(owner, lambda connection: delete_rows(connection, owner, first, last))

    def transact(self, owner: uuid.UUID, work: Callable[[Connection], T]) -> T:
        """Runs `work(connection)` while `owner` holds its lease. Raises Fenced, and database errors."""

        def leased(connection: Connection) -> T:
            hold_lease(connection, owner)
            return work(connection)

        return self.store.transact(leased)

    def waiting(self) -> tuple[int, float]:
        """Bytes that wait for a commit, and for how many seconds the oldest of them has."""
        return self._pending_bytes, time.monotonic() - self._waiting_since if self._pending_bytes else 0.0

    def _wait_for_commit(self, log: Log) -> None:
        settled = self._settled
        settled.wait()
        if log.error:
            raise log.error

    def _commit_loop(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            began = time.monotonic()
            try:
                while self._dirty:
                    self._commit_batch()
            except Exception:
                log_line.exception("journal_broken")  # and go on: nobody else commits for this process
            gevent.sleep(max(0.0, self._interval - (time.monotonic() - began)))

    def _commit_batch(self) -> None:
        taken, lag_from, owner = time.monotonic(), self._waiting_since, self.owner
        batch = self._take_batch()
        entries: list[Entry] = []
        for piece in batch:
            if piece.trace:
                entries += piece.entries()
            else:  # a text without a byte is a sign of life
                entries.append((piece.log.key, piece.log.end, piece.data))
        error = self._commit_until_settled(entries)
        committed = time.monotonic()
        for piece in batch:
            log = piece.log
            log.committing = False
            self._pending_bytes -= piece.waited
            if self.owner != owner or self.logs.get(log.key) is not log:
                continue  # another life's, or another's: whoever goes on with the reply reads this from the database
            if error is None:
                # Given up or not: what is stored may be shown elsewhere, and must be folded.
                log.grow(piece.data, piece.trace)
            else:
                self.give_up(log, error)
        settled, self._settled = self._settled, Event()
        settled.set()
        self._waiting_since = taken
        if error is None:
            size = sum(len(piece.data) + len(piece.trace) for piece in batch)
            metrics.committed(len(batch), size, committed - taken, committed - lag_from)
        if isinstance(error, Fenced) and self.owner == owner:
            self._on_fenced()

    def _take_batch(self) -> list[Piece]:
        batch, size = [], 0
        for log in list(self._dirty):
            piece = Piece(log)
            del self._dirty[log]
            batch.append(piece)
            size += len(piece.data) + len(piece.trace)
            if size > MAX_BATCH_BYTES:
                break
        return batch

    def _commit_until_settled(self, entries: list[Entry]) -> Exception | None:
        """Tries the same row until the database has answered: a lost acknowledgement writes nothing twice."""
        self._seq += 1
        owner, seq = self.owner, self._seq
        give_up = time.monotonic() + PATIENCE_SECONDS
        pause = 0.05
        while True:
            try:
                self._delete_doubtful(owner)
                self.store.commit(owner, seq, entries, fold_trace=self.beside_older)
                if self.owner == owner:
                    self.seq_committed = seq
                return None
            except Fenced as error:
                return error
            except Exception as error:  # noqa: BLE001 - whatever it was, the text must not be shown
                metrics.COMMIT_FAILURES.labels("outage" if is_outage(error) else "error").inc()
                self._tell("journal_commit_failed", error)
                if time.monotonic() > give_up or not is_outage(error):
                    self._doubtful.append(seq)
                    return StorageFailed()
            gevent.sleep(pause)
            pause = min(1.0, pause * 2)

    def _tell(self, event: str, error: Exception) -> None:
        if self._news.is_new(event, reason(error)):
            log_line.warning(event, error=reason(error), outage=is_outage(error))

    def _delete_doubtful(self, owner: uuid.UUID) -> None:
        """A row that was given up may be there, its acknowledgement lost: what comes next must not stand behind it."""
        while self._doubtful:
            self.delete(owner, self._doubtful[-1], self._doubtful[-1])
            self._doubtful.pop()

    def _fold_loop(self) -> None:
        pause = FOLD_SECONDS
        while True:
            gevent.sleep(pause)
            began, owner = time.monotonic(), self.owner
            try:
                self.fold(FOLD_SECONDS)
            except Fenced:
                if self.owner == owner:
                    self._on_fenced()
            except Exception as error:  # noqa: BLE001 - the next fold goes on
                self._tell("journal_fold_failed", error)
            pause = max(0.0, FOLD_SECONDS - (time.monotonic() - began))
