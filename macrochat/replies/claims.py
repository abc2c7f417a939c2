"""How a reply ends, and begins again: guarded UPDATEs with one winner (DESIGN §2)."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from ..chats.models import Chat, Message
from ..database import now
from ..providers.base import Usage
from .models import STREAMING
from .store import chunks, replies

messages: sa.Table = Message.__table__  # type: ignore[assignment]
chats: sa.Table = Chat.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A final status and what goes with it."""

    status: str
    finish_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    usage: Usage | None = None


def finish(
    connection: sa.Connection,
    owner: uuid.UUID,
    reply_id: uuid.UUID,
    base: int,
    tail: bytes,
    outcome: Outcome,
    first_byte_at: dt.datetime | None,
) -> bool:
    """Makes the reply final with `tail` appended to the `base` bytes that its message holds.

    Returns whether this call has done it. It has not when the reply is somebody else's, deleted, or final already – by
    an earlier, unacknowledged try, or by a worker that took over and may have written more: the database knows.
    """
    mine = sa.and_(replies.c.id == reply_id, replies.c.status == STREAMING, replies.c.owner == owner)
    values = {
        "status": outcome.status,
        "bytes": base + len(tail),
        "finish_reason": outcome.finish_reason,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
        "finished_at": now(),
        "first_byte_at": sa.func.coalesce(replies.c.first_byte_at, first_byte_at),
    }
    if outcome.usage:
        values |= {
            "prompt_tokens": outcome.usage.prompt_tokens,
            "completion_tokens": outcome.usage.completion_tokens,
        }
    row = connection.execute(sa.update(replies).where(mine).values(values).returning(replies.c.chat_id)).first()
    if row is None:
        return False
    text = tail.decode()
    connection.execute(sa.update(messages).where(messages.c.id == reply_id).values(content=messages.c.content + text))
    connection.execute(sa.delete(chunks).where(chunks.c.reply_id == reply_id))
    connection.execute(sa.update(chats).where(chats.c.id == row.chat_id).values(updated_at=now()))
    return True


def reopen(connection: sa.Connection, reply_id: uuid.UUID, status: str, owner: uuid.UUID) -> bool:
    """Makes a reply that ended with `status` run again under `owner`, its text kept. Whether this caller won."""
    ended = sa.and_(replies.c.id == reply_id, replies.c.status == status)
    again = {
        "status": STREAMING,
        "owner": owner,
        "stop_requested": False,
        "finish_reason": None,
        "error_code": None,
        "error_message": None,
        "finished_at": None,
        "attempts": replies.c.attempts + 1,
        "takeovers": 0,
    }
    return connection.execute(sa.update(replies).where(ended).values(again)).rowcount == 1
