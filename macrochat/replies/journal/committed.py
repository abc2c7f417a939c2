"""A reply's committed text, put together from where it may be: the journal, its chunks, its message.

Text only ever moves from the journal to the chunks to the message, and never leaves a place before it is stored in the
next. Reading in that order, every byte is met at least once even when each statement sees a later state than the one
before.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..models import STREAMING
from ..tables import chunks, messages, replies
from .store import rows_after


@dataclass(frozen=True, slots=True)
class Text:
    """`data` is the committed text as UTF-8; `reply` the row of `replies` as of the same moment or later.

    `seq` is the last journal row of the owner that was seen (-1: none).
    """

    data: bytes
    reply: Any
    seq: int = -1

    @property
    def final(self) -> bool:
        return bool(self.reply.status != STREAMING)


def read(connection: sa.Connection, reply_id: uuid.UUID) -> Text | None:
    """The whole committed text, or None when there is no such reply."""
    owner = connection.execute(sa.select(replies.c.owner).where(replies.c.id == reply_id)).scalar()
    if owner is None:
        return None
    rows = rows_after(connection, owner, -1)
    parts = [(offset, data) for _seq, entries in rows for reply, offset, data in entries if reply == reply_id.bytes]
    query = sa.select(chunks.c.offset, chunks.c.bytes).where(chunks.c.reply_id == reply_id).order_by(chunks.c.offset)
    folded = [(row.offset, bytes(row.bytes)) for row in connection.execute(query)]
    whole = sa.select(messages.c.content, replies).join_from(messages, replies, messages.c.id == replies.c.id)
    row = connection.execute(whole.where(replies.c.id == reply_id)).first()
    if row is None:
        return None
    text = row.content.encode()
    if row.status == STREAMING:
        text = extend(text, folded + parts)
    return Text(text, row, rows[-1][0] if rows else -1)


def stored_slice(connection: sa.Connection, reply_id: uuid.UUID, start: int, size: int) -> bytes | None:
    """`size` bytes of a final reply's text from byte `start`: a slow reader of a long text holds little of it.

    None when there is no such text any more, which is not the same as its end.
    """
    whole: sa.ColumnElement[bytes]
    if connection.dialect.name == "sqlite":
        whole = sa.cast(messages.c.content, sa.LargeBinary)
    else:
        whole = sa.func.convert_to(messages.c.content, "UTF8", type_=sa.LargeBinary)
    query = sa.select(sa.func.substr(whole, start + 1, size, type_=sa.LargeBinary)).where(messages.c.id == reply_id)
    found = connection.execute(query).first()
    return None if found is None else bytes(found[0] or b"")  # SQLite: no part of an empty text is NULL


def extend(text: bytes, parts: list[tuple[int, bytes]]) -> bytes:
    """`text` with the parts (byte offset, bytes) that go on from it. What it has already is skipped; a gap ends it."""
    whole = bytearray(text)
    for offset, data in parts:
        if offset <= len(whole) < offset + len(data):
            whole += data[len(whole) - offset :]
    return bytes(whole)


def consolidate(connection: sa.Connection, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Moves the replies' chunks into their messages and returns their whole texts. The caller holds the replies."""
    query = sa.select(chunks.c.reply_id, chunks.c.offset, chunks.c.bytes).where(chunks.c.reply_id.in_(ids))
    parts: dict[uuid.UUID, list[tuple[int, bytes]]] = {}
    for row in connection.execute(query.order_by(chunks.c.reply_id, chunks.c.offset)):
        parts.setdefault(row.reply_id, []).append((row.offset, bytes(row.bytes)))
    stored = connection.execute(sa.select(messages.c.id, messages.c.content).where(messages.c.id.in_(ids)))
    whole = {row.id: extend(row.content.encode(), parts.get(row.id, [])) for row in stored}
    if parts:
        _store(connection, {reply_id: whole[reply_id].decode() for reply_id in parts})
        connection.execute(sa.delete(chunks).where(chunks.c.reply_id.in_(ids)))
    return whole


def _store(connection: sa.Connection, contents: dict[uuid.UUID, str]) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(_STORE_ON_SQLITE, [{"message": id, "text": text} for id, text in contents.items()])
    else:
        rows = {"ids": [str(id) for id in contents], "contents": list(contents.values())}
        connection.execute(_STORE_ON_POSTGRESQL, rows)


_STORE_ON_SQLITE = (
    sa.update(messages).where(messages.c.id == sa.bindparam("message")).values(content=sa.bindparam("text"))
)
# One round trip, where the driver would make one for each row.
_STORE_ON_POSTGRESQL = sa.text(
    "UPDATE messages SET content = new.content"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:contents AS text[])) AS new(id, content) WHERE messages.id = new.id"
)
