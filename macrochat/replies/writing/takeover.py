"""Going on with what lost workers left: found by a sweep once a second, claimed and begun in slices.

A crash of everything leaves a thousand replies to the first worker that is back. Between two slices its lease is
renewed and everybody else is served: or it would lose them to the next worker, and that one in turn.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gevent
import sqlalchemy as sa
from flask import Flask
from gevent.pool import Pool

from ... import metrics
from ...catalogue.registry import Registry
from ...logs import get_logger
from ..journal.leases import Lost, Watch
from ..journal.store import Fenced, Store
from ..models import INTERRUPTED, STOPPED, STREAMING
from ..tables import replies
from . import claims, recovery
from .claims import Outcome
from .prompts import knows, task_for_orphan
from .recovery import Orphan
from .step import Held
from .worker import LocalWorker

log_line = get_logger(__name__)

SLICE = 16  # replies claimed in one transaction
AT_ONCE = 3  # of them begun at a time: each waits for answers of the database, on the requests' connections
SLICE_PAUSE = 0.01  # seconds for everybody else
LEAVE_SECONDS = 60.0  # how long a reply whose model is not known here is left to other workers
MAX_TAKEOVERS = 3
PATIENCE_SECONDS = 90.0  # for how long a reply that was taken over waits for a provider that is away: nobody else can

INTERRUPTION = Outcome(
    status=INTERRUPTED,
    error_code="WORKER_LOST",
    error_message="The server was interrupted while writing this reply",
)


class Takeover:
    """The sweeps of one worker."""

    def __init__(self, worker: LocalWorker, app: Flask, registry: Registry) -> None:
        self._worker = worker
        self._app = app
        self._registry = registry
        self._watch = Watch(worker.settings.lease_seconds)
        self._left: dict[uuid.UUID, float] = {}  # replies out of reach, since when (time.monotonic())
        self._unwritten: set[uuid.UUID] = set()

    def sweep(self) -> None:
        """Takes over the replies of every worker that is lost, and those of its own that it does not write."""
        worker = self._worker
        if worker.draining or not worker.registered:
            return
        worker_id = worker.id
        try:
            worker.lease.renew()  # who judges others has just done what they are judged by
            self._relieve_others(worker_id)
            for reply_id in self._strays():
                if stray := recovery.adopt(worker.store, worker_id, reply_id):
                    self.take_over(stray)
        except Fenced:
            if worker.id == worker_id:
                worker.lose_lease()

    def take_over(self, orphan: Orphan) -> None:
        """Goes on with a reply, or ends it. If that fails, a later sweep finds it among the strays."""
        self._worker.background.attempt("takeover", lambda: self._go_on(orphan))

    def _relieve_others(self, mine: uuid.UUID) -> None:
        with self._worker.remote_logs.engine.connect() as connection:
            lost = self._watch.look(connection, mine)
        self._worker.journal.beside_older = self._watch.sees_older
        for other in lost:
            for _slice in relieve(self._worker.store, mine, other):
                self._let_others_go_on()
        for orphans in self._claimed(mine):
            Pool(AT_ONCE).map(self.take_over, orphans)

    def _claimed(self, mine: uuid.UUID) -> Iterator[list[Orphan]]:
        with self._worker.remote_logs.engine.connect() as connection:
            found = recovery.ownerless(connection)
        ids = self._within_reach(found)
        for start in range(0, len(ids), SLICE):
            if self._worker.draining:
                return
            yield recovery.claim(self._worker.store, mine, ids[start : start + SLICE])
            self._let_others_go_on()

    def _within_reach(self, found: Sequence[Any]) -> list[uuid.UUID]:
        """The replies that this process can go on with, and those that nobody else has taken for LEAVE_SECONDS."""
        models = {(row.model, row.provider) for row in found}
        known = {model: knows(self._registry, *model) for model in models}
        now = time.monotonic()
        foreign = [row.id for row in found if not known[row.model, row.provider]]
        if new := [reply_id for reply_id in foreign if reply_id not in self._left]:
            log_line.warning("left_to_others", replies=len(new), seconds=LEAVE_SECONDS)
        self._left = {reply_id: self._left.get(reply_id, now) for reply_id in foreign}
        wait = {reply_id for reply_id, since in self._left.items() if now - since < LEAVE_SECONDS}
        return [row.id for row in found if row.id not in wait]

    def _let_others_go_on(self) -> None:
        gevent.sleep(SLICE_PAUSE)
        self._worker.renew_if_due()

    def _strays(self) -> set[uuid.UUID]:
        """Replies that are ours in the database but that nobody writes here, at two looks in a row.

        A commit whose acknowledgement was lost leaves such a row, and so does a takeover that failed half-way.
        """
        worker, unwritten = self._worker, set[uuid.UUID]()
        with worker.remote_logs.engine.connect() as connection:
            if connection.execute(_COUNT, {"owner": worker.id}).scalar_one() > len(worker.generations):
                unwritten = set(connection.execute(_IDS, {"owner": worker.id}).scalars()) - set(worker.generations)
        strays, self._unwritten = unwritten & self._unwritten, unwritten
        return strays

    def _go_on(self, orphan: Orphan) -> None:
        log_line.warning("takeover", replyId=str(orphan.reply_id), bytes=len(orphan.text), traceBytes=len(orphan.trace))
        with self._app.app_context():
            task = task_for_orphan(self._worker.settings, self._registry, orphan)
        if task is None or orphan.stop_requested or orphan.takeovers > MAX_TAKEOVERS:
            metrics.TAKEOVERS.labels("ended").inc()
            end(self._worker.store, orphan)
        else:
            metrics.TAKEOVERS.labels("continued").inc()
            held = Held(orphan.text, orphan.trace)
            self._worker.generate(replace(task, patience=PATIENCE_SECONDS), held, orphan.owner)


_MINE = sa.and_(replies.c.owner == sa.bindparam("owner"), replies.c.status == STREAMING)
_IDS = sa.select(replies.c.id).where(_MINE)
_COUNT = sa.select(sa.func.count()).select_from(replies).where(_MINE)


def relieve(store: Store, mine: uuid.UUID, lost: Lost) -> Iterator[None]:
    """Fences a lost worker and folds what it committed, a slice each time the caller goes on. Raises Fenced."""
    if recovery.fence(store, mine, lost):
        while recovery.fold_lost(store, mine, lost):
            yield


def end(store: Store, orphan: Orphan) -> Outcome:
    """Makes a reply final that was taken over and cannot go on, with what it has."""
    outcome = Outcome(status=STOPPED) if orphan.stop_requested else INTERRUPTION
    base, owner = claims.Base(len(orphan.text), len(orphan.trace)), orphan.owner
    store.transact(
        lambda connection: claims.finish(connection, owner, orphan.reply_id, base, claims.NO_TAIL, outcome, None),
        durable=True,
    )
    return outcome
