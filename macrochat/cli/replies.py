"""flask replies: answers and how they end. What runs is steered by what stands in its row; its worker sees that."""

from __future__ import annotations

import re
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import click
import gevent
import sqlalchemy as sa
from flask import current_app

from ..accounts.models import User
from ..chats.models import Chat
from ..database import clock
from ..extensions import db
from ..logs import get_logger
from ..replies.journal import committed
from ..replies.journal.leases import Lease, Lost, Watch
from ..replies.journal.store import Store
from ..replies.models import STREAMING, Reply, Worker
from ..replies.writing import recovery, stopping
from ..replies.writing.takeover import SLICE, end, relieve
from . import shown
from .printing import say
from .shown import Room, as_json, find_user, require_id

audit = get_logger("audit")
group = Room("replies", help="Answers: list, show, stop, sweep, replay.")
STOP_SECONDS = 8.0  # a worker sees the wish within 0.3 s; a lost one is noticed within 8 s
LOOK_SECONDS = 0.5  # between two looks at workers that give no sign
WORDS = re.compile(rb"\S+\s*|\s+")


@group.command("list")
@click.option("--user", help="Only theirs.")
@click.option("--status", type=click.Choice(["streaming", "complete", "stopped", "failed", "interrupted"]))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@as_json
def list_replies(user: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """List replies, newest first."""
    query = sa.select(Reply, User.email).join(Chat, Chat.id == Reply.chat_id).join(User, User.id == Chat.user_id)
    query = query.where(User.deleted_at.is_(None))
    owner = find_user(user).id if user is not None else None
    if owner is not None:
        query = query.where(Reply.user_id == owner)
    if status is not None:
        query = query.where(Reply.status == status)
    rows = [_row(*found) for found in db.session.execute(query.order_by(Reply.id.desc()).limit(limit))]
    audit.info("replies listed", count=len(rows), **shown.whose(owner))
    columns = ("id", "user", "status", "model", "bytes", "started", "finished", "error")
    shown.show(rows, columns, as_json=as_json)


@group.command("show")
@click.argument("reply_id")
@as_json
def show(reply_id: str, as_json: bool) -> None:
    """Show one reply: figures, not its text (`replies replay` prints that)."""
    text = _read(reply_id)
    _note("reply shown", text.reply)
    reply, row = (
        text.reply,
        _row(text.reply, db.session.scalar(sa.select(User.email).where(User.id == text.reply.user_id))),
    )
    more = {
        "bytes": len(text.data),
        "chat": reply.chat_id,
        "provider": reply.provider,
        "finish_reason": reply.finish_reason,
        "error_message": reply.error_message,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "first_byte": reply.first_byte_at,
        "attempts": reply.attempts,
        "stop_requested": reply.stop_requested,
    }
    shown.show_one(row | more, as_json=as_json)


@group.command("stop")
@click.argument("reply_id")
def stop(reply_id: str) -> None:
    """Ask the worker that writes a reply to end it, and wait for that. Never changes a reply that has ended."""
    reply = _read(reply_id).reply
    found = reply.id
    stopping.wish(found)
    _note("reply stopped", reply)
    until = time.monotonic() + STOP_SECONDS
    while (status := _status(found)) == STREAMING and time.monotonic() < until:
        gevent.sleep(0.1)
    if status == STREAMING:
        raise click.ClickException(
            "No worker has answered; the wish stands. Is the server running? `flask replies sweep`"
        )
    say(status or "deleted")


@group.command("sweep")
@as_json
def sweep(as_json: bool) -> None:
    """End replies that nobody writes, when no server runs that would go on with them."""
    _refuse_beside_living_workers()
    store = Store(current_app.config["SETTINGS"])
    try:
        lease = Lease(store, 60)
        owner = lease.register()
        try:
            ended = [_end(store, orphan) for orphan in _left(store, owner)]
        finally:
            lease.give_up()
        audit.info("replies swept", count=len(ended), **shown.whose(None))
    finally:
        store.close()
    shown.show(ended, ("id", "status", "bytes"), as_json=as_json)


@group.command("replay")
@click.argument("reply_id")
@click.option("--speed", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="2 is twice as fast.")
@click.option("--no-wait", is_flag=True, help="All at once.")
def replay(reply_id: str, speed: float, no_wait: bool) -> None:
    """Print a finished reply as it came: the wait before its first word, then word by word to its last.

    Stored are the times of the send, the first byte and the end; between the last two the words are spread evenly. What
    would steer a terminal is shown as text.
    """
    text = _read(reply_id)
    if not text.final:
        raise click.ClickException("This reply is still being written")
    _note("reply replayed", text.reply)
    words = WORDS.findall(text.data)
    waited, lasted = _pace(text.reply)
    began = time.monotonic()
    for number, word in enumerate(words):
        due = (waited + lasted * number / max(1, len(words) - 1)) / speed
        if not no_wait and (pause := due - (time.monotonic() - began)) > 0:
            gevent.sleep(pause)
        say(word.decode(errors="replace"), nl=False)
        sys.stdout.flush()


def _pace(reply: Any) -> tuple[float, float]:
    """Seconds before the first byte, and from there to the end."""
    first = reply.first_byte_at or reply.started_at
    end = reply.finished_at or first
    return (first - reply.started_at).total_seconds(), max(0.0, (end - first).total_seconds())


def _left(store: Store, owner: uuid.UUID) -> Iterator[recovery.Orphan]:
    """All replies of all other workers: none of them lives."""
    for lost in _lost_workers(owner):
        for _slice in relieve(store, owner, lost):
            pass
    while True:
        db.session.rollback()
        ids = [row.id for row in recovery.ownerless(db.session.connection())]
        orphans = recovery.claim(store, owner, ids[:SLICE])
        if not orphans:
            return
        yield from orphans


def _lost_workers(owner: uuid.UUID) -> list[Lost]:
    """All others. A lease that is over is looked at for a while: its worker may be busy, or the clock have jumped."""
    watch = Watch(current_app.config["SETTINGS"].lease_seconds)
    while True:
        lost = watch.look(db.session.connection(), owner)
        others = db.session.scalar(sa.select(sa.func.count()).where(Worker.id != owner))
        if len(lost) == others:
            return lost
        gevent.sleep(LOOK_SECONDS)
        db.session.rollback()
        _refuse_beside_living_workers(owner)


def _end(store: Store, orphan: recovery.Orphan) -> dict[str, Any]:
    return {"id": orphan.reply_id, "status": end(store, orphan).status, "bytes": len(orphan.text)}


def _read(reply_id: str) -> committed.Text:
    text = committed.read(db.session.connection(), require_id(reply_id, "reply"))
    if text is None:
        raise click.ClickException(f"There is no reply {reply_id!r}")
    return text


def _note(event: str, reply: Any) -> None:
    audit.info(event, reply_id=str(reply.id), **shown.whose(reply.user_id))


def _status(reply_id: uuid.UUID) -> str | None:
    db.session.rollback()
    return db.session.scalar(sa.select(Reply.status).where(Reply.id == reply_id))


def _refuse_beside_living_workers(owner: uuid.UUID | None = None) -> None:
    alive = sa.and_(Worker.lease_until > clock(db.engine.dialect.name), Worker.fenced.is_(False))
    living = db.session.scalar(sa.select(sa.func.count()).where(alive, Worker.id.is_distinct_from(owner)))
    if living:
        raise click.ClickException(f"{living} workers are alive: they take over what others left, within seconds")


def _row(reply: Any, email: str | None) -> dict[str, Any]:
    return {
        "id": reply.id,
        "user": email,
        "status": reply.status,
        "model": reply.model,
        "bytes": reply.bytes,
        "started": reply.started_at,
        "finished": reply.finished_at,
        "error": reply.error_code,
    }
