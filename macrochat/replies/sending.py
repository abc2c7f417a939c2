"""The rows of a send, written in one transaction: the message, its reply, and what a repeat of the request finds."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..accounts.models import User
from ..chats import service as chats
from ..chats import titles
from ..chats.models import Chat, Message
from ..database import new_id, now, write
from ..errors import Conflict, Unavailable, Unprocessable, ValidationError
from ..extensions import db
from ..providers.base import Effort, Provider
from .answers import owned
from .journal import committed
from .journal.logs import START, Cursor
from .models import COMPLETE, FAILED, LENGTH, STREAMING, Reply
from .process import Process
from .rules import busy, refuse_busy, refuse_too_many, refuse_without_lease
from .tables import chats as chats_table
from .tables import messages, replies
from .writing import claims
from .writing.prompts import task_for
from .writing.step import NOTHING, Held, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a send asks for. `key` is the idempotency key; `regenerate` asks for another answer to a question.

    `message_id` names that question, or without `regenerate` the one that `text` replaces: by its id or its answer's,
    ours or the client's own.
    """

    text: str
    model: str | None = None
    effort: Effort | None = None
    key: str | None = None
    regenerate: bool = False
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply that runs or ran, and whether the request was a repeat of one that the server knew already."""

    reply_id: uuid.UUID
    user_message_id: uuid.UUID | None
    replayed: bool
    cursor: Cursor = START


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written. `task` is the generation to start, after what the reply holds; None: nothing to start.

    `owner` is the worker that the reply was written down for.
    """

    sent: Sent
    task: Task | None = None
    held: Held = NOTHING
    owner: uuid.UUID | None = None


def record(process: Process, chat: Chat, ask: Ask) -> Recorded:
    """Stores the question and its running reply, or finds what an earlier request with the same key has stored."""
    db.session.commit()  # asking a provider for its models may take a while: no connection is held meanwhile
    asked = process.registry.resolve(ask.model or chat.model)
    try:
        with write() as session:
            chat = _lock(session, chat.user_id, chat.id)
            if found := _known(session, chat, ask):
                return _again(session, process, found, ask)
            refuse_busy(session, chat.id)
            refuse_too_many(session, process, chat.user_id)
            refuse_without_lease(session, process)
            question = _question(session, chat, ask)
            reply = _answer(session, process, chat, question, ask, asked)
            task = task_for(process.settings, chat, reply, question.id, asked)
            return Recorded(Sent(reply.id, question.id, replayed=False), task, owner=process.worker.id)
    except sa.exc.IntegrityError:  # a constraint caught what the lock did not
        raise Unavailable("Please try again", retry_after=1) from None


def reopen(process: Process, user_id: uuid.UUID, reply_id: uuid.UUID) -> Recorded:
    """Makes a reply that ended early, or at a limit, run again. Raises Conflict for one that runs or is whole."""
    with write() as session:
        _lock(session, user_id, owned(user_id, reply_id).chat_id)
        reply = owned(user_id, reply_id)
        if reply.status == STREAMING:
            raise busy(reply)
        if reply.status == COMPLETE and reply.finish_reason != LENGTH:
            raise Conflict("This reply is complete; there is nothing to continue", code="REPLY_COMPLETE")
        return _reopen(session, process, reply, replayed=False)


def _lock(session: Session, user_id: uuid.UUID, chat_id: uuid.UUID) -> Chat:
    """One beginning at a time per user: limits and idempotency keys are looked at under this lock. Raises NotFound."""
    found: Chat | None = session.scalar(_LOCK, {"chat": chat_id, "user": user_id})
    if found is None:
        raise chats.not_found()
    return found


