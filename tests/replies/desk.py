"""What a worker writes at, without HTTP and without providers: a store, a lease, and replies to be written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from gevent.event import Event

from macrochat.accounts.models import User
from macrochat.chats.models import Chat, Message
from macrochat.config import Settings
from macrochat.database import new_id, now
from macrochat.replies.journal import committed
from macrochat.replies.journal.leases import Lease, Lost
from macrochat.replies.journal.logs import Log
from macrochat.replies.journal.store import Entry, Store, delete_rows, merge, rows_after, store_parts
from macrochat.replies.journal.writer import Journal
from macrochat.replies.models import JournalRow, Reply, ReplyChunk
from macrochat.replies.tables import workers
from macrochat.replies.writing import claims
from macrochat.replies.writing.claims import Outcome
from macrochat.replies.writing.recovery import Orphan, claim, fence, fold_lost, ownerless
from tests.support.databases import settings_for


def append(journal: Journal, log: Log, piece: bytes) -> None:
    """What a generation does with a piece."""
    journal.put(log, piece)
    journal.wait_for_room(log)


class Desk:
    """One worker's. `store` is the class to use; `lease` in seconds."""

    def __init__(self, url: str, folder: Path, store: type[Store] = Store, lease: float = 60) -> None:
        self.url, self.folder = url, folder
        self.store = store(settings_for(url, folder))
        self.lease = Lease(self.store, lease)
        self.owner = self.lease.register()
        self.user_id: uuid.UUID | None = None
        self.seq = 0
        self.fenced = 0
        self.open = True
        self._journals: list[Journal] = []

    def close(self) -> None:
        if self.open:
            self.open = False
            for journal in self._journals:
                journal.kill()
            self.store.close()

    def journal(self, interval: float = 0.0) -> Journal:
        """A journal that commits; folding is left to the test."""
        journal = Journal(self.store, self.owner, interval, self._count_fence)
        self._journals.append(journal)
        journal.start()
        return journal

    def reply(self) -> uuid.UUID:
        """A new reply of this worker's, running, with no text."""
        return self.store.transact(self._insert_reply)

    def commit(self, *entries: tuple[uuid.UUID, int, bytes]) -> int:
        """One journal row of (reply, offset, bytes); returns its number."""
        self.seq += 1
        self.store.commit(self.owner, self.seq, [(reply.bytes, offset, data) for reply, offset, data in entries])
        return self.seq

    def fold(self, seq: int | None = None, *, rows_stay: bool = False) -> None:
        """Folds the rows up to `seq` (all); half-way, if the `rows_stay`."""
        rows = [(number, entries) for number, entries in self.rows() if seq is None or number <= seq]
        if rows:
            parts = merge(entry for _number, found in rows for entry in found)
            self.store.transact(lambda connection: store_parts(connection, self.owner, parts))
            if not rows_stay:
                self.store.transact(lambda connection: delete_rows(connection, self.owner, 0, rows[-1][0]))

    def finish(self, reply_id: uuid.UUID, base: int, tail: bytes, status: str = "complete", trace: bytes = b"") -> bool:
        outcome, sizes, tails = Outcome(status=status), claims.Base(base, 0), claims.Tail(tail, trace)
        return self.store.transact(
            lambda connection: claims.finish(connection, self.owner, reply_id, sizes, tails, outcome, None)
        )

    def sleep(self) -> None:
        """Its lease runs out."""
        update = sa.update(workers).where(workers.c.id == self.owner).values(lease_until=1)
        self.store.transact(lambda connection: connection.execute(update))

    def sweep(self) -> list[Orphan]:
        """Relieves every worker whose lease is over, and takes all that is ownerless then."""
        over = sa.select(workers.c.id, workers.c.lease_until).where(workers.c.lease_until < 2)
        for row in self._rows(over):
            lost = Lost(row.id, row.lease_until)
            if fence(self.store, self.owner, lost):
                while fold_lost(self.store, self.owner, lost):
                    pass
        with self.store.engine.connect() as connection:
            ids = [row.id for row in ownerless(connection)]
        return claim(self.store, self.owner, ids)

    def _rows(self, query: Any) -> Sequence[Any]:
        with self.store.engine.connect() as connection:
            return connection.execute(query).all()

    def read(self, reply_id: uuid.UUID) -> committed.Text | None:
        with self.store.engine.connect() as connection:
            return committed.read(connection, reply_id)

    def text(self, reply_id: uuid.UUID) -> bytes:
        found = self.read(reply_id)
        assert found is not None
        return found.data

    def rows(self) -> list[tuple[int, list[Any]]]:
        """This worker's journal: (number, entries)."""
        with self.store.engine.connect() as connection:
            return rows_after(connection, self.owner, -1)

    def count(self, model: type[JournalRow] | type[ReplyChunk] | type[Reply], **where: object) -> int:
        query = sa.select(sa.func.count()).select_from(model).filter_by(**where)
        with self.store.engine.connect() as connection:
            return int(connection.execute(query).scalar() or 0)

    def content(self, reply_id: uuid.UUID) -> str:
        """What stands in the message."""
        with self.store.engine.connect() as connection:
            return str(connection.execute(sa.select(Message.content).where(Message.id == reply_id)).scalar())

    def execute(self, statement: Any) -> None:
        self.store.transact(lambda connection: connection.execute(statement))

    def _count_fence(self) -> None:
        self.fenced += 1

    def _insert_reply(self, connection: sa.Connection) -> uuid.UUID:
        if self.user_id is None:
            self.user_id = new_id()
            email = f"{self.user_id}@example.org"
            _insert(connection, User, id=self.user_id, email=email, name="", password_hash="", is_admin=False)
        chat_id, reply_id = new_id(), new_id()
        _insert(connection, Chat, id=chat_id, user_id=self.user_id, title="t")
        _insert(connection, Message, id=reply_id, chat_id=chat_id, role="assistant", content="", meta={})
        owned = {"chat_id": chat_id, "user_id": self.user_id, "owner": self.owner}
        _insert(connection, Reply, id=reply_id, model="m", started_at=now(), **owned)
        return reply_id


class Gate(Store):
    """A store whose commits wait `before` they are tried and `after` they have succeeded."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.before, self.after = Event(), Event()
        self.before.set()
        self.after.set()
        self.tries = 0
        self.fails: list[
            tuple[str, Exception]
        ] = []  # errors to raise, one a try; ("before" or "after" the row is stored, error)

    def commit(self, owner: uuid.UUID, seq: int, entries: Sequence[Entry], **options: bool) -> None:
        self.tries += 1
        self.before.wait()
        moment, error = self.fails.pop(0) if self.fails else ("", Exception())
        if moment == "before":
            raise error
        super().commit(owner, seq, entries, **options)
        self.after.wait()
        if moment == "after":
            raise error


def open_log(desk: Desk, journal: Journal) -> Log:
    """The log of a new reply."""
    log = Log(desk.reply())
    journal.open(log)
    return log


def _insert(connection: sa.Connection, table: Any, **values: Any) -> None:
    connection.execute(sa.insert(table).values(**values))


def pieces_of(text: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`text` cut into pieces of these sizes, the rest as the last."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(text[start : start + size])
        start += size
    return [piece for piece in [*pieces, text[start:]] if piece]
