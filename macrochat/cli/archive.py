"""Chats as JSON Lines: a first line that says what the file is, then a chat a line with all its messages and replies.

Ids, times, branches, idempotency keys and figures are kept, so that a chat which is read back is the same chat; reading
the same file again adds nothing. A reply that is being written stands there as interrupted, with what is committed.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pydantic
import sqlalchemy as sa
from pydantic.alias_generators import to_camel

from ..accounts.forms import Email
from ..accounts.models import User
from ..bodies import PlainText
from ..chats.models import Chat, Message
from ..database import now
from ..extensions import db
from ..providers.base import EFFORTS
from ..replies.journal import committed
from ..replies.models import INTERRUPTED, STREAMING
from ..replies.tables import replies
from ..replies.trace import decode
from .printing import harmless_json

FORMAT, VERSION = "macrochat", 1
CHATS_AT_ONCE = 100
MESSAGES_AT_ONCE = 50

REPLY_FIELDS = (
    "request_key", "status", "model", "provider", "finish_reason", "error_code", "error_message", "prompt_tokens",
    "completion_tokens", "cached_tokens", "reasoning_tokens", "cost", "effort", "started_at", "first_byte_at",
    "finished_at", "attempts", "takeovers",
)  # fmt: skip

MESSAGE_COLUMNS = (
    *(Message.id, Message.parent_id, Message.role, Message.content),
    *(Message.trace, Message.client_id, Message.meta, Message.created_at),
)


class Archived(pydantic.BaseModel):
    """Like a request's body, except that times and ids are read from text."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


def _utc(moment: dt.datetime) -> dt.datetime:
    """Times without a zone are UTC. Raises ValueError for those at the ends of the calendar."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("must be a time of the common calendar") from None


# As long as the columns are: SQLite would take more.
Text64 = Annotated[PlainText, pydantic.Field(max_length=64)]
Text255 = Annotated[PlainText, pydantic.Field(max_length=255)]
Text500 = Annotated[PlainText, pydantic.Field(max_length=500)]
Count = Annotated[int, pydantic.Field(ge=0, lt=1 << 31)]
Moment = Annotated[dt.datetime, pydantic.AfterValidator(_utc)]


def _trace(text: str) -> str:
    """JSON Lines as a reply's trace has them. Raises ValueError for what is none."""
    if not text.endswith("\n"):
        raise ValueError("must be whole lines")
    for line in text.encode().split(b"\n")[:-1]:
        decode(line)
    return text


class ArchivedReply(Archived):
    request_key: Text255 | None = None
    status: Literal["streaming", "complete", "stopped", "failed", "interrupted"]
    model: Text255
    provider: Text64 = ""
    finish_reason: Text64 | None = None
    error_code: Text64 | None = None
    error_message: Text500 | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cached_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    cost: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)] | None = None
    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]
    started_at: Moment
    first_byte_at: Moment | None = None
    finished_at: Moment | None = None
    attempts: Count = 1
    takeovers: Annotated[int, pydantic.Field(ge=-(1 << 31), lt=1 << 31)] = 0


class ArchivedMessage(Archived):
    id: uuid.UUID
    parent_id: uuid.UUID | None = None
    role: Literal["user", "assistant", "system"]
    content: PlainText
    trace: Annotated[PlainText, pydantic.AfterValidator(_trace)] | None = None
    client_id: Text255 | None = None
    metadata: dict[str, Any] = {}
    created_at: Moment
    reply: ArchivedReply | None = None


class ArchivedUser(Archived):
    id: uuid.UUID
    email: Email
    name: Text255 = ""


class ArchivedChat(Archived):
    type: Literal["chat"] = "chat"
    id: uuid.UUID
    user: ArchivedUser
    title: Text255
    model: Text255 | None = None
    system_prompt: PlainText | None = None
    head_id: uuid.UUID | None = None
    created_at: Moment
    updated_at: Moment
    messages: list[ArchivedMessage] = []


def header() -> dict[str, Any]:
    return {"type": FORMAT, "version": VERSION, "exportedAt": now().isoformat()}


def count(user_id: uuid.UUID | None) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Chat).where(*_theirs(user_id))) or 0


def export(user_id: uuid.UUID | None) -> Iterator[Iterator[bytes]]:
    """Chats of one user or of all, each as the pieces of a line: however long one is, a few messages are in memory."""
    last = uuid.UUID(int=0)
    while True:
        query = sa.select(Chat).where(Chat.id > last, *_theirs(user_id)).order_by(Chat.id).limit(CHATS_AT_ONCE)
        chats = list(db.session.scalars(query))
        for chat in chats:
            yield _pieces(chat)
            last = chat.id
        db.session.rollback()
        db.session.expunge_all()
        if len(chats) < CHATS_AT_ONCE:
            return


def line(record: dict[str, Any]) -> bytes:
    return _json(record) + b"\n"


def _json(value: Any) -> bytes:
    return harmless_json(value, separators=(",", ":"), default=_plain).encode()


def _pieces(chat: Chat) -> Iterator[bytes]:
    yield _json(_chat(chat)).removesuffix(b"}") + b',"messages":['
    ids = list(db.session.scalars(sa.select(Message.id).where(Message.chat_id == chat.id).order_by(Message.id)))
    for start in range(0, len(ids), MESSAGES_AT_ONCE):
        some = ids[start : start + MESSAGES_AT_ONCE]
        answers = {row.id: row for row in db.session.execute(sa.select(replies).where(replies.c.id.in_(some)))}
        found = db.session.execute(sa.select(*MESSAGE_COLUMNS).where(Message.id.in_(some)).order_by(Message.id))
        shown = [_json(_message(message, answers.get(message.id))) for message in found]
        yield (b"," if start else b"") + b",".join(shown)
    yield b"]}\n"


def _chat(chat: Chat) -> dict[str, Any]:
    user = db.session.get_one(User, chat.user_id)
    return {
        "type": "chat",
        "id": chat.id,
        "user": {"id": user.id, "email": user.email, "name": user.name},
        "title": chat.title,
        "model": chat.model,
        "systemPrompt": chat.system_prompt,
        "headId": chat.head_id,
        "createdAt": chat.created_at,
        "updatedAt": chat.updated_at,
    }


def _message(message: Any, reply: Any) -> dict[str, Any]:
    content, trace = message.content, message.trace
    moving = reply is not None and (reply.status == STREAMING or reply.trace_bytes is None)
    if moving and (text := committed.read(db.session.connection(), reply.id)):
        content = text.data.decode(errors="ignore")  # a commit may end inside a character
        trace = text.trace.decode() or None
    return {
        "id": message.id,
        "parentId": message.parent_id,
        "role": message.role,
        "content": content,
        "trace": trace,
        "clientId": message.client_id,
        "metadata": message.meta,
        "createdAt": message.created_at,
        "reply": _reply(reply) if reply is not None else None,
    }


def _reply(reply: Any) -> dict[str, Any]:
    values = {name: getattr(reply, name) for name in REPLY_FIELDS}
    if reply.status == STREAMING:
        values["status"] = INTERRUPTED
    return {to_camel(name): value for name, value in values.items()}


def _theirs(user_id: uuid.UUID | None) -> list[sa.ColumnElement[bool]]:
    living = sa.select(User.id).where(User.deleted_at.is_(None))
    return [Chat.user_id.in_(living) if user_id is None else Chat.user_id == user_id]


def _plain(value: Any) -> str:
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else str(value)
