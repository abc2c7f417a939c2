"""Going on with what lost workers left: found by a sweep once a second, claimed and begun in slices.

A crash of everything leaves a thousand replies to the first worker that is back. Between two slices its lease is
renewed and everybody else is served: or it would lose them to the next worker, and that one in turn.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pool import Pool

from ...logs import get_logger
from ..journal.leases import Lost, Watch
from . import recovery
from .recovery import Orphan

if TYPE_CHECKING:
    from ..engine import Engine

log_line = get_logger(__name__)

SLICE = 16  # replies claimed in one transaction
AT_ONCE = 3  # of them begun at a time: each waits for answers of the database, on the requests' connections
SLICE_PAUSE = 0.01  # seconds for everybody else
LEAVE_SECONDS = 60.0  # how long a reply whose model is not known here is left to other workers


class Takeover:
    """The sweeps of one process. `room` is its engine room."""

    def __init__(self, room: Engine) -> None:
        self._room = room
        self._watch = Watch(room.settings.lease_seconds)
        self._left: dict[uuid.UUID, float] = {}  # replies out of reach, since when (time.monotonic())

    def sweep(self) -> None:
        """Takes over the replies of every worker that is lost. The caller has just renewed its lease. Raises Fenced."""
        room = self._room
        mine = room.worker_id
        with room.tails.engine.connect() as connection:
            lost = self._watch.look(connection, mine)
        for worker in lost:
            self._relieve(mine, worker)
        for orphans in self._claimed(mine):
            Pool(AT_ONCE).map(room.take_over, orphans)

    def _relieve(self, mine: uuid.UUID, lost: Lost) -> None:
        if recovery.fence(self._room.store, mine, lost):
            while recovery.fold_lost(self._room.store, mine, lost):
                self._let_others_go_on()

    def _claimed(self, mine: uuid.UUID) -> Iterator[list[Orphan]]:
        with self._room.tails.engine.connect() as connection:
            found = recovery.ownerless(connection)
        ids = self._within_reach(found)
        for start in range(0, len(ids), SLICE):
            if self._room.draining:
                return
            yield recovery.claim(self._room.store, mine, ids[start : start + SLICE])
            self._let_others_go_on()

    def _within_reach(self, found: Sequence[Any]) -> list[uuid.UUID]:
        """The replies that this process can go on with, and those that nobody else has taken for LEAVE_SECONDS."""
        with self._room.app.app_context():
            known = {model: self._room.knows(*model) for model in {(row.model, row.provider) for row in found}}
        now = time.monotonic()
        foreign = [row.id for row in found if not known[row.model, row.provider]]
        if new := [reply_id for reply_id in foreign if reply_id not in self._left]:
            log_line.warning("left_to_others", replies=len(new), seconds=LEAVE_SECONDS)
        self._left = {reply_id: self._left.get(reply_id, now) for reply_id in foreign}
        wait = {reply_id for reply_id, since in self._left.items() if now - since < LEAVE_SECONDS}
        return [row.id for row in found if row.id not in wait]

    def _let_others_go_on(self) -> None:
        gevent.sleep(SLICE_PAUSE)
        self._room.renew_if_due()
