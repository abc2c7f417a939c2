"""What is told about replies: the status object, and the metadata of assistants' messages."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import Flask

from ..chats.models import Chat, Message
from ..chats.service import Known
from ..database import iso
from ..extensions import db
from ..stacks import in_thread
from .journal import committed
from .journal.logs import Log
from .models import STREAMING, Reply
from .process import this_process
from .rules import not_found
from .tables import replies
from .trace import parts

HASHED_AT_ONCE = 1 << 20  # bytes, a millisecond or two; more is hashed in a thread
MOST_ATTEMPTS = 500  # looked at, the last ones: somebody may have asked thousands of times

# A reply is whose chat it is in: a deleted chat is nobody's, and its replies stay in their rows a little longer.
_OWN = (
    sa.select(Reply)
    .join(Chat, Chat.id == Reply.chat_id)
    .where(Reply.id == sa.bindparam("reply"), Chat.user_id == sa.bindparam("user"))
    .execution_options(populate_existing=True)
)


_THESE = sa.select(replies).where(replies.c.id.in_(sa.bindparam("ids", expanding=True)))
_WORDLESS = (
    sa.select(replies, Message.parent_id)
    .join(Message, Message.id == replies.c.id)
    .where(
        Message.parent_id.in_(sa.bindparam("parents", expanding=True)),
        replies.c.bytes == 0,
        sa.func.coalesce(replies.c.trace_bytes, 0) == 0,
        replies.c.status != STREAMING,
    )
    .order_by(replies.c.id.desc())
    .limit(MOST_ATTEMPTS)
)


def owned(user_id: uuid.UUID, reply_id: uuid.UUID) -> Reply:
    """The user's own reply. Raises the same NotFound for an unknown one and somebody else's."""
    reply: Reply | None = db.session.scalar(_OWN, {"reply": reply_id, "user": user_id})
    if reply is None:
        raise not_found()
    return reply


def status(user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """The status object. `bytes` and `sha256` are of the same committed text."""
    owned(user_id, reply_id)
    text = committed.read(db.session.connection(), reply_id)
    if text is None:
        raise not_found()
    reply, process = text.reply, this_process()
    log = process.log(reply_id)
    return {
        "id": str(reply.id),
        "chatId": str(reply.chat_id),
        "status": reply.status,
        "bytes": len(text.data),
        "sha256": _sha256(text.data),
        "trace": {"bytes": len(text.trace), "sha256": _sha256(text.trace)},
        "finishReason": reply.finish_reason,
        "error": _error(reply),
        "model": reply.model,
        "usage": _usage(reply),
        "timings": {
            "startedAt": iso(reply.started_at),
            "firstByteMs": _first_byte_ms(reply, log),
            "finishedAt": iso(reply.finished_at),
        },
        "attempts": reply.attempts,
        "waitingSince": None if text.final else _waiting_since(reply, log),
    }


def _sha256(data: bytes) -> str:
    if len(data) <= HASHED_AT_ONCE:
        return hashlib.sha256(data).hexdigest()
    return in_thread(lambda: hashlib.sha256(data).hexdigest())


def describe_later(app: Flask, user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """The status object for the end of a body, when the request's context is long gone."""
    with app.app_context():
        return status(user_id, reply_id)


def describe_messages(found: Sequence[Message], in_parts: bool) -> dict[uuid.UUID, Known]:
    """What is to be told of the assistant's messages among `found`, a running one's from the journal."""
    by_id = {message.id: message for message in found if message.role == "assistant"}
    if not by_id:
        return {}
    rows = db.session.execute(_THESE, {"ids": list(by_id)}).all()
    told = _traces([row.id for row in rows if row.trace_bytes]) if in_parts else {}
    known = {row.id: _describe(row, by_id[row.id].content, told.get(row.id, b""), in_parts) for row in rows}
    for shown, later in _later_attempts(by_id).items():
        known[shown].metadata["laterAttempt"] = {"id": str(later.id), "status": later.status, "error": _error(later)}
    return known


def _later_attempts(shown: dict[uuid.UUID, Message]) -> dict[uuid.UUID, Any]:
    """By the id of an answer that is shown: the last reply without a word that was to replace it, if any."""
    answers = {message.parent_id: message.id for message in shown.values() if message.parent_id}
    if not answers:
        return {}
    later: dict[uuid.UUID, Any] = {}
    for reply in db.session.execute(_WORDLESS, {"parents": list(answers)}):
        answer = answers[reply.parent_id]
        if answer < reply.id:
            later.setdefault(answer, reply)
    return later


def _traces(ids: list[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    if not ids:
        return {}
    query = sa.select(Message.id, Message.trace).where(Message.id.in_(ids))
    return {row.id: (row.trace or "").encode() for row in db.session.execute(query)}


def _describe(reply: Any, content: str, trace: bytes, in_parts: bool) -> Known:
    size, trace_size = reply.bytes, reply.trace_bytes
    # The rows were read one after the other: a reply that was running then may be final now, and the other way round.
    moved = size != len(content.encode()) or (in_parts and trace_size != len(trace))
    if reply.status == STREAMING or trace_size is None or moved:
        text = committed.read(db.session.connection(), reply.id)
        if text is not None:
            content, trace, reply = text.data.decode(), text.trace, text.reply
            size, trace_size = len(text.data), len(trace)
    metadata = _metadata(reply, size, trace_size or 0)
    return Known(content, metadata, parts(content, trace) if in_parts else [])


def _metadata(reply: Any, size: int, trace_size: int) -> dict[str, Any]:
    return {
        "status": reply.status,
        "bytes": size,
        "traceBytes": trace_size,
        "model": reply.model,
        "finishReason": reply.finish_reason,
        "error": _error(reply),
        "usage": _usage(reply),
        "startedAt": iso(reply.started_at),
        "finishedAt": iso(reply.finished_at),
        "laterAttempt": None,
    }


def _error(reply: Any) -> dict[str, str] | None:
    return {"code": reply.error_code, "message": reply.error_message} if reply.error_code else None


def _usage(reply: Any) -> dict[str, int | float | None] | None:
    if reply.prompt_tokens is None and reply.completion_tokens is None and reply.cost is None:
        return None
    return {
        "promptTokens": reply.prompt_tokens,
        "cachedTokens": reply.cached_tokens,
        "completionTokens": reply.completion_tokens,
        "reasoningTokens": reply.reasoning_tokens,
        "totalTokens": (reply.prompt_tokens or 0) + (reply.completion_tokens or 0),
        "cost": reply.cost,
    }


def _first_byte_ms(reply: Any, log: Log | None) -> int | None:
    first = reply.first_byte_at
    if first is None and (generation := this_process().worker.generations.get(reply.id)) and generation.first_byte_at:
        first = dt.datetime.fromtimestamp(generation.first_byte_at, dt.UTC)
    return round((first - reply.started_at).total_seconds() * 1000) if first else None


def _waiting_since(reply: Any, log: Log | None) -> str | None:
    """When text last came, or the reply began: what a client tells a thinking model from a stuck line by."""
    return iso(dt.datetime.fromtimestamp(log.grown_at, dt.UTC) if log else reply.first_byte_at or reply.started_at)
