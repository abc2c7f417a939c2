"""Two workers on one database in this process (fixtures `first` and `second`), and what may become of the first."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from macrochat.extensions import db
from macrochat.providers.scripted import expected_text
from macrochat.replies.journal.leases import Lease, Lost
from macrochat.replies.models import Reply, Worker
from macrochat.replies.writing import recovery
from tests.replies.asking import new_chat, question, status_of
from tests.replies.hearing import post
from tests.support.processes import wait_until

MODEL = "scripted-words:200:10"  # 2 s
HELD = "scripted-hold:20:200"  # the same text, of which most waits to be released
TEXT = expected_text(MODEL, []).encode()
NOTICED = 8  # seconds in which a crash must be noticed


def begin(person: Any, text: str = "hello", model: str = HELD, size: int = 40) -> tuple[str, str]:
    """The chat and the id of a reply of which `size` bytes are there."""
    chat = new_chat(person)
    reply_id = post(person, chat, question(text, model=model)).headers["X-Reply-Id"]
    wait_until(lambda: status_of(person, reply_id)["bytes"] >= size)
    return chat, reply_id


def crash(app: Any, *, lease_runs: bool = False) -> None:
    """With `lease_runs` the others have to wait until it is over; else it is, which makes a test a second shorter."""
    room = app.extensions["macrochat"]
    facts = {"machine": "elsewhere"}  # or the others would see that its process runs
    if not lease_runs:
        facts["fenced"] = True
    over = sa.update(Worker).where(Worker.id == room.worker.id).values(facts)
    room.stop()
    room.start = lambda worker=None: None  # requests that still wait in it must not bring it back to life
    with app.app_context():
        db.session.execute(over)
        db.session.commit()


def fence(app: Any, by: Any = None) -> None:
    """The worker slept through its lease, and another has taken everything over; without `by`, one that died at once."""
    room, taker = app.extensions["macrochat"], by and by.extensions["macrochat"]
    lease = taker.worker.lease if taker else Lease(room.store, 60)
    mine = taker.worker.id if taker else lease.register()
    lost = Lost(room.worker.id, 1.0)
    asleep = sa.update(Worker).where(Worker.id == lost.worker_id).values(lease_until=lost.lease_until)

    def fence_asleep() -> bool:
        """Not while it is committing, or when it has renewed its lease in between."""
        room.store.transact(lambda connection: connection.execute(asleep))
        return recovery.fence(room.store, mine, lost)

    wait_until(fence_asleep, what="the worker is fenced")
    while recovery.fold_lost(room.store, mine, lost):
        pass
    with room.store.engine.connect() as connection:
        ids = [row.id for row in recovery.ownerless(connection)]
    for orphan in recovery.claim(room.store, mine, ids):
        if taker:
            taker.takeover.take_over(orphan)
    if not taker:
        lease.give_up()


def set_reply(app: Any, reply_id: str, **values: object) -> None:
    with app.app_context():
        db.session.execute(sa.update(Reply).where(Reply.id == uuid.UUID(reply_id)).values(**values))
        db.session.commit()
