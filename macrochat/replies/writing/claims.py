"""How a reply ends, and begins again: guarded UPDATEs with one winner (DESIGN §2)."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ...database import now, storable
from ...providers.base import Usage
from ..models import STREAMING
from ..tables import chats, chunks, messages, replies


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
    A reply that ends without a word gives the chat back the answer that it was to replace.
    """
    at, size = now(), base + len(tail)
    facts = {
        "new_status": outcome.status,
        "new_bytes": size,
        **{f"new_{name}": _fit(name, getattr(outcome, name)) for name in _SAID},
        **{f"new_{name}": _count(getattr(outcome.usage, name, None)) for name in _COUNTED},
        "new_finished_at": at,
        "new_first_byte_at": first_byte_at,
    }
    row = connection.execute(_FINISH, {"reply": reply_id, "mine": owner, **facts}).first()
    if row is None:
        return False
    connection.execute(_APPEND, {"reply": reply_id, "tail": tail.decode()})
    connection.execute(_DROP_CHUNKS, {"reply": reply_id})
    connection.execute(_TOUCH, {"chat": row.chat_id, "at": at})
    if not size:
        connection.execute(_SHOW_ANOTHER, {"chat": row.chat_id, "reply": reply_id})
    return True


_SAID = ("finish_reason", "error_code", "error_message")
_COUNTED = ("prompt_tokens", "completion_tokens")
MOST_TOKENS = (1 << 31) - 1  # what an integer column holds


def _fit(column: str, text: object) -> str | None:
    """A text that a provider may have had a say in, as its column takes it: cut, and without what no database stores.

    (PostgreSQL refuses NUL and what is too long, both refuse halves of surrogate pairs.) Not a string: nothing said.
    """
    if not isinstance(text, str):
        return None
    longest: int = replies.c[column].type.length  # type: ignore[attr-defined]
    return storable(text)[:longest]


def _count(tokens: object) -> int | None:
    """A number of tokens, or None for what cannot be one."""
    return tokens if type(tokens) is int and 0 <= tokens <= MOST_TOKENS else None


def _new(column: str) -> sa.BindParameter[Any]:
    return sa.bindparam(f"new_{column}", type_=replies.c[column].type)


# Built once: putting a statement together costs more than running it.
_FINISH = (
    sa.update(replies)
    .where(
        replies.c.id == sa.bindparam("reply"),
        replies.c.status == STREAMING,
        replies.c.owner == sa.bindparam("mine"),
    )
    .values(
        {name: _new(name) for name in ("status", "bytes", "finished_at", *_SAID)}
        | {"first_byte_at": sa.func.coalesce(replies.c.first_byte_at, _new("first_byte_at"))}
        | {name: sa.func.coalesce(_new(name), replies.c[name]) for name in _COUNTED}
    )
    .returning(replies.c.chat_id)
)
_APPEND = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("reply"))
    .values(content=messages.c.content + sa.bindparam("tail", type_=sa.Text))
)
_DROP_CHUNKS = sa.delete(chunks).where(chunks.c.reply_id == sa.bindparam("reply"))
_OTHERS = messages.alias("others")
_ANOTHER = (
    sa.select(_OTHERS.c.id)
    .join(messages, messages.c.parent_id == _OTHERS.c.parent_id)
    .where(messages.c.id == sa.bindparam("reply"), _OTHERS.c.role == "assistant", _OTHERS.c.content != "")
    .order_by(_OTHERS.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_SHOW_ANOTHER = (
    sa.update(chats)
    .where(chats.c.id == sa.bindparam("chat"), chats.c.head_id == sa.bindparam("reply"))
    .values(head_id=sa.func.coalesce(_ANOTHER, chats.c.head_id))
)
_TOUCH = sa.update(chats).where(chats.c.id == sa.bindparam("chat")).values(updated_at=sa.bindparam("at"))


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
