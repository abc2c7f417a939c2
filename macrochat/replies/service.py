"""The verbs: send, regenerate, continue_, follow, stop – and their rules (API.md, "Sending and reading a reply")."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import gevent
import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.orm import Session

from ..accounts.credentials import live_credentials
from ..accounts.models import User
from ..chats import service as chats
from ..chats.models import Chat, Message
from ..database import new_id, now, write
from ..errors import Conflict, NotFound, RateLimited, Unavailable, Unprocessable, ValidationError
from ..extensions import db
from ..providers.base import CompletionRequest, Provider
from ..providers.registry import Registry
from ..web import iso
from . import claims, texts
from .connections import Connection, Follower
from .generation import Generation, Task
from .models import COMPLETE, FAILED, INTERRUPTED, STOPPED, STREAMING, Reply
from .recovery import Orphan
from .runtime import Runtime, runtime
from .store import Fenced, hold_lease

FIRST_EVENT_SECONDS = 10.0  # how long the answer to a send waits for the provider's first event
STOP_SECONDS = 1.0  # how long the answer to a stop waits for the reply to be final
RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a send asks for. `key` is the idempotency key; `regenerate` asks for another answer to the last question."""

    text: str
    model: str | None = None
    key: str | None = None
    regenerate: bool = False
    message_id: str | None = None  # for a regeneration: the question, or an answer to it; by our id or the client's


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply that runs or ran, and whether the request was a repeat of one that the server knew already."""

    reply_id: uuid.UUID
    user_message_id: uuid.UUID | None
    replayed: bool
    offset: int = 0


def init_app(app: Flask, registry: Registry) -> None:
    """Lets the engine room and the chats ask what only this module knows."""
    app.extensions["macrochat.registry"] = registry
    app.extensions["macrochat.describe"] = describe_messages
    room: Runtime = app.extensions["macrochat"]
    room.prepare = _prepare_orphan
    room.still_valid = live_credentials


# Sending


def send(user_id: uuid.UUID, chat_id: uuid.UUID, ask: Ask) -> Sent:
    """Stores the message and its reply in one transaction, starts the generation, waits for the provider's first event.

    Raises the provider's refusal as ProviderError; the message is stored then, and the reply `failed`.
    """
    room = runtime()
    _refuse_while_draining(room)
    sent, task, text = _record(room, user_id, chat_id, ask)
    if task is not None:
        _start(room, task, text)
    return sent


def continue_(user_id: uuid.UUID, reply_id: uuid.UUID) -> Sent:
    """Goes on with a reply that ended early, appending to its text."""
    room = runtime()
    _refuse_while_draining(room)
    with write() as session:
        reply = owned(user_id, reply_id)
        Chat.owned_by(user_id, reply.chat_id, lock=True)
        reply = owned(user_id, reply_id)
        if reply.status == STREAMING:
            _busy(reply)
        if reply.status == COMPLETE:
            raise Conflict("This reply is complete; there is nothing to continue", code="REPLY_COMPLETE")
        task, text = _reopen(session, room, reply, None)
        parent = session.scalar(sa.select(Message.parent_id).where(Message.id == reply_id))
    _start(room, task, text)
    return Sent(reply_id, parent, replayed=False, offset=len(text))


def _record(room: Runtime, user_id: uuid.UUID, chat_id: uuid.UUID, ask: Ask) -> tuple[Sent, Task | None, bytes]:
    chats.get(user_id, chat_id)
    provider, model = _resolve(user_id, chat_id, ask)
    try:
        with write() as session:
            chat = _lock(session, user_id, chat_id)
            if found := _known(session, chat, ask):
                return _again(session, room, found, ask)
            _refuse_busy(session, chat)
            _refuse_too_many(session, room, user_id)
            hold_lease(session.connection(), room.worker_id)
            question = _question(session, chat, ask)
            reply = _answer(session, room, chat, question, ask, provider, model)
            task = _task(room, chat, reply, question.id, provider, b"")
            return Sent(reply.id, question.id, replayed=False), task, b""
    except Fenced:
        raise Unavailable("This server is just restarting; please try again", retry_after=RETRY_SECONDS) from None
    except sa.exc.IntegrityError:  # PostgreSQL: the same key or chat, at the same moment, past the lock
        raise Unavailable("Please try again", retry_after=1) from None


def _lock(session: Session, user_id: uuid.UUID, chat_id: uuid.UUID) -> Chat:
    """One send at a time per user: limits and idempotency keys are looked at under this lock."""
    session.execute(sa.select(User.id).where(User.id == user_id).with_for_update())
    return Chat.owned_by(user_id, chat_id, lock=True)


def _resolve(user_id: uuid.UUID, chat_id: uuid.UUID, ask: Ask) -> tuple[Provider, str]:
    registry: Registry = current_app.extensions["macrochat.registry"]
    chosen = ask.model or chats.get(user_id, chat_id).model
    db.session.commit()  # asking a provider for its models may take a while: no connection is held meanwhile
    return registry.resolve(chosen)


def _known(session: Session, chat: Chat, ask: Ask) -> Reply | None:
    """The reply that an earlier request with this key asked for. Raises 422 when that request said something else."""
    if ask.key is None:
        return None
    if ask.regenerate:
        return session.scalar(sa.select(Reply).where(Reply.chat_id == chat.id, Reply.request_key == ask.key))
    question = session.scalar(sa.select(Message).where(Message.chat_id == chat.id, Message.client_id == ask.key))
    if question is None:
        return None
    if question.content != ask.text:
        raise Unprocessable("This idempotency key was used for another message", code="IDEMPOTENCY_KEY_REUSED")
    newest = sa.select(Reply).join(Message, Message.id == Reply.id).where(Message.parent_id == question.id)
    return session.scalar(newest.order_by(Reply.id.desc()).limit(1))


def _again(session: Session, room: Runtime, reply: Reply, ask: Ask) -> tuple[Sent, Task | None, bytes]:
    """A repeat attaches to the reply it asked for; if that failed before its first byte, it is tried once more."""
    if ask.model is not None and reply.model != ask.model:
        raise Unprocessable("This idempotency key was used with another model", code="IDEMPOTENCY_KEY_REUSED")
    parent = session.scalar(sa.select(Message.parent_id).where(Message.id == reply.id))
    sent = Sent(reply.id, parent, replayed=True)
    if reply.status != FAILED or reply.bytes:
        return sent, None, b""
    task, text = _reopen(session, room, reply, None)
    return sent, task, text


def _reopen(session: Session, room: Runtime, reply: Reply, key: str | None) -> tuple[Task, bytes]:
    _refuse_busy_chat(session, reply.chat_id)
    _refuse_too_many(session, room, reply.user_id)
    try:
        hold_lease(session.connection(), room.worker_id)
    except Fenced:
        raise Unavailable("This server is just restarting; please try again", retry_after=RETRY_SECONDS) from None
    provider, _model = current_app.extensions["macrochat.registry"].resolve(reply.model)
    message = session.get_one(Message, reply.id, populate_existing=True)
    text = message.content.encode()
    if text and provider.continue_mode == "none":
        raise Conflict("This model cannot continue a reply; ask it again instead", code="CANNOT_CONTINUE")
    if not claims.reopen(session.connection(), reply.id, reply.status, room.worker_id, key):
        raise Unavailable("Please try again", retry_after=1)
    session.execute(sa.update(Chat).where(Chat.id == reply.chat_id).values(updated_at=now()))
    chat = session.get_one(Chat, reply.chat_id)
    return _task(room, chat, reply, message.parent_id, provider, text), text


def _question(session: Session, chat: Chat, ask: Ask) -> Message:
    """The user's message: a new one, or for a regeneration the one that was answered last."""
    if not ask.regenerate:
        message = Message(
            id=new_id(), chat_id=chat.id, parent_id=chat.head_id, role="user", content=ask.text, client_id=ask.key
        )
        session.add(message)
        session.flush()
        return message
    question = _named(session, chat, ask.message_id) or _newest_question(chat)
    if question is None:
        raise ValidationError("There is no message to answer again in this chat")
    return question


