"""When a send is refused: limits, busy chats, a server that is going away. And the errors that say so."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..errors import Conflict, NotFound, RateLimited, Unavailable, ValidationError
from ..web.failures import shown_as
from .journal.store import Fenced, hold_lease
from .models import STREAMING, Reply
from .process import Process

RETRY_SECONDS = 2
READERS_PER_STREAM = 20  # in how many tabs and programs each of a person's running replies may be open


_RUNNING_HERE = sa.select(Reply).where(Reply.chat_id == sa.bindparam("chat"), Reply.status == STREAMING)
_RUNNING_OF = sa.select(sa.func.count()).where(Reply.user_id == sa.bindparam("user"), Reply.status == STREAMING)


def refuse_unless_ready(process: Process) -> None:
    """While draining, 503 SHUTTING_DOWN; without a lease (the database was away), 503 STORAGE_UNAVAILABLE."""
    if process.draining:
        raise Unavailable(
            "The server is restarting; please try again in a moment", code="SHUTTING_DOWN", retry_after=RETRY_SECONDS
        )
    if not process.ready:
        raise Unavailable(retry_after=RETRY_SECONDS)


def refuse_busy(session: Session, chat_id: uuid.UUID) -> None:
    if reply := session.scalar(_RUNNING_HERE, {"chat": chat_id}):
        raise busy(reply)


def busy(reply: Reply) -> Conflict:
    details = [{"field": "replyId", "error": str(reply.id)}]
    return Conflict("Another reply is still being written in this chat", code="CHAT_BUSY", details=details)


def refuse_too_many(session: Session, process: Process, user_id: uuid.UUID) -> None:
    most = process.settings.max_streams_per_user
    if (session.scalar(_RUNNING_OF, {"user": user_id}) or 0) >= most:
        raise RateLimited(f"At most {most} replies can run at once", code="TOO_MANY_STREAMS", retry_after=5)


def refuse_without_lease(session: Session, process: Process) -> None:
    """A reply must not begin under a worker that was fenced. Holds the lease until the transaction ends."""
    try:
        hold_lease(session.connection(), process.worker.id)
    except Fenced:
        raise Unavailable("This server is just restarting; please try again", retry_after=RETRY_SECONDS) from None


def refuse_too_many_readers(process: Process, user_id: uuid.UUID) -> None:
    """One person must not use up what this worker can serve to all."""
    if process.draining:
        refuse_unless_ready(process)
    most = READERS_PER_STREAM * process.settings.max_streams_per_user
    if process.manager.count_of(user_id) >= most:
        raise RateLimited(f"At most {most} streams can be open at once", code="TOO_MANY_STREAMS", retry_after=5)
    if process.manager.active_count >= process.settings.max_streams:
        raise Unavailable("Too many open streams; please try again", code="TOO_MANY_STREAMS", retry_after=5)


@contextlib.contextmanager
def naming(reply_id: uuid.UUID, question_id: uuid.UUID | None) -> Iterator[None]:
    """Every refusal in this block names what is stored already, in headers and details: nobody need guess."""
    try:
        yield
    except Exception as error:
        refusal = shown_as(error)
        ids = {"replyId": str(reply_id), "userMessageId": str(question_id)}
        refusal.headers |= {"X-Reply-Id": ids["replyId"], "X-User-Message-Id": ids["userMessageId"]}
        refusal.details = (refusal.details or []) + [{"field": name, "error": id} for name, id in ids.items()]
        raise refusal from error


def not_found() -> NotFound:
    return NotFound("Reply not found or access denied", code="REPLY_NOT_FOUND")


class OffsetOutOfRange(ValidationError):
    """`end` is how many bytes are committed."""

    status = 416
    code = "OFFSET_OUT_OF_RANGE"

    def __init__(self, end: int) -> None:
        super().__init__(
            f"The reply has {end} bytes so far", details=[{"field": "offset", "error": f"must be at most {end}"}]
        )
        self.headers = {"Content-Range": f"bytes */{end}"}
