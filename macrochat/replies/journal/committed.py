"""What is committed of a reply, put together from where it may be: the journal, its chunks, its message.

Text and trace only ever move from the journal to the chunks to the message, both in one transaction, and never leave a
place before they are stored in the next. Reading in that order, every byte is met at least once even when each
statement sees a later state than the one before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .. import trace as traces
from ..models import STREAMING
from ..tables import chunks, messages, replies, trace_chunks
from .logs import trace_key
from .store import Part, part, rows_after


@dataclass(frozen=True, slots=True)
class Text:
    """`data` is the committed text as UTF-8, `trace` what came before it and in between, up to its end and no further.

    `reply` is the row of `replies` as of the same moment or later.
    `seq` is the last journal row of the owner that was seen (-1: none).
    """

    data: bytes
    reply: Any
    trace: bytes = b""
    seq: int = -1

    @property
    def final(self) -> bool:
        return bool(self.reply.status != STREAMING)


def read(connection: sa.Connection, reply_id: uuid.UUID) -> Text | None:
    """All that is committed, or None when there is no such reply."""
    owner = connection.execute(sa.select(replies.c.owner).where(replies.c.id == reply_id)).scalar()
    if owner is None:
        return None
    rows = rows_after(connection, owner, -1)
    keys = (reply_id.bytes, trace_key(reply_id.bytes))
    new = [part(*entry) for _seq, entries in rows for entry in entries if entry[0] in keys]
    folded = _chunks(connection, [reply_id])
    row = connection.execute(_WHOLE, {"reply": reply_id}).first()
    if row is None:
        return None
    text, trace = row.content.encode(), (row.trace or "").encode()
    if row.status == STREAMING:
        text, trace = _lane(text, folded + new, trace=False), _lane(trace, folded + new, trace=True)
        trace = _up_to(len(text), trace)
    elif row.trace_bytes is None:
        trace = _lane(trace, folded, trace=True)
    return Text(text, row, trace, rows[-1][0] if rows else -1)


_WHOLE = (
    sa.select(messages.c.content, messages.c.trace, replies)
    .join_from(messages, replies, messages.c.id == replies.c.id)
    .where(replies.c.id == sa.bindparam("reply"))
)


def _up_to(size: int, trace: bytes) -> bytes:
    """Without the lines behind the text: a statement may see what one before it has not."""
    while trace:
        start = trace.rfind(b"\n", 0, -1) + 1
        if traces.decode(trace[start:-1]).at <= size:
            break
        trace = trace[:start]
    return trace


def _chunks(connection: sa.Connection, ids: Sequence[uuid.UUID]) -> list[Part]:
    """The replies' chunks of both lanes, as of one moment, in the order of their offsets."""
    return [
        Part(row.reply_id, row.offset, bytes(row.bytes), bool(row.trace))
        for row in connection.execute(_CHUNKS, {"ids": list(ids)})
    ]


def _chunks_of(table: sa.Table, *, trace: bool) -> sa.Select[Any]:
    lane = sa.literal(int(trace)).label("trace")
    mine = table.c.reply_id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(lane, table.c.reply_id, table.c.offset, table.c.bytes).where(mine)


_CHUNKS = sa.union_all(_chunks_of(chunks, trace=False), _chunks_of(trace_chunks, trace=True))
_CHUNKS = _CHUNKS.order_by("trace", "offset")


def _lane(whole: bytes, parts: Iterable[Part], *, trace: bool) -> bytes:
    return extend(whole, [(part.offset, part.data) for part in parts if part.trace is trace])


def stored_slice(
    connection: sa.Connection, reply_id: uuid.UUID, start: int, size: int, *, trace: bool = False
) -> bytes | None:
    """`size` bytes of a final reply's text (or trace) from byte `start`: a slow reader of a long text holds little.

    None when there is no such text any more, which is not the same as its end.
    """
    lane = messages.c.trace if trace else messages.c.content
    whole: sa.ColumnElement[bytes]
    if connection.dialect.name == "sqlite":
        whole = sa.cast(lane, sa.LargeBinary)
    else:
        whole = sa.func.convert_to(lane, "UTF8", type_=sa.LargeBinary)
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


def consolidate(connection: sa.Connection, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[bytes, bytes]]:
    """Moves the replies' chunks into their messages; returns whole texts and traces. The caller holds the replies."""
    parts: dict[uuid.UUID, list[Part]] = {}
    for chunk in _chunks(connection, ids):
        parts.setdefault(chunk.reply_id, []).append(chunk)
    columns = (messages.c.id, messages.c.content, messages.c.trace)
    whole = {}
    for row in connection.execute(sa.select(*columns).where(messages.c.id.in_(ids))):
        mine, text, trace = parts.get(row.id, []), row.content.encode(), (row.trace or "").encode()
        whole[row.id] = (_lane(text, mine, trace=False), _lane(trace, mine, trace=True))
    if parts:
        _store(connection, {reply_id: whole[reply_id] for reply_id in parts})
        for table in (chunks, trace_chunks):
            connection.execute(sa.delete(table).where(table.c.reply_id.in_(ids)))
    return whole


def _store(connection: sa.Connection, wholes: dict[uuid.UUID, tuple[bytes, bytes]]) -> None:
    rows = [
        {"message": id, "text": text.decode(), "trace": trace.decode() or None} for id, (text, trace) in wholes.items()
    ]
    if connection.dialect.name == "sqlite":
        connection.execute(_STORE_ON_SQLITE, rows)
    else:
        ids = [str(row["message"]) for row in rows]
        columns = {"contents": [row["text"] for row in rows], "traces": [row["trace"] for row in rows]}
        connection.execute(_STORE_ON_POSTGRESQL, {"ids": ids, **columns})


_STORE_ON_SQLITE = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("message"))
    .values(content=sa.bindparam("text"), trace=sa.bindparam("trace"))
)
# One round trip, where the driver would make one for each row.
_STORE_ON_POSTGRESQL = sa.text(
    "UPDATE messages SET content = new.content, trace = new.trace"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:contents AS text[]), CAST(:traces AS text[])) AS new(id, content, trace)"
    " WHERE messages.id = new.id"
)
