"""Takes away what was deleted, in slices that nobody notices.

Deleting a chat or an account is one small transaction that leaves it to nobody (`chats.service.delete`,
`accounts.service.delete_user`). Here its rows go: first the replies that run, so that their workers stop, then its
messages slice by slice, then the chat, and the user's row last. What is left of an unfinished deletion is found again
by any worker, after a restart too.

The order of locks: who ends a reply takes reply → message → chat. So no transaction here holds a chat or a message
while it waits for a running reply.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import gevent
import sqlalchemy as sa

from ..accounts.models import User
from ..config import Settings
from ..logs import get_logger
from .journal.store import Store
from .models import STREAMING
from .tables import chats, messages, replies

log_line = get_logger(__name__)

LOOK_SECONDS = 1.0  # how soon what another process left is found
AT_ONCE_SECONDS = 0.1  # how long the answer to a deletion waits for it: most chats are gone by then
SLICE_SECONDS = 0.004  # what one transaction should take: on SQLite nothing else runs meanwhile
REST = 3  # times as long as a slice took, until the next one
MOST_ROWS = 500  # of one slice
LOOK_ROWS = 2000  # ids read at once: on PostgreSQL each look passes the rows that went before
ADVISORY_LOCK = 0x6D61_6372_6F64  # one slice at a time, whoever takes it: two could wait for each other's rows


def remove_deleted(store: Store, is_draining: Callable[[], bool]) -> None:
    """Takes away all that is deleted, unless this process must go before."""
    remover = Remover(store)
    while not is_draining() and remover.step():
        gevent.sleep(REST * remover.took)


def finish(settings: Settings) -> None:
    """Takes away all that is deleted; for commands, which may be all that runs."""
    store = Store(settings)
    try:
        remover = Remover(store)
        while remover.step():
            gevent.sleep(0)
    finally:
        store.close()


def begin(store: Store) -> None:
    """Takes away what can be in AT_ONCE_SECONDS: most deletions are small, and done before they are answered."""
    until = time.monotonic() + AT_ONCE_SECONDS
    try:
        remover = Remover(store)
        while remover.step() and time.monotonic() < until:
            gevent.sleep(0)
    except sa.exc.SQLAlchemyError as error:  # it is deleted all the same, and looked for every second
        log_line.warning("removal_put_off", error=type(error).__name__)


class Remover:
    """Goes on with what is deleted, a slice at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: list[uuid.UUID] = []  # messages to go, the next ones last
        self._rows = 50  # of the next slice: as many as take SLICE_SECONDS here
        self.took = 0.0  # seconds, the last transaction

    def step(self) -> bool:
        """Takes a slice away. Returns False when there was nothing. Raises database errors; nothing is lost then."""
        if self._ids:
            self._remove_messages()
            return True
        with self._store.engine.connect() as connection:
            chat_id = connection.execute(_NOBODYS_CHAT).scalar()
            user_id = None if chat_id else connection.execute(_DELETED_USER).scalar()
            if chat_id:
                found = connection.execute(_OF_CHAT, {"chat": chat_id, "most": LOOK_ROWS}).scalars()
                self._ids = list(found)
        if chat_id and self._ids:
            self._transact((_RUNNING_REPLIES, {}))
        elif chat_id:
            self._transact((_RUNNING_REPLIES, {}), (_THE_CHAT, {"chat": chat_id}))
        elif user_id:
            self._transact((_THE_USER, {"gone": user_id}))
        return bool(chat_id or user_id)

    def _remove_messages(self) -> None:
        some = self._ids[-self._rows :]
        if self._transact((_CUT_LOOSE, {"ids": some, "most": MOST_ROWS})) < MOST_ROWS:
            self._transact((_THE_MESSAGES, {"ids": some}))
            del self._ids[-len(some) :]
            pace = SLICE_SECONDS / max(self.took, SLICE_SECONDS / MOST_ROWS)
            self._rows = max(1, min(MOST_ROWS, int(self._rows * min(2.0, pace))))

    def _transact(self, *statements: tuple[Any, dict[str, Any]]) -> int:
        """Runs the statements in one transaction, and tells how many rows the first has changed."""

        def work(connection: sa.Connection) -> int:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            counts = [connection.execute(statement, values).rowcount for statement, values in statements]
            return int(counts[0])

        began = time.monotonic()
        try:
            return self._store.transact(work)
        finally:
            self.took = time.monotonic() - began


_NOBODYS_CHAT = sa.union_all(
    sa.select(chats.c.id).where(chats.c.user_id.is_(None)),
    sa.select(chats.c.id).join(User, User.id == chats.c.user_id).where(User.deleted_at.is_not(None)),
).limit(1)
_DELETED_USERS = sa.select(User.id).where(User.deleted_at.is_not(None))
_DELETED_USER = _DELETED_USERS.limit(1)
_OF_CHAT = sa.select(messages.c.id).where(messages.c.chat_id == sa.bindparam("chat")).limit(sa.bindparam("most"))
_RUNNING_REPLIES = sa.delete(replies).where(
    replies.c.status == STREAMING,
    sa.exists()
    .where(chats.c.id == replies.c.chat_id)
    .where(sa.or_(chats.c.user_id.is_(None), chats.c.user_id.in_(_DELETED_USERS))),
)
# A foreign key would follow the chain of a conversation from message to message: SQLite gives up after a thousand.
_CUT_LOOSE = (
    sa.update(messages)
    .where(
        messages.c.id.in_(
            sa.select(messages.c.id)
            .where(messages.c.parent_id.in_(sa.bindparam("ids", expanding=True)))
            .limit(sa.bindparam("most"))
        )
    )
    .values(parent_id=None)
)
_THE_MESSAGES = sa.delete(messages).where(messages.c.id.in_(sa.bindparam("ids", expanding=True)))
_THE_CHAT = sa.delete(chats).where(chats.c.id == sa.bindparam("chat"))
_THE_USER = sa.delete(User).where(User.id == sa.bindparam("gone"))
