"""The journal's statements. Every write here is a transaction of its own, run away from the requests' connections.

On SQLite its connections are safe against the death of the process, not of the power (`synchronous=NORMAL`): a commit
writes to memory, in a fraction of a millisecond, on the hub. (In a thread it would cost several turns of the
interpreter's lock: measured in docs/performance.md.) Waiting for another process's write yields. `checkpoint` brings
all of it to the disk, once a second. What may never be taken back waits for the disk itself: the ends of replies here
(`durable`, in a thread), and on the requests' connections what people write. On PostgreSQL the wait callback yields.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from ...config import Settings
from ...database import clock, engine_options, prepare_engine
from ...postgresql import ALONE
from ...stacks import in_thread
from ..models import STREAMING
from ..tables import journal, replies, workers
from .logs import is_trace, trace_key

T = TypeVar("T")

Entry = tuple[bytes, int, bytes]  # of a journal row: key of a reply's lane (16 bytes), byte offset, bytes


class Part(NamedTuple):
    """A piece of a reply's text, or of its trace. `offset` in bytes."""

    reply_id: uuid.UUID
    offset: int
    data: bytes
    trace: bool = False


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Entry]).decode

CONNECTIONS = 5  # commits, folds and the lease need one each; the rest is for what a process does besides
DURABLE_CONNECTIONS = 3  # SQLite's, beside them: two ends at a time, and one of a reply taken over


class Fenced(Exception):
    """This worker's lease was taken away: it may commit nothing more, and others continue its replies."""


class Store:
    """Runs the journal's transactions for one process."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings, CONNECTIONS, durable=settings.sqlite_synchronous == "full")
        self._durable = _engine(settings, DURABLE_CONNECTIONS, durable=True) if settings.sqlite else self.engine
        self.dialect = self.engine.dialect.name
        self._commit = _commit_statement(self.dialect)
        # PostgreSQL: one statement is one round trip. SQLite: a BEGIN that waits for another process without blocking.
        self._alone = {"write": True} if settings.sqlite else ALONE

    def transact(self, work: Callable[[sa.Connection], T], *, durable: bool = False) -> T:
        """Runs `work(connection)` in a write transaction and returns what it returns.

        On SQLite nothing in `work` may yield, and with `durable` a loss of power does not take it back – nor anything
        that was committed before it. Raises what `work` raises, and SQLAlchemy's errors.
        """
        if durable and self._durable is not self.engine:
            return in_thread(_transact, self._durable, work)
        return _transact(self.engine, work)

    def commit(self, owner: uuid.UUID, seq: int, entries: Sequence[Entry], *, fold_trace: bool = False) -> None:
        """Stores one batch as row (owner, seq). Raises Fenced when the lease is gone.

        `fold_trace`: traces become chunks at once, for a worker that might fold this row and does not know traces.
        May be tried again with the same arguments after any other error: a row that an earlier, unacknowledged try
        has stored counts as success.
        """
        row = {"owner": owner, "seq": seq, "entries": _pack(entries)}
        traces = merge(entry for entry in entries if is_trace(entry[0])) if fold_trace else []
        try:
            if traces:
                self.transact(lambda connection: self._commit_and_fold(connection, row, traces))
                return
            with self.engine.connect().execution_options(**self._alone) as connection:
                stored = connection.execute(self._commit, row).rowcount == 1
                connection.commit()
        except sa.exc.IntegrityError:
            return
        if not stored:
            raise Fenced

    def _commit_and_fold(self, connection: sa.Connection, row: dict[str, Any], parts: Sequence[Part]) -> None:
        if connection.execute(self._commit, row).rowcount != 1:
            raise Fenced
        store_parts(connection, row["owner"], parts)

    def checkpoint(self) -> None:
        """SQLite: moves the write-ahead log into the database, in a thread: the journal's only wait for the disk."""
        if self.dialect == "sqlite":
            in_thread(self._checkpoint)

    def close(self) -> None:
        self.engine.dispose()
        self._durable.dispose()

    def _checkpoint(self) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        # While somebody reads for long (a backup) a checkpoint has nothing to do, and syncs nothing.
        with contextlib.suppress(FileNotFoundError), open(f"{self.engine.url.database}-wal", "rb") as log:
            os.fsync(log.fileno())


def _engine(settings: Settings, pool: int, *, durable: bool) -> sa.Engine:
    options = engine_options(settings, pool=pool)
    options.pop("pool_pre_ping", None)  # callers try again; a ping per commit would double its round trips
    engine = sa.create_engine(settings.database_url, **options)
    prepare_engine(engine, durable=durable)
    return engine


