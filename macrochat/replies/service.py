"""The verbs: send, continue_, follow, stop – and their rules (docs/api.md tells programs of them)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import gevent
import sqlalchemy as sa

from ..accounts import budget, limits
from ..chats import service as chats
from ..chats.models import Chat
from ..errors import Conflict
from ..extensions import db
from . import sending
from .answers import owned, status
from .journal import committed
from .journal.logs import Cursor
from .models import STREAMING, Reply
from .process import Process, this_process
from .reading.bodies import DELETED, BodyCut, Connection
from .reading.followers import Follower, Stored
from .reading.lanes import TraceFollower
from .rules import OffsetOutOfRange, naming, not_found, refuse_too_many_readers, refuse_unless_ready
from .sending import Ask, Recorded, Sent
from .writing import stopping

FIRST_EVENT_SECONDS = 10.0  # how long the answer to a send waits for the provider's first event
STORED_BYTES = 256 << 10  # of a final text read at once: on SQLite each time passes the whole text
STOP_SECONDS = 1.0  # how long the answer to a stop waits for the reply to be final


def send(chat: Chat, ask: Ask) -> Sent:
    """Stores the message and its reply in one transaction, starts the generation, waits for the provider's first event.

    Raises the provider's refusal as ProviderError; the message is stored then, the reply `failed`, and the error names
    both.
    """
    process = this_process()
    refuse_unless_ready(process)
    limits.count_stored(chat.user_id, ask.text)
    return _start(process, sending.record(process, chat, ask))


def continue_(user_id: uuid.UUID, reply_id: uuid.UUID) -> Sent:
    """Goes on with a reply that ended early, appending to its text. Raises as `send` does, and Conflict."""
    process = this_process()
    refuse_unless_ready(process)
    return _start(process, sending.reopen(process, user_id, reply_id))


def _start(process: Process, recorded: Recorded) -> Sent:
    """Begins the generation and waits until it is known to work. The database connection is free meanwhile."""
    sent = recorded.sent
    if recorded.task is not None and recorded.owner is not None:
        with naming(sent.reply_id, sent.user_message_id):
            generation = process.worker.generate(recorded.task, recorded.held, recorded.owner)
            db.session.remove()
            if generation is None:  # fenced since: whoever has taken over writes it
                return sent
            try:
                generation.started.get(timeout=FIRST_EVENT_SECONDS)
            except gevent.Timeout:
                pass  # a slow provider: the answer begins, and so the client knows its reply's id
    return sent


def running_in(user_id: uuid.UUID, chat_id: uuid.UUID) -> uuid.UUID | None:
    """The reply that runs in the user's chat, if any."""
    chats.get(user_id, chat_id)
    running = sa.select(Reply.id).where(Reply.chat_id == chat_id, Reply.status == STREAMING)
    return db.session.scalar(running)


F = TypeVar("F", bound=Follower)


def follow(
    user_id: uuid.UUID, reply_id: uuid.UUID, cursor: Cursor, credential: Any, sock: Any, kind: type[F]
) -> tuple[F, int | None]:
    """A follower of the user's reply from `cursor`, and its text's length in bytes if the reply is final.

    A TraceFollower begins at the cursor's second number, all others at the first. The caller has found that the reply
    is the user's. Raises OffsetOutOfRange behind what is committed.
    """
    process = this_process()
    refuse_too_many_readers(process, user_id)
    connection = Connection(reply_id, user_id, credential, sock)
    offset = cursor.trace if kind is TraceFollower else cursor.text
    log = process.log(reply_id)
    if log is None or cursor.text > log.end or cursor.trace > len(log.trace):
        text = committed.read(db.session.connection(), reply_id)
        if text is None:
            raise not_found()
        if cursor.text > len(text.data) or cursor.trace > len(text.trace):
            raise OffsetOutOfRange(len(text.trace) if kind is TraceFollower else len(text.data))
        if text.final:
            db.session.remove()
            stored = _stored(text, budget.turns(user_id))
            return kind(process.manager, connection, offset, stored), len(text.data)
        log = process.log(reply_id) or process.remote_logs.open(text)
    db.session.remove()
    return kind(process.manager, connection, offset, log, process.settings.silence_limit), None


def _stored(text: committed.Text, turn: Callable[[], AbstractContextManager[None]]) -> Stored:
    """`turn` waits until the reader may go on, and sees how long the reading takes."""
    engine, reply_id = db.engine, text.reply.id
    # A trace that was never moved into its message (its server knew none) is held; most are empty.
    trace = text.trace if not text.trace or text.reply.trace_bytes is None else None

    def read(offset: int, of_trace: bool) -> bytes:
        if of_trace and trace is not None:
            return trace[offset : offset + STORED_BYTES]
        try:
            with turn(), engine.connect() as connection:
                data = committed.stored_slice(connection, reply_id, offset, STORED_BYTES, trace=of_trace)
        except sa.exc.SQLAlchemyError as error:
            raise BodyCut("storage") from error
        if data is None:
            raise BodyCut(DELETED)
        return data

    return Stored(text.reply.status, read)


def answer_now(user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """Lets a model that thinks answer without another thought. Raises Conflict when there is nothing to cut short."""
    reply, process = owned(user_id, reply_id), this_process()
    provider, model = process.registry.resolve(reply.model)
    shown = status(user_id, reply_id)
    if reply.status != STREAMING or shown["bytes"] or not provider.efforts(model):
        raise Conflict("This reply is not being thought about any more", code="CANNOT_HURRY")
    stopping.hurry(reply_id)
    stopping.hurry_here(process.worker, reply_id)
    return shown


def stop(user_id: uuid.UUID, reply_id: uuid.UUID) -> dict[str, Any]:
    """Asks for the end of a reply and waits a moment for it. Harmless however often; never changes a final status."""
    if owned(user_id, reply_id).status == STREAMING:
        stopping.wish(reply_id)
        stopping.stop_here(this_process().worker, reply_id)
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
