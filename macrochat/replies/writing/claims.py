"""How a reply ends, and begins again: guarded UPDATEs with one winner."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ...database import now, storable
from ...providers.base import Usage
from ..models import STREAMING
from ..tables import chats, chunks, messages, replies, trace_chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A final status and what goes with it."""

    status: str
    finish_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    usage: Usage | None = None


class Base(NamedTuple):
    """How many bytes of both lanes a message holds while its reply runs."""

    text: int
    trace: int


class Tail(NamedTuple):
    """What was committed since: UTF-8."""

    text: bytes
    trace: bytes


NO_TAIL = Tail(b"", b"")


def finish(
    connection: sa.Connection,
    owner: uuid.UUID,
    reply_id: uuid.UUID,
    base: Base,
    tail: Tail,
    outcome: Outcome,
    first_byte_at: dt.datetime | None,
) -> bool:
    """Makes the reply final with `tail` appended to what its message holds.

    Returns whether this call has done it. It has not when the reply is somebody else's, deleted, or final already – by
    an earlier, unacknowledged try, or by a worker that took over and may have written more: the database knows.
    A reply that ends without a word or a thought gives the chat back the answer that it was to replace.
    """
    at, size, trace_size = now(), base.text + len(tail.text), base.trace + len(tail.trace)
    facts = {
        "new_status": outcome.status,
        "new_bytes": size,
        "new_trace_bytes": trace_size,
        **{f"new_{name}": _fit(name, getattr(outcome, name)) for name in _SAID},
        **{f"new_{name}": _count(getattr(outcome.usage, name, None)) for name in _COUNTED},
        "new_cost": _cost(outcome.usage),
        "new_finished_at": at,
        "new_first_byte_at": first_byte_at,
    }
    row = connection.execute(_FINISH, {"reply": reply_id, "mine": owner, **facts}).first()
    if row is None:
        return False
    connection.execute(_APPEND, {"reply": reply_id, "tail": tail.text.decode()})
    connection.execute(_DROP_CHUNKS, {"reply": reply_id})
    if trace_size:
        connection.execute(_APPEND_TRACE, {"reply": reply_id, "tail": tail.trace.decode()})
        connection.execute(_DROP_TRACE_CHUNKS, {"reply": reply_id})
    connection.execute(_TOUCH, {"chat": row.chat_id, "at": at})
    if not size and not trace_size:
        connection.execute(_SHOW_ANOTHER, {"chat": row.chat_id, "reply": reply_id})
    return True


_SAID = ("finish_reason", "error_code", "error_message")
_COUNTED = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
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


def _cost(usage: Usage | None) -> float | None:
    """What a provider says that it took, or None for what cannot be a price."""
    cost = getattr(usage, "cost", None)
    return float(cost) if isinstance(cost, int | float) and 0 <= cost < math.inf else None


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
        {name: _new(name) for name in ("status", "bytes", "trace_bytes", "finished_at", *_SAID)}
        | {"first_byte_at": sa.func.coalesce(replies.c.first_byte_at, _new("first_byte_at"))}
        | {name: sa.func.coalesce(_new(name), replies.c[name]) for name in (*_COUNTED, "cost")}
    )
    .returning(replies.c.chat_id)
)
_APPEND = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("reply"))
    .values(content=messages.c.content + sa.bindparam("tail", type_=sa.Text))
)
_APPEND_TRACE = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("reply"))
    .values(trace=sa.func.coalesce(messages.c.trace, "") + sa.bindparam("tail", type_=sa.Text))
)
_DROP_TRACE_CHUNKS = sa.delete(trace_chunks).where(trace_chunks.c.reply_id == sa.bindparam("reply"))
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
    """Makes a reply that ended with `status` run again under `owner`, with all it has. Whether this caller won."""
    ended = sa.and_(replies.c.id == reply_id, replies.c.status == status)
    again = {
        "status": STREAMING,
        "owner": owner,
        "stop_requested": False,
        "finish_reason": None,
        "error_code": None,
        "error_message": None,
        "finished_at": None,
        "trace_bytes": None,
        "hurried": False,
        "attempts": replies.c.attempts + 1,
        "takeovers": 0,
    }
    return connection.execute(sa.update(replies).where(ended).values(again)).rowcount == 1