def _named(session: Session, chat: Chat, message_id: str | None) -> Message | None:
    """The user's message meant by an id that may be ours or the client's, its own or its answer's."""
    if message_id is None:
        return None
    named = Message.client_id == message_id
    with contextlib.suppress(ValueError):
        named = sa.or_(named, Message.id == uuid.UUID(message_id))
    message = session.scalar(sa.select(Message).where(Message.chat_id == chat.id, named))
    if message is not None and message.role == "assistant":
        return session.get(Message, message.parent_id)
    return message


def _newest_question(chat: Chat) -> Message | None:
    said = reversed(chats.path(chat.id, chat.head_id, newest=2))
    return next((message for message in said if message.role == "user"), None)


def _answer(
    session: Session, room: Runtime, chat: Chat, question: Message, ask: Ask, provider: Provider, model: str
) -> Reply:
    message = Message(id=new_id(), chat_id=chat.id, parent_id=question.id, role="assistant", content="")
    session.add(message)
    session.flush()
    reply = Reply(
        id=message.id,
        chat_id=chat.id,
        user_id=chat.user_id,
        request_key=ask.key,
        owner=room.worker_id,
        model=model,
        provider=provider.name,
    )
    session.add(reply)
    chat.head_id = message.id
    chat.updated_at = now()
    if chat.title == chats.DEFAULT_TITLE and question.parent_id is None:
        chat.title = chats.title_from(question.content)
    session.flush()
    return reply