def _transact(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        return work(connection)


def _commit_statement(dialect: str) -> sa.Insert:
    """Inserts only while this worker is not fenced, and holds the fence off meanwhile."""
    row = sa.select(
        workers.c.id,
        sa.bindparam("seq", type_=sa.BigInteger),
        sa.bindparam("entries", type_=sa.LargeBinary),
        clock(dialect),
    ).where(workers.c.id == sa.bindparam("owner"), workers.c.fenced.is_(False))
    columns = ["owner", "seq", "entries", "created_at"]
    return sa.insert(journal).from_select(columns, row.with_for_update(read=True))


_LEASE = (
    sa.select(workers.c.id)
    .where(workers.c.id == sa.bindparam("owner"), workers.c.fenced.is_(False))
    .with_for_update(read=True)
)


def hold_lease(connection: sa.Connection, owner: uuid.UUID) -> None:
    """Keeps this worker from being fenced until the transaction ends. Raises Fenced when it is already."""
    if connection.execute(_LEASE, {"owner": owner}).first() is None:
        raise Fenced


def store_parts(connection: sa.Connection, owner: uuid.UUID, parts: Sequence[Part]) -> set[uuid.UUID]:
    """Stores `parts` as chunks, beside the journal's rows that hold them too until `delete_rows`.

    Parts of replies that are not running under this owner any more are dropped: their text is already elsewhere. A part
    may come again, as it was or longer. Returns the replies that somebody is changing: their parts must come again.
    (Who holds several replies must not wait for one: its holder may be waiting for another of them.)
    """
    ids = list({part.reply_id for part in parts})
    asked: dict[str, Any] = {"owner": owner, "ids": ids}
    free = set(connection.execute(_FREE, asked).scalars())
    held = set(ids) - free
    if held:
        held &= set(connection.execute(_RUNNING, asked).scalars())
    for trace in (False, True):
        alive = {part[:2]: part for part in parts if part.reply_id in free and part.trace is trace}
        if alive:
            _store_chunks(connection, list(alive.values()), trace=trace)
    return held


def _store_chunks(connection: sa.Connection, parts: list[Part], *, trace: bool) -> None:
    if connection.dialect.name == "sqlite":
        rows: Any = [{"reply_id": part.reply_id, "offset": part.offset, "bytes": part.data} for part in parts]
    else:
        rows = {
            "ids": [str(part.reply_id) for part in parts],
            "offsets": [part.offset for part in parts],
            "pieces": [part.data for part in parts],
        }
    connection.execute(_STORE[connection.dialect.name, trace], rows)


def delete_rows(connection: sa.Connection, owner: uuid.UUID, first: int, last: int) -> None:
    """Deletes the owner's rows from `first` to `last`. Their text must be stored elsewhere, or never shown."""
    connection.execute(_DELETE_ROWS, {"worker": owner, "first": first, "last": last})


_RUNNING = sa.select(replies.c.id).where(
    replies.c.id.in_(sa.bindparam("ids", expanding=True)),
    replies.c.owner == sa.bindparam("owner"),
    replies.c.status == STREAMING,
)
_FREE = _RUNNING.with_for_update(read=True, skip_locked=True)


def _store_statement(dialect: str, table: str) -> sa.TextClause:
    into, again = f'INSERT INTO {table} (reply_id, "offset", bytes) ', "DO UPDATE SET bytes = excluded.bytes"
    if dialect == "sqlite":
        values = f'VALUES (:reply_id, :offset, :bytes) ON CONFLICT (reply_id, "offset") {again}'
        return sa.text(into + values).bindparams(sa.bindparam("reply_id", type_=sa.Uuid))
    # One round trip: the driver would send an INSERT with a list of rows and a conflict clause row by row.
    rows = "SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:offsets AS bigint[]), CAST(:pieces AS bytea[])) "
    return sa.text(f'{into}{rows}ON CONFLICT (reply_id, "offset") {again}')


_STORE = {
    (dialect, trace): _store_statement(dialect, "trace_chunks" if trace else "reply_chunks")
    for dialect in ("sqlite", "postgresql")
    for trace in (False, True)
}
_DELETE_ROWS = sa.delete(journal).where(
    journal.c.owner == sa.bindparam("worker"), journal.c.seq.between(sa.bindparam("first"), sa.bindparam("last"))
)


def merge(entries: Iterable[Entry]) -> list[Part]:
    """Joins the adjoining entries of each reply's lane (given in the order of their offsets) into one part."""
    runs: dict[bytes, list[tuple[int, list[bytes]]]] = {}
    ends: dict[bytes, int] = {}
    for key, offset, data in entries:
        if ends.get(key) == offset:
            runs[key][-1][1].append(data)
        else:
            runs.setdefault(key, []).append((offset, [data]))
        ends[key] = offset + len(data)
    return [part(key, offset, b"".join(pieces)) for key, found in runs.items() for offset, pieces in found]


def part(key: bytes, offset: int, data: bytes) -> Part:
    """An entry of a journal row, by its reply."""
    trace = is_trace(key)
    return Part(uuid.UUID(bytes=trace_key(key) if trace else key), offset, data, trace)


def rows_after(
    connection: sa.Connection, owner: uuid.UUID, seq: int, *, most: int | None = None
) -> list[tuple[int, list[Entry]]]:
    """The owner's journal after row `seq` (-1 for all of it), oldest first; the first `most` rows of it."""
    query = _ROWS_AFTER if most is None else _ROWS_AFTER.limit(most)
    rows = connection.execute(query, {"owner": owner, "after": seq})
    return [(row.seq, _unpack(row.entries)) for row in rows]


_ROWS_AFTER = (
    sa.select(journal.c.seq, journal.c.entries)
    .where(journal.c.owner == sa.bindparam("owner"), journal.c.seq > sa.bindparam("after"))
    .order_by(journal.c.seq)
)
