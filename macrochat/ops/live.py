"""What is being written at this moment, by any worker on any machine."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from ..accounts.models import User
from ..database import iso, now
from ..extensions import db
from ..logs import get_logger
from ..replies import service
from ..replies.models import STREAMING, Reply, ReplyChunk
from ..replies.process import Process
from ..replies.rules import not_found
from .sampling import readers

audit = get_logger("audit")
MOST_SHOWN = 200


def streams(process: Process) -> dict[str, Any]:
    """Replies being written, oldest first: who asked, which model, bytes, readers. Never a word of what they say."""
    running = sa.select(Reply, User.email).join(User, User.id == Reply.user_id).where(Reply.status == STREAMING)
    rows = db.session.execute(running.order_by(Reply.id).limit(MOST_SHOWN)).all()
    total = len(rows) if len(rows) < MOST_SHOWN else _count()
    sizes, reading = _sizes(process, [reply.id for reply, _email in rows]), readers(process)
    shown = [
        {
            "id": str(reply.id),
            "email": email,
            "model": reply.model,
            "provider": reply.provider,
            "startedAt": iso(reply.started_at),
            "seconds": round((now() - reply.started_at).total_seconds()),
            "bytes": max(reply.bytes, sizes.get(reply.id, 0)),
            "readers": reading.get(str(reply.id), 0),
            "attempts": reply.attempts,
            "stopping": reply.stop_requested,
        }
        for reply, email in rows
    ]
    return {"total": total, "streams": shown}


def stop(reply_id: uuid.UUID, by: uuid.UUID) -> dict[str, Any]:
    """Stops anybody's reply, and notes which administrator it was. The status object; raises NotFound."""
    owner = db.session.scalar(sa.select(Reply.user_id).where(Reply.id == reply_id))
    if owner is None:
        raise not_found()
    audit.info("reply stopped", actor="administrator", operator=str(by), reply_id=str(reply_id), user_id=str(owner))
    return service.stop(owner, reply_id)


def _count() -> int:
    return db.session.scalar(sa.select(sa.func.count()).where(Reply.status == STREAMING)) or 0


def _sizes(process: Process, ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Committed bytes: exact for replies that this worker writes or follows, up to two seconds old for others."""
    ends = sa.func.max(ReplyChunk.offset + sa.func.length(ReplyChunk.bytes))
    query = sa.select(ReplyChunk.reply_id, ends).where(ReplyChunk.reply_id.in_(ids)).group_by(ReplyChunk.reply_id)
    found = {reply_id: int(end) for reply_id, end in db.session.execute(query)} if ids else {}
    logs = {reply_id: log.end for reply_id in ids if (log := process.log(reply_id))} if process.ready else {}
    return found | logs