_LOCK = (
    sa.select(Chat)
    .select_from(User)
    .join(Chat, Chat.user_id == User.id)
    .where(User.id == sa.bindparam("user"), User.is_active.is_(True), Chat.id == sa.bindparam("chat"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


def _known(session: Session, chat: Chat, ask: Ask) -> Reply | None:
    """The reply that an earlier request with this key asked for. Raises 422 when that request asked something else."""
    if ask.key is None:
        return None
    question = session.scalar(sa.select(Message).where(Message.chat_id == chat.id, Message.client_id == ask.key))
    if question is None:
        regenerated = session.scalar(sa.select(Reply).where(Reply.chat_id == chat.id, Reply.request_key == ask.key))
        if regenerated is not None and not ask.regenerate:
            raise _reused()
        return regenerated
    if ask.regenerate:
        raise _reused()
    if question.content != ask.text:
        if ask.message_id == ask.key:
            return None  # known by this id already, and now reworded
        raise _reused()
    newest = sa.select(Reply).join(Message, Message.id == Reply.id).where(Message.parent_id == question.id)
    return session.scalar(newest.order_by(Reply.id.desc()).limit(1))


def _reused() -> Unprocessable:
    return Unprocessable("This idempotency key was used for another request", code="IDEMPOTENCY_KEY_REUSED")


def _again(session: Session, process: Process, reply: Reply, ask: Ask) -> Recorded:
    """A repeat attaches to the reply it asked for; if that failed before its first byte, it is tried once more."""
    if ask.model is not None and reply.model != ask.model:
        raise _reused()
    if reply.status == FAILED and not reply.bytes:
        return _reopen(session, process, reply, replayed=True)
    return Recorded(Sent(reply.id, _parent(session, reply), replayed=True))


def _reopen(session: Session, process: Process, reply: Reply, *, replayed: bool) -> Recorded:
    refuse_busy(session, reply.chat_id)
    refuse_too_many(session, process, reply.user_id)
    refuse_without_lease(session, process)
    provider, model = process.registry.resolve(reply.model)
    if reply.bytes and provider.continue_mode == "none":
        raise Conflict("This model cannot continue a reply; ask it again instead", code="CANNOT_CONTINUE")
    if not claims.reopen(session.connection(), reply.id, reply.status, process.worker.id):
        raise Unavailable("Please try again", retry_after=1)
    held = Held(*committed.consolidate(session.connection(), [reply.id])[reply.id])
    chat = session.get_one(Chat, reply.chat_id)
    question_id = _parent(session, reply)
    chat.updated_at = now()
    if chat.head_id is not None and question_id == session.scalar(_PARENT, {"message": chat.head_id}):
        chat.head_id = reply.id  # it ended without a word, and the answer it was to replace was shown since
    session.refresh(reply)
    task = task_for(process.settings, chat, reply, question_id, (provider, model), held=held)
    sent = Sent(reply.id, question_id, replayed=replayed, cursor=Cursor(len(held.text), len(held.trace)))
    return Recorded(sent, task, held, process.worker.id)


def _parent(session: Session, reply: Reply) -> uuid.UUID | None:
    return session.scalar(_PARENT, {"message": reply.id})


_PARENT = sa.select(Message.parent_id).where(Message.id == sa.bindparam("message"))


def _question(session: Session, chat: Chat, ask: Ask) -> Message:
    """The user's message: a new one, or one to be answered again – reworded if the client shows other words now."""
    meant = _named(session, chat, ask.message_id)
    if ask.regenerate:
        meant = meant or _newest_question(chat)
        if meant is None:
            raise ValidationError("There is no message to answer again in this chat")
        return meant if meant.content == ask.text else _reword(session, meant, ask)
    if meant:
        return _reword(session, meant, ask)
    return _said(chat.id, chat.head_id, ask.text, ask.key)


def _reword(session: Session, old: Message, ask: Ask) -> Message:
    """The question in its new words, on a branch of its own. The client goes on to call it by the old one's name."""
    name = ask.message_id if ask.message_id in (old.client_id, str(old.id)) else old.client_id
    name = name if ask.regenerate else ask.key
    if old.client_id == name:
        old.client_id = None
        session.flush()
    return _said(old.chat_id, old.parent_id, ask.text, name)


def _said(chat_id: uuid.UUID, parent_id: uuid.UUID | None, text: str, client_id: str | None) -> Message:
    """A question that is still to be stored, with its answer."""
    return Message(id=new_id(), chat_id=chat_id, parent_id=parent_id, role="user", content=text, client_id=client_id)


def _named(session: Session, chat: Chat, message_id: str | None) -> Message | None:
    """The user's message meant by an id that may be the client's or ours, its own or its answer's."""
    if message_id is None:
        return None
    here = sa.select(Message).where(Message.chat_id == chat.id)
    message = session.scalar(here.where(Message.client_id == message_id))
    if message is None:
        with contextlib.suppress(ValueError):
            message = session.scalar(here.where(Message.id == uuid.UUID(message_id)))
    if message is not None and message.role == "assistant":
        return session.get(Message, message.parent_id)
    return message


def _newest_question(chat: Chat) -> Message | None:
    said = reversed(chats.said(chat.id, chat.head_id, newest=2))
    newest = next((message.id for message in said if message.role == "user"), None)
    return db.session.get(Message, newest) if newest else None


def _answer(
    session: Session, process: Process, chat: Chat, question: Message, ask: Ask, asked: tuple[Provider, str]
) -> Reply:
    """Stores the reply that begins, its message, and the question if it is new. By plain inserts: flushes are dear."""
    reply_id = new_id()
    rows = [_row(question)] if sa.inspect(question).transient else []
    rows.append({"id": reply_id, "parent_id": question.id, "role": "assistant", "content": "", "client_id": None})
    session.execute(sa.insert(messages), [row | {"chat_id": chat.id} for row in rows])
    provider, model = asked
    reply = {
        "id": reply_id,
        "chat_id": chat.id,
        "user_id": chat.user_id,
        "request_key": ask.key if ask.message_id != ask.key else None,  # the first wording's reply has it
        "owner": process.worker.id,
        "model": model,
        "provider": provider.name,
        "effort": ask.effort,
        "trace_bytes": None,
    }
    session.execute(sa.insert(replies), reply)
    first = chat.title == titles.DEFAULT_TITLE and question.parent_id is None
    title = titles.title_from(question.content) if first else chat.title
    session.execute(_SHOW, {"chat": chat.id, "head": reply_id, "at": now(), "new_title": title})
    return Reply(**reply)


def _row(message: Message) -> dict[str, object]:
    return {name: getattr(message, name) for name in ("id", "parent_id", "role", "content", "client_id")}


_SHOW = (
    sa.update(chats_table)
    .where(chats_table.c.id == sa.bindparam("chat"))
    .values(head_id=sa.bindparam("head"), updated_at=sa.bindparam("at"), title=sa.bindparam("new_title"))
)
