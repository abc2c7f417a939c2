"""Stopping a reply, or hurrying it: the wish stands in its row, and whoever writes the reply sees it there.

A generation of this process is told at once; those of other processes look ten times a second (`see_wishes`).
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from ...database import write
from ..models import STREAMING
from ..tables import replies
from .worker import LocalWorker


def wish(reply_id: uuid.UUID) -> None:
    """Asks for the end of a reply, in a transaction of its own. Changes nothing about one that has ended."""
    with write() as session:
        session.execute(_WISH, {"reply": reply_id})


def stop_here(worker: LocalWorker, reply_id: uuid.UUID) -> None:
    """Ends a generation of this process at once; others see the wish."""
    if generation := worker.generations.get(reply_id):
        generation.stop()


def hurry_here(worker: LocalWorker, reply_id: uuid.UUID) -> None:
    """Hurries a generation of this process at once."""
    if generation := worker.generations.get(reply_id):
        generation.hurry()


def see_wishes(worker: LocalWorker, engine: sa.Engine) -> None:
    """Sees stops written by other processes, and replies that were deleted. Mostly there is nothing to see."""
    before = dict(worker.generations)
    found = wishes(engine, worker.journal.owner, len(before))
    if found is None:
        return
    for reply_id, generation in before.items():
        if worker.generations.get(reply_id) is not generation:  # ended, perhaps begun again, since the question
            continue
        if reply_id not in found:
            worker.forget(generation)
        elif found[reply_id].stop_requested:
            generation.stop()
        elif found[reply_id].hurried:
            generation.hurry()


def hurry(reply_id: uuid.UUID) -> None:
    """Asks for the answer without more thoughts, as `wish` asks for the end."""
    with write() as session:
        session.execute(_HURRY, {"reply": reply_id})


def wishes(engine: sa.Engine, owner: uuid.UUID, expected: int) -> dict[uuid.UUID, Any] | None:
    """Of each running reply of a worker what is wished: rows with `stop_requested` and `hurried`.

    None if `expected` run and nothing is wished.
    """
    mine = {"owner": owner}
    with engine.connect() as connection:
        summary = connection.execute(_SUMMARY, mine).one()
        if summary.running >= expected and not summary.wishes:
            return None
        return {row.id: row for row in connection.execute(_RUNNING, mine)}


_WISH = (
    sa.update(replies)
    .where(replies.c.id == sa.bindparam("reply"), replies.c.status == STREAMING)
    .values(stop_requested=True)
)
_HURRY = (
    sa.update(replies).where(replies.c.id == sa.bindparam("reply"), replies.c.status == STREAMING).values(hurried=True)
)
_MINE = sa.and_(replies.c.owner == sa.bindparam("owner"), replies.c.status == STREAMING)
_RUNNING = sa.select(replies.c.id, replies.c.stop_requested, replies.c.hurried).where(_MINE)
_SUMMARY = sa.select(
    sa.func.count().label("running"),
    sa.func.sum(sa.case((sa.or_(replies.c.stop_requested, replies.c.hurried), 1), else_=0)).label("wishes"),
).where(_MINE)
