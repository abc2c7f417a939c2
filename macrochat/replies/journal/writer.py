"""The journal: put · commit · wake · fold. It knows nothing of HTTP or providers.

The `Journal` is the process's one writer: generations hand it pieces, it commits the pending pieces of all streams as
one row, and only then lets the logs grow and wakes their readers. So every byte a reader has seen is in the database.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import gevent
from gevent.event import Event
from sqlalchemy import Connection

from ... import metrics
from ...database import is_outage, reason
from ...logs import News, get_logger
from .logs import Log
from .store import Entry, Fenced, Part, Store, delete_rows, hold_lease, store_parts

log_line = get_logger(__name__)
T = TypeVar("T")

FOLD_SECONDS = 1.0
FOLD_REPLIES = 128  # of one transaction, so that it takes a millisecond or two
HELD_TRIES = 3  # for replies that somebody is changing, in one fold
HELD_SECONDS = 0.05  # between two of them
FOLD_ROWS = 16  # of another; deleting one takes as long as storing eight parts
MAX_BATCH_BYTES = 4 << 20  # one row stays well under what the databases take in one statement
MAX_PENDING_BYTES = 16 << 20  # of all streams; past that generations wait and their providers feel it
MAX_PENDING_BYTES_PER_LOG = 512 << 10
PATIENCE_SECONDS = 30.0  # how long the database may refuse commits before running replies fail


class StorageFailed(Exception):
    """The database refused commits for PATIENCE_SECONDS; what was not committed is dropped, and nobody saw it."""


class Journal:
    """The process's writer. `owner` is the worker's id; `interval` the least time between commits, in seconds."""

    def __init__(self, store: Store, owner: uuid.UUID, interval: float, on_fenced: Callable[[], None]) -> None:
        self.store = store
        self.owner = owner
        self.logs: dict[bytes, Log] = {}  # by key
        self._interval = interval
        self._on_fenced = on_fenced
        self._seq = 0  # of the last row tried
        self._seq_committed = 0
        self._doubtful: list[int] = []  # rows that were given up without knowing whether they are there
        self._folded_seq = 0
        self._mark: tuple[int, list[tuple[Log, int]]] = (0, [])
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
        log.folded = log.end
        log.error = None
        self.logs[log.key] = log

    def put(self, log: Log, piece: bytes) -> bool:
        """Hands over text to be committed, without waiting. Returns whether more may come before `wait_for_room`.

        What comes when the log cannot be written any more is dropped.
        """
        if log.error:
            return False
        if not self._pending_bytes:
            self._waiting_since = time.monotonic()
        log.pending.append(piece)
        log.pending_bytes += len(piece)
        self._pending_bytes += len(piece)
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
        log.pending_bytes = 0
        self._dirty.pop(log, None)

    def adopt(self, owner: uuid.UUID) -> None:
        """Goes on under a new worker id after a fence."""
        self.owner = owner
        self._seq = self._seq_committed = self._folded_seq = 0
        self._doubtful.clear()
        self._mark = (0, [])

    def fold(self, seconds: float = 0.0) -> None:
        """Moves what was committed before the last call into per-reply chunks, in small transactions.

        All of it is stored, spread over so many seconds, before its rows go: what is in both is read once. (As one
        transaction it stopped every stream for 25 ms, once a second.) So a row lives at least for `seconds`, and
        readers elsewhere that look ten times a second meet every row. Raises Fenced, and database errors: what was not
        done then, or is of replies that somebody else has locked, is done by the next call.
        """
        (seq, ends), owner = self._mark, self.owner
        if seq > self._folded_seq:
            slices = [ends[start : start + FOLD_REPLIES] for start in range(0, len(ends), FOLD_REPLIES)] or [[]]
            held = []
            for some in slices:
                held += self._store(owner, some)
                gevent.sleep(seconds / len(slices))
            for _ in range(HELD_TRIES):  # mostly they are just ending: then nothing of them is left to be stored
                if held:
                    gevent.sleep(HELD_SECONDS)
                    held = self._store(owner, held)
            if held:
                return
            for last in (*range(self._folded_seq + FOLD_ROWS, seq, FOLD_ROWS), seq):
                if self.owner == owner:
                    self._delete(owner, self._folded_seq + 1, last)
                if self.owner == owner:
                    self._folded_seq = last
                gevent.sleep(0)
        if self.owner == owner:
            self._mark = (self._seq_committed, [(log, log.end) for log in self.logs.values()])

    def _store(self, owner: uuid.UUID, ends: list[tuple[Log, int]]) -> list[tuple[Log, int]]:
        """Returns those that must be stored once more: somebody is changing their replies."""
        grown = [(log, end) for log, end in ends if end > log.folded and self.logs.get(log.key) is log]
        if not grown or self.owner != owner:
            return []
        parts: list[Part] = [(log.reply_id, log.folded, bytes(log.data[log.folded : end])) for log, end in grown]
        held = self._transact(owner, lambda connection: store_parts(connection, owner, parts))
        for log, end in grown:
            if log.reply_id not in held:
                log.folded = max(log.folded, end)
        return [(log, end) for log, end in grown if log.reply_id in held]

    def _delete(self, owner: uuid.UUID, first: int, last: int) -> None:
        self._transact(owner, lambda connection: delete_rows(connection, owner, first, last))

    def _transact(self, owner: uuid.UUID, work: Callable[[Connection], T]) -> T:
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
        entries: list[Entry] = [(log.key, log.end, data) for log, data in batch]
        error = self._commit_until_settled(entries)
        committed = time.monotonic()
        for log, data in batch:
            log.committing = False
            self._pending_bytes -= len(data)
            if self.owner != owner or self.logs.get(log.key) is not log:
                continue  # another life's, or another's: whoever goes on with the reply reads this from the database
            if error is None:
                log.grow(data)  # given up or not: what is stored may be shown elsewhere, and must be folded
            else:
                self.give_up(log, error)
        settled, self._settled = self._settled, Event()
        settled.set()
        self._waiting_since = taken
        if error is None:
            size = sum(len(data) for _log, data in batch)
            metrics.committed(len(batch), size, committed - taken, committed - lag_from)
        if isinstance(error, Fenced) and self.owner == owner:
            self._on_fenced()

    def _take_batch(self) -> list[tuple[Log, bytes]]:
        batch, size = [], 0
        for log in list(self._dirty):
            data = b"".join(log.pending)
            log.pending.clear()
            log.pending_bytes, log.committing = 0, True
            del self._dirty[log]
            batch.append((log, data))
            size += len(data)
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
                self.store.commit(owner, seq, entries)
                if self.owner == owner:
                    self._seq_committed = seq
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
            self._delete(owner, self._doubtful[-1], self._doubtful[-1])
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