def _start(room: Runtime, task: Task, text: bytes) -> None:
    """Begins the generation and waits until it is known to work. The database connection is free meanwhile."""
    generation = room.generate(task, text)
    db.session.remove()
    _await_first_event(generation)


def _await_first_event(generation: Generation) -> None:
    try:
        generation.started.get(timeout=FIRST_EVENT_SECONDS)
    except gevent.Timeout:
        pass


# Rules


def _refuse_while_draining(room: Runtime) -> None:
    if room.draining:
        raise Unavailable(
            "The server is restarting; please try again in a moment", code="SHUTTING_DOWN", retry_after=RETRY_SECONDS
        )
    if not room.ready:
        raise Unavailable(retry_after=RETRY_SECONDS)


def _refuse_busy(session: Session, chat: Chat) -> None:
    _refuse_busy_chat(session, chat.id)


def _refuse_busy_chat(session: Session, chat_id: uuid.UUID) -> None:
    running = sa.select(Reply).where(Reply.chat_id == chat_id, Reply.status == STREAMING)
    if reply := session.scalar(running):
        _busy(reply)


def _busy(reply: Reply) -> NoReturn:
    details = [{"field": "replyId", "error": str(reply.id)}]
    raise Conflict("Another reply is still being written in this chat", code="CHAT_BUSY", details=details)


def _refuse_too_many(session: Session, room: Runtime, user_id: uuid.UUID) -> None:
    running = sa.select(sa.func.count()).where(Reply.user_id == user_id, Reply.status == STREAMING)
    most = room.settings.max_streams_per_user
    if (session.scalar(running) or 0) >= most:
        raise RateLimited(f"At most {most} replies can run at once", code="TOO_MANY_STREAMS", retry_after=5)


# What the model is given


def _task(
    room: Runtime, chat: Chat, reply: Reply, question_id: uuid.UUID | None, provider: Provider, text: bytes
) -> Task:
    request = CompletionRequest(reply.model, _history(room, chat, question_id), text.decode())
    return Task(reply.id, reply.chat_id, reply.user_id, provider, request, room.settings.max_reply_bytes)


def _history(room: Runtime, chat: Chat, question_id: uuid.UUID | None) -> list[dict[str, str]]:
    """The newest messages up to the question, oldest first, with the system prompt before them (S25, S30).

    Replies that never said anything are left out: models refuse empty messages (W5, W13).
    """
    newest = room.settings.history_messages
    found = chats.path(chat.id, question_id, newest=2 * newest)
    said = [{"role": message.role, "content": message.content} for message in found if message.content]
    prompt = [{"role": "system", "content": chat.system_prompt}] if chat.system_prompt else []
    return prompt + said[-newest:]


