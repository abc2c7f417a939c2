"""flask stats: how much there is, and how it goes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from ..accounts.models import User
from ..chats.models import Chat, Message
from ..database import clock, now
from ..extensions import db
from ..ops.health import check_database, check_schema
from ..replies.models import Reply, Worker
from . import shown


@shown.standalone("stats")
@shown.as_json
def stats(as_json: bool) -> None:
    """Count users, chats, messages, replies, tokens and workers."""
    check_database()
    check_schema()
    shown.show_one(_stats(), as_json=as_json)


def _stats() -> dict[str, Any]:
    dialect = db.engine.dialect.name
    day = Reply.started_at > now() - dt.timedelta(days=1)
    by_status = db.session.execute(sa.select(Reply.status, sa.func.count()).group_by(Reply.status))
    return {
        "users": _count(User.id, User.deleted_at.is_(None)),
        "administrators": _count(User.id, User.is_admin),
        "chats": _count(Chat.id, Chat.user_id.is_not(None)),
        "messages": _count(Message.id),
        **{f"replies_{status}": count for status, count in sorted(map(tuple, by_status))},
        "replies_last_day": _count(Reply.id, day),
        "failed_last_day": _count(Reply.id, day, Reply.status == "failed"),
        "prompt_tokens": db.session.scalar(sa.select(sa.func.coalesce(sa.func.sum(Reply.prompt_tokens), 0))),
        "completion_tokens": db.session.scalar(sa.select(sa.func.coalesce(sa.func.sum(Reply.completion_tokens), 0))),
        "workers": _count(Worker.id, Worker.lease_until > clock(dialect)),
        "database_bytes": _size(dialect),
    }


def _count(column: Any, *which: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count(column)).where(*which)) or 0


def _size(dialect: str) -> int:
    if dialect == "sqlite":
        pages = db.session.scalar(sa.text("PRAGMA page_count")) or 0
        return int(pages) * int(db.session.scalar(sa.text("PRAGMA page_size")) or 0)
    return int(db.session.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
