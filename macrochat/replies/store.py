"""The journal's statements. Every write here is a transaction of its own, run away from the requests' connections.

On SQLite all of it runs in one thread beside the hub: a commit that waits for the disk or for another process's write
stops nobody. Its connection is safe against the death of the process, not of the power (`synchronous=NORMAL`); rows
that users write themselves use the requests' connections, which are safe against both. On PostgreSQL the statements
run in the calling greenlet and the wait callback yields.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
import sqlalchemy as sa
from gevent.threadpool import ThreadPool

from ..config import Settings
from ..database import clock, engine_options, prepare_engine
from .models import STREAMING, JournalRow, Reply, ReplyChunk, Worker

T = TypeVar("T")

Entry = tuple[bytes, int, bytes]  # reply id (16 bytes), byte offset, bytes
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Entry]).decode

journal: sa.Table = JournalRow.__table__  # type: ignore[assignment]
replies: sa.Table = Reply.__table__  # type: ignore[assignment]
chunks: sa.Table = ReplyChunk.__table__  # type: ignore[assignment]
workers: sa.Table = Worker.__table__  # type: ignore[assignment]


class Fenced(Exception):
    """This worker's lease was taken away: it may commit nothing more, and others continue its replies."""


class Store:
    """Runs the journal's transactions for one process."""

    def __init__(self, settings: Settings) -> None:
        options = engine_options(settings, pool=3, durable=False)
        options.pop("pool_pre_ping", None)  # callers try again; a ping per commit would double its round trips
        if settings.sqlite:
            options["connect_args"]["timeout"] = 5
        self.engine = sa.create_engine(settings.database_url, **options)
        prepare_engine(self.engine, durable=False, busy_ms=5000 if settings.sqlite else 0)
        self.dialect = self.engine.dialect.name
        self._thread = ThreadPool(1) if settings.sqlite else None
        self._commit = _commit_statement(self.dialect)

    def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs `work(connection)` in a write transaction and returns what it returns.

        `work` may run in another thread: it touches only its arguments. Raises what it raises, and SQLAlchemy's errors.
        """
        return self._off_hub(lambda: self._transaction(work))

    def commit(self, owner: uuid.UUID, seq: int, entries: Sequence[Entry]) -> None:
        """Stores one batch as row (owner, seq). Raises Fenced when the lease is gone.

        May be tried again with the same arguments after any other error: a row that an earlier, unacknowledged try
        has stored counts as success.
        """
        row = {"owner": owner, "seq": seq, "entries": _pack(entries)}
        if not self._off_hub(lambda: self._insert(row)):
            raise Fenced

    def close(self) -> None:
        self._off_hub(self.engine.dispose)
        if self._thread:
            self._thread.kill()

    def _insert(self, row: dict[str, object]) -> bool:
        options = {"write": True} if self._thread else {"isolation_level": "AUTOCOMMIT"}
        try:
            with self.engine.connect().execution_options(**options) as connection:
                stored = connection.execute(self._commit, row).rowcount == 1
                connection.commit()
                return stored
        except sa.exc.IntegrityError:
            return True

    def _transaction(self, work: Callable[[sa.Connection], T]) -> T:
        with self.engine.connect().execution_options(write=True) as connection, connection.begin():
            return work(connection)

    def _off_hub(self, call: Callable[[], T]) -> T:
        return self._thread.apply(call) if self._thread else call()


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


def fold(connection: sa.Connection, owner: uuid.UUID, seq: int, entries: Iterable[Entry]) -> None:
    """Moves text out of the journal: stores `entries` as chunks and deletes the owner's rows up to `seq`.

    Entries of replies that are not running under this owner any more are dropped: their text is already elsewhere.
    """
    merged = merge(entries)
    if merged:
        wanted = {uuid.UUID(bytes=entry[0]) for entry in merged}
        running = sa.select(replies.c.id).where(
            replies.c.id.in_(wanted), replies.c.owner == owner, replies.c.status == STREAMING
        )
        alive = {row.id.bytes for row in connection.execute(running.with_for_update(read=True))}
        rows = [
            {"reply_id": uuid.UUID(bytes=reply), "offset": offset, "bytes": data}
            for reply, offset, data in merged
            if reply in alive
        ]
        if rows:
            connection.execute(sa.insert(chunks), rows)
    connection.execute(sa.delete(journal).where(journal.c.owner == owner, journal.c.seq <= seq))


def merge(entries: Iterable[Entry]) -> list[Entry]:
    """Joins each reply's adjoining entries (given in the order of their offsets) into one."""
    runs: dict[bytes, list[tuple[int, list[bytes]]]] = {}
    ends: dict[bytes, int] = {}
    for reply, offset, data in entries:
        if ends.get(reply) == offset:
            runs[reply][-1][1].append(data)
        else:
            runs.setdefault(reply, []).append((offset, [data]))
        ends[reply] = offset + len(data)
    return [(reply, offset, b"".join(parts)) for reply, found in runs.items() for offset, parts in found]


def rows_after(connection: sa.Connection, owner: uuid.UUID, seq: int) -> list[tuple[int, list[Entry]]]:
    """The owner's journal after row `seq` (-1 for all of it), oldest first."""
    rows = connection.execute(_ROWS_AFTER, {"owner": owner, "after": seq})
    return [(row.seq, _unpack(row.entries)) for row in rows]


_ROWS_AFTER = (
    sa.select(journal.c.seq, journal.c.entries)
    .where(journal.c.owner == sa.bindparam("owner"), journal.c.seq > sa.bindparam("after"))
    .order_by(journal.c.seq)
)