def _prepare_orphan(orphan: Orphan) -> Task | None:
    """How to go on with a reply whose worker died, or None when its provider cannot."""
    reply = db.session.get(Reply, orphan.reply_id)
    message = db.session.get(Message, orphan.reply_id)
    if reply is None or message is None:
        return None
    chat = db.session.get_one(Chat, reply.chat_id)
    try:
        provider, _model = current_app.extensions["macrochat.registry"].resolve(reply.model)
    except ValidationError:
        return None
    if orphan.text and provider.continue_mode == "none":
        return None
    return _task(runtime(), chat, reply, message.parent_id, provider, orphan.text)


# Following


def owned(user_id: uuid.UUID, reply_id: uuid.UUID) -> Reply:
    """The user's own reply. Raises the same NotFound for an unknown one and somebody else's."""
    query = sa.select(Reply).where(Reply.id == reply_id, Reply.user_id == user_id)
    reply = db.session.scalar(query.execution_options(populate_existing=True))
    if reply is None:
        raise not_found()
    return reply


def running_in(user_id: uuid.UUID, chat_id: uuid.UUID) -> uuid.UUID | None:
    """The reply that runs in the user's chat, if any."""
    chats.get(user_id, chat_id)
    running = sa.select(Reply.id).where(Reply.chat_id == chat_id, Reply.status == STREAMING)
    return db.session.scalar(running)


def follow(
    user_id: uuid.UUID, reply_id: uuid.UUID, offset: int, credential: Any, sock: Any
) -> tuple[Follower, int | None]:
    """A follower from byte `offset`, and the text's length in bytes if the reply is final.

    Raises OffsetOutOfRange past the committed text.
    """
    owned(user_id, reply_id)
    room = runtime()
    _refuse_too_many_readers(room)
    connection = Connection(reply_id, user_id, credential, sock)
    log = room.log(reply_id)
    silence = room.settings.silence_limit
    if log is not None and log.base <= offset <= log.end:
        db.session.remove()
        return Follower(room.manager, connection, offset, b"", log, STREAMING, silence), None
    text = texts.read(db.session.connection(), reply_id)
    db.session.remove()
    if text is None:
        raise not_found()
    end = max(len(text.data), log.end if log else 0)
    if offset > end:
        raise OffsetOutOfRange(end)
    prefix = text.data[offset:]
    if text.final:
        return Follower(room.manager, connection, offset, prefix, None, text.reply.status), len(text.data)
    log = room.log(reply_id) or room.tails.open(text)
    return Follower(room.manager, connection, offset, prefix, log, STREAMING, silence), None


class OffsetOutOfRange(ValidationError):
    """`end` is how many bytes are committed."""

    status = 416
    code = "OFFSET_OUT_OF_RANGE"

    def __init__(self, end: int) -> None:
        super().__init__(
            f"The reply has {end} bytes so far", details=[{"field": "offset", "error": f"must be at most {end}"}]
        )
        self.headers = {"Content-Range": f"bytes */{end}"}


def not_found() -> NotFound:
    return NotFound("Reply not found or access denied", code="REPLY_NOT_FOUND")


def _refuse_too_many_readers(room: Runtime) -> None:
    if room.manager.active_count >= room.settings.max_streams:
        raise Unavailable("Too many open streams; please try again", code="TOO_MANY_STREAMS", retry_after=5)
    if room.draining:
        _refuse_while_draining(room)


# Stopping


