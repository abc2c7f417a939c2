"""The verbs: send, continue_, follow, stop – and their rules (API.md, "Sending and reading a reply")."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import gevent
import sqlalchemy as sa

from ..accounts import budget, limits
from ..chats import service as chats
from ..chats.models import Chat
from ..extensions import db
from . import sending
from .answers import owned, status
from .journal import committed
from .models import STREAMING, Reply
from .process import Process, this_process
from .reading.bodies import DELETED, BodyCut, Connection
from .reading.followers import Follower, Stored
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
            generation = process.worker.generate(recorded.task, recorded.text, recorded.owner)
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


def follow(
    user_id: uuid.UUID, reply_id: uuid.UUID, offset: int, credential: Any, sock: Any
) -> tuple[Follower, int | None]:
    """A follower of the user's reply from byte `offset`, and the text's length in bytes if the reply is final.

    The caller has found that the reply is the user's. Raises OffsetOutOfRange past the committed text.
    """
    process = this_process()
    refuse_too_many_readers(process, user_id)
    connection = Connection(reply_id, user_id, credential, sock)
    log = process.log(reply_id)
    if log is None or offset > log.end:
        text = committed.read(db.session.connection(), reply_id)
        if text is None:
            raise not_found()
        if offset > len(text.data):
            raise OffsetOutOfRange(len(text.data))
        if text.final:
            db.session.remove()
            return Follower(process.manager, connection, offset, _stored(text, budget.turns(user_id))), len(text.data)
        log = process.log(reply_id) or process.remote_logs.open(text)
    db.session.remove()
    return Follower(process.manager, connection, offset, log, process.settings.silence_limit), None


def _stored(text: committed.Text, turn: Callable[[], AbstractContextManager[None]]) -> Stored:
    """`turn` waits until the reader may go on, and sees how long the reading takes."""
    engine, reply_id = db.engine, text.reply.id

    def read(offset: int) -> bytes:
        try:
            with turn(), engine.connect() as connection:
                data = committed.stored_slice(connection, reply_id, offset, STORED_BYTES)
        except sa.exc.SQLAlchemyError as error:
            raise BodyCut("storage") from error
        if data is None:
            raise BodyCut(DELETED)
        return data

    return Stored(text.reply.status, read)


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
