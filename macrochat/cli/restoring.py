"""Archived chats back into the database, each in a transaction of its own."""

from __future__ import annotations

import secrets
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeVar

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..accounts.models import User
from ..accounts.passwords import hash_password
from ..chats.models import Chat, Message
from ..database import is_outage, write
from ..extensions import db
from ..replies.models import INTERRUPTED, STREAMING
from ..replies.tables import messages, replies
from .archive import REPLY_FIELDS, ArchivedChat, ArchivedMessage, ArchivedReply

T = TypeVar("T")
NOBODY = uuid.UUID(int=0)  # the worker of a reply that is final
ROWS_AT_ONCE = 1000  # of one statement; SQLite takes 32,766 values
MESSAGE_FIELDS = ("id", "parent_id", "role", "content", "trace", "client_id", "metadata", "created_at")


def restore(chat: ArchivedChat, user: User) -> tuple[int, int]:
    """Stores what is not there yet. How many chats (0 or 1) and messages were new; all of it or nothing.

    Raises ClickException for an id that is somebody else's, and for what the database does not take.
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
    except (sa.exc.SQLAlchemyError, OverflowError, RecursionError) as error:
        if is_outage(error):
            raise
        raise click.ClickException(f"The chat {chat.id} holds something that cannot be stored") from None


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
    known = _known(session, {message.id for message in chat.messages})
    if any(chat_id != chat.id for chat_id in known.values()):
        raise click.ClickException(f"A message of the chat {chat.id} is in another chat here")
    fresh = [message for message in _parents_first(chat) if message.id not in known]
    for some in _slices(fresh):
        session.execute(sa.insert(messages), [_message_row(message, chat) for message in some])
        answers = [_reply_row(one, one.reply, chat, user) for one in some if one.reply is not None]
        if answers:
            session.execute(sa.insert(replies), answers)
    return len(fresh)


def _known(session: Session, ids: set[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The chats that those of these messages are in which are stored already."""
    found = {}
    for some in _slices(sorted(ids)):
        rows = session.execute(sa.select(Message.id, Message.chat_id).where(Message.id.in_(some)))
        found.update({row.id: row.chat_id for row in rows})
    return found


def _parents_first(chat: ArchivedChat) -> list[ArchivedMessage]:
    """Raises ClickException for a circle or a parent that is nowhere."""
    by_id = {message.id: message for message in chat.messages}
    below = defaultdict(list)
    for message in by_id.values():
        below[message.parent_id].append(message)
    ordered, row = [], below[None]
    while row:
        ordered += row
        row = [child for message in row for child in below.get(message.id, ())]
    if len(ordered) < len(by_id):
        raise click.ClickException(f"The messages of the chat {chat.id} do not form a tree")
    return ordered


def _new_chat(chat: ArchivedChat, user: User) -> Chat:
    fields = ("id", "title", "model", "system_prompt", "created_at", "updated_at")
    ids = {message.id for message in chat.messages}
    head = chat.head_id if chat.head_id in ids else max(ids, default=None)
    return Chat(user_id=user.id, head_id=head, **{name: getattr(chat, name) for name in fields})


def _message_row(message: ArchivedMessage, chat: ArchivedChat) -> dict[str, Any]:
    return {"chat_id": chat.id} | {name: getattr(message, name) for name in MESSAGE_FIELDS}


def _reply_row(message: ArchivedMessage, reply: ArchivedReply, chat: ArchivedChat, user: User) -> dict[str, Any]:
    values = {name: getattr(reply, name) for name in REPLY_FIELDS}
    if reply.status == STREAMING:
        values["status"] = INTERRUPTED
    sizes = {"bytes": len(message.content.encode()), "trace_bytes": len((message.trace or "").encode())}
    return {"id": message.id, "chat_id": chat.id, "user_id": user.id, "owner": NOBODY, **sizes, **values}


def _slices(items: list[T]) -> Iterator[list[T]]:
    return (items[start : start + ROWS_AT_ONCE] for start in range(0, len(items), ROWS_AT_ONCE))