def stop(user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """Asks for the end of a reply and waits a moment for it. Harmless however often; never changes a final status."""
    owned(user_id, reply_id)
    wish = sa.update(Reply).where(Reply.id == reply_id, Reply.status == STREAMING).values(stop_requested=True)
    with write() as session:
        session.execute(wish)
    runtime().stop_reply(reply_id)
    return _status_when_final(user_id, reply_id)


def stop_chat(user_id: uuid.UUID, chat_id: uuid.UUID) -> dict[str, Any] | None:
    """Stops what runs in a chat. The status of that reply, or of the chat's newest one, or None in an empty chat."""
    chat = chats.get(user_id, chat_id)
    newest = sa.select(Reply.id).where(Reply.chat_id == chat.id).order_by(Reply.id.desc()).limit(1)
    reply_id = running_in(user_id, chat_id) or db.session.scalar(newest)
    return stop(user_id, reply_id) if reply_id else None


def _status_when_final(user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    until = time.monotonic() + STOP_SECONDS
    while owned(user_id, reply_id).status == STREAMING and time.monotonic() < until:
        db.session.remove()
        gevent.sleep(0.02)
    return status(user_id, reply_id)


# Describing


def status(user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """The status object of API.md. `bytes` and `sha256` are of the same committed text."""
    owned(user_id, reply_id)
    text = texts.read(db.session.connection(), reply_id)
    if text is None:
        raise not_found()
    reply, room = text.reply, runtime()
    log = room.log(reply_id)
    return {
        "id": str(reply.id),
        "chatId": str(reply.chat_id),
        "status": reply.status,
        "bytes": len(text.data),
        "sha256": hashlib.sha256(text.data).hexdigest(),
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


def describe_later(app: Flask, user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """The status object for the end of a body, when the request's context is long gone."""
    with app.app_context():
        return status(user_id, reply_id)


def describe_messages(chat_id: uuid.UUID, found: Sequence[Message]) -> dict[uuid.UUID, tuple[str, dict[str, Any]]]:
    """Content and metadata of the assistant's messages among `found`, a running one's from the journal."""
    ids = [message.id for message in found if message.role == "assistant"]
    if not ids:
        return {}
    by_id = {message.id: message for message in found}
    known = {}
    for reply in db.session.scalars(
        sa.select(Reply).where(Reply.chat_id == chat_id).execution_options(populate_existing=True)
    ):
        if reply.id in by_id:
            known[reply.id] = _describe(reply, by_id[reply.id])
    return known


def _describe(reply: Any, message: Message) -> tuple[str, dict[str, Any]]:
    content, size = message.content, reply.bytes
    # The rows were read one after the other: a reply that was running then may be final now, and the other way round.
    if reply.status == STREAMING or size != len(content.encode()):
        text = texts.read(db.session.connection(), reply.id)
        if text is not None:
            content, reply, size = text.data.decode(), text.reply, len(text.data)
    return content, {
        "status": reply.status,
        "bytes": size,
        "model": reply.model,
        "finishReason": reply.finish_reason,
        "error": _error(reply),
        "usage": _usage(reply),
        "startedAt": iso(reply.started_at),
        "finishedAt": iso(reply.finished_at),
    }


def _error(reply: Any) -> dict[str, str] | None:
    return {"code": reply.error_code, "message": reply.error_message} if reply.error_code else None


def _usage(reply: Any) -> dict[str, int] | None:
    if reply.prompt_tokens is None and reply.completion_tokens is None:
        return None
    return {
        "promptTokens": reply.prompt_tokens,
        "completionTokens": reply.completion_tokens,
        "totalTokens": (reply.prompt_tokens or 0) + (reply.completion_tokens or 0),
    }


def _first_byte_ms(reply: Any, log: Any) -> int | None:
    first = reply.first_byte_at
    if first is None and (generation := runtime().generations.get(reply.id)) and generation.first_byte_at:
        first = dt.datetime.fromtimestamp(generation.first_byte_at, dt.UTC)
    return round((first - reply.started_at).total_seconds() * 1000) if first else None


def _waiting_since(reply: Any, log: Any) -> str | None:
    """When text last came, or the reply began: what a client tells a thinking model from a stuck line by."""
    return iso(dt.datetime.fromtimestamp(log.grown_at, dt.UTC) if log else reply.first_byte_at or reply.started_at)


FINAL = (COMPLETE, STOPPED, FAILED, INTERRUPTED)
