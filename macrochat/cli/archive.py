"""Chats as JSON Lines: a first line that says what the file is, then a chat a line with all its messages and replies.

Ids, times, branches, idempotency keys and figures are kept, so that a chat which is read back is the same chat; reading
the same file again adds nothing. A reply that is being written stands there as interrupted, with what is committed.
"""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Iterator
from typing import Any, Literal

import click
import pydantic
import sqlalchemy as sa
from pydantic.alias_generators import to_camel
from sqlalchemy.orm import Session

from ..accounts.forms import Email
from ..accounts.models import User
from ..accounts.passwords import hash_password
from ..bodies import PlainText
from ..chats.models import Chat, Message
from ..database import now, write
from ..extensions import db
from ..replies import texts
from ..replies.models import INTERRUPTED, STREAMING, Reply
from .printing import harmless_json

FORMAT, VERSION = "macrochat", 1
CHATS_AT_ONCE = 100
NOBODY = uuid.UUID(int=0)  # the worker of a reply that is final

REPLY_FIELDS = (
    "request_key", "status", "model", "provider", "finish_reason", "error_code", "error_message", "prompt_tokens",
    "completion_tokens", "started_at", "first_byte_at", "finished_at", "attempts", "takeovers",
)  # fmt: skip


class Archived(pydantic.BaseModel):
    """Like a request's body, except that times and ids are read from text."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class ArchivedReply(Archived):
    request_key: PlainText | None = None
    status: Literal["streaming", "complete", "stopped", "failed", "interrupted"]
    model: PlainText
    provider: PlainText = ""
    finish_reason: PlainText | None = None
    error_code: PlainText | None = None
    error_message: PlainText | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    started_at: dt.datetime
    first_byte_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    attempts: int = 1
    takeovers: int = 0


class ArchivedMessage(Archived):
    id: uuid.UUID
    parent_id: uuid.UUID | None = None
    role: Literal["user", "assistant", "system"]
    content: PlainText
    client_id: PlainText | None = None
    metadata: dict[str, Any] = {}
    created_at: dt.datetime
    reply: ArchivedReply | None = None


class ArchivedUser(Archived):
    id: uuid.UUID
    email: Email
    name: PlainText = ""


class ArchivedChat(Archived):
    type: Literal["chat"] = "chat"
    id: uuid.UUID
    user: ArchivedUser
    title: PlainText
    model: PlainText | None = None
    system_prompt: PlainText | None = None
    head_id: uuid.UUID | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    messages: list[ArchivedMessage] = []


def header() -> dict[str, Any]:
    return {"type": FORMAT, "version": VERSION, "exportedAt": now().isoformat()}


def count(user_id: uuid.UUID | None) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Chat).where(*_theirs(user_id))) or 0


def export(user_id: uuid.UUID | None) -> Iterator[dict[str, Any]]:
    """Chats as dictionaries, of one user or of all; a few in memory at a time."""
    last = uuid.UUID(int=0)
    while True:
        query = sa.select(Chat).where(Chat.id > last, *_theirs(user_id)).order_by(Chat.id).limit(CHATS_AT_ONCE)
        chats = list(db.session.scalars(query))
        for chat in chats:
            yield _chat(chat)
            last = chat.id
        db.session.rollback()
        db.session.expunge_all()
        if len(chats) < CHATS_AT_ONCE:
            return


def line(record: dict[str, Any]) -> bytes:
    return harmless_json(record, separators=(",", ":"), default=_plain).encode() + b"\n"


def restore(chat: ArchivedChat, user: User) -> tuple[int, int]:
    """Stores what is not there yet. How many chats (0 or 1) and messages were new; all of it or nothing.

    Raises ClickException for an id that is somebody else's.
    """
    try:
        with write() as session:
            known = session.get(Chat, chat.id, populate_existing=True)
            if known is not None and known.user_id != user.id:
                raise click.ClickException(f"The chat {chat.id} belongs to somebody else here")
            if known is None:
                session.add(_new_chat(chat, user))
                session.flush()
            return int(known is None), _restore_messages(session, chat, user)
    except sa.exc.IntegrityError:
        raise click.ClickException(f"The chat {chat.id} contradicts what is stored here") from None


def owner_of(chat: ArchivedChat, *, create: bool) -> User:
    """The user with the archived address; with `create` a new one who cannot sign in until they get a password."""
    email = chat.user.email
    user: User | None = db.session.scalar(sa.select(User).where(User.email == email))
    if user is None and not create:
        raise click.ClickException(f"There is no user {email!r}: create them, or use --create-users or --user")
    if user is None:
        user = User(email=email, name=chat.user.name, password_hash=hash_password(secrets.token_urlsafe(32)))
        if db.session.get(User, chat.user.id) is None:
            user.id = chat.user.id
        with write() as session:
            session.add(user)
    return user


def _restore_messages(session: Session, chat: ArchivedChat, user: User) -> int:
    wanted = {message.id for message in chat.messages}
    known = {row.id: row.chat_id for row in session.execute(sa.select(Message.id, Message.chat_id).where(_in(wanted)))}
    if any(chat_id != chat.id for chat_id in known.values()):
        raise click.ClickException(f"A message of the chat {chat.id} is in another chat here")
    fresh = [message for message in _parents_first(chat) if message.id not in known]
    for message in fresh:
        session.add(_new_message(message, chat))
        session.flush()
        if message.reply is not None:
            session.add(_new_reply(message, message.reply, chat, user))
    return len(fresh)


def _in(ids: set[uuid.UUID]) -> sa.ColumnElement[bool]:
    return Message.id.in_(ids) if ids else sa.false()


def _parents_first(chat: ArchivedChat) -> list[ArchivedMessage]:
    """Raises ClickException for a circle or a parent that is nowhere."""
    left = {message.id: message for message in chat.messages}
    placed: dict[uuid.UUID | None, None] = {None: None}
    ordered = []
    while left:
        ready = [message for message in left.values() if message.parent_id in placed]
        if not ready:
            raise click.ClickException(f"The messages of the chat {chat.id} do not form a tree")
        for message in ready:
            ordered.append(left.pop(message.id))
            placed[message.id] = None
    return ordered


def _new_chat(chat: ArchivedChat, user: User) -> Chat:
    fields = ("id", "title", "model", "system_prompt", "head_id", "created_at", "updated_at")
    return Chat(user_id=user.id, **{name: getattr(chat, name) for name in fields})


def _new_message(message: ArchivedMessage, chat: ArchivedChat) -> Message:
    fields = ("id", "parent_id", "role", "content", "client_id", "created_at")
    values = {name: getattr(message, name) for name in fields}
    return Message(chat_id=chat.id, meta=message.metadata, **values)


def _new_reply(message: ArchivedMessage, reply: ArchivedReply, chat: ArchivedChat, user: User) -> Reply:
    values = {name: getattr(reply, name) for name in REPLY_FIELDS}
    if reply.status == STREAMING:
        values["status"] = INTERRUPTED
    size = len(message.content.encode())
    return Reply(id=message.id, chat_id=chat.id, user_id=user.id, owner=NOBODY, bytes=size, **values)


def _chat(chat: Chat) -> dict[str, Any]:
    user = db.session.get_one(User, chat.user_id)
    messages = db.session.scalars(sa.select(Message).where(Message.chat_id == chat.id).order_by(Message.id)).all()
    replies = {reply.id: reply for reply in db.session.scalars(sa.select(Reply).where(Reply.chat_id == chat.id))}
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
        "messages": [_message(message, replies.get(message.id)) for message in messages],
    }


def _message(message: Message, reply: Reply | None) -> dict[str, Any]:
    content = message.content
    if reply is not None and reply.status == STREAMING and (text := texts.read(db.session.connection(), reply.id)):
        content = text.data.decode(errors="ignore")  # a commit may end inside a character
    return {
        "id": message.id,
        "parentId": message.parent_id,
        "role": message.role,
        "content": content,
        "clientId": message.client_id,
        "metadata": message.meta,
        "createdAt": message.created_at,
        "reply": _reply(reply) if reply is not None else None,
    }


def _reply(reply: Reply) -> dict[str, Any]:
    values = {name: getattr(reply, name) for name in REPLY_FIELDS}
    if reply.status == STREAMING:
        values["status"] = INTERRUPTED
    return {to_camel(name): value for name, value in values.items()}


def _theirs(user_id: uuid.UUID | None) -> list[sa.ColumnElement[bool]]:
    living = sa.select(User.id).where(User.deleted_at.is_(None))
    return [Chat.user_id.in_(living) if user_id is None else Chat.user_id == user_id]


def _plain(value: Any) -> str:
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else str(value)
