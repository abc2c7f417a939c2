"""This process as a writer of replies: its lease, its journal, and the generations that run under both."""

from __future__ import annotations

import time
import uuid

import gevent

from ... import metrics
from ...config import Settings
from ...database import reason
from ...logs import get_logger
from ..background import Background
from ..journal.leases import RENEW_SECONDS, Lease
from ..journal.logs import Log
from ..journal.remote_logs import REVISED, RemoteLogs
from ..journal.store import Fenced, Store
from ..journal.writer import Journal
from .claims import Outcome
from .endings import Endings
from .generation import Generation
from .step import Held, Task

log_line = get_logger(__name__)

HAND_OVER_SECONDS = 2.0  # for the upstream connections to be closed before somebody else opens new ones


class LocalWorker:
    """`generations` are those that run here, by reply; `registered` says whether the lease is held."""

    def __init__(self, store: Store, remote_logs: RemoteLogs, settings: Settings, background: Background) -> None:
        self.store = store
        self.remote_logs = remote_logs
        self.settings = settings
        self.background = background
        self.lease = Lease(store, settings.lease_seconds)
        self.journal = Journal(store, self.lease.worker_id, settings.commit_interval_ms / 1000, self.lose_lease)
        self.generations: dict[uuid.UUID, Generation] = {}
        self.registered = False
        self.draining = False
        self._endings = Endings(store, self.lease)
        self._refusal = ""  # what the database said when the lease could not be taken or renewed

    @property
    def id(self) -> uuid.UUID:
        return self.lease.worker_id

    def start(self) -> None:
        self.background.attempt("register", self._register)
        self.journal.start()

    def stop(self) -> None:
        """Ends all that runs at once, without a word to anybody."""
        for generation in list(self.generations.values()):
            generation.abandon()
        gevent.sleep(0)
        self.journal.kill()

    def hand_over(self) -> None:
        """Ends what still runs for others to go on with, and gives the lease up."""
        left = list(self.generations.values())
        for generation in left:
            generation.abandon()
        gevent.wait([generation.ended for generation in left], timeout=HAND_OVER_SECONDS)
        self.registered = False
        self.background.attempt("give_up_lease", self.lease.give_up)

    # Generations

    def generate(self, task: Task, held: Held, owner: uuid.UUID) -> Generation | None:
        """Starts writing a reply that the worker `owner` owns and of which `held` is committed so far.

        None, and nothing is started, when this process is not that worker any more: the reply is others' by now, and
        what would be written here under another name would be shown and then lost.
        """
        if not self.registered or owner != self.journal.owner:
            return None
        running = self.generations.get(task.reply_id)
        if running and running.task.attempt >= task.attempt:
            return running  # the sweep was faster. (An earlier one has ended, and is about to hear of it.)
        log = self._log_of(task.reply_id, held)
        self.journal.open(log)
        generation = self.generations[task.reply_id] = Generation(task, log, self.journal, self._claim)
        generation.start()
        return generation

    def forget(self, generation: Generation) -> None:
        """The row is not ours and running any more: deleted, or another's. (Or ended by ourselves a moment ago.)"""
        if not generation.finishing:
            generation.abandon()
            self._give_away(generation)

    def _log_of(self, reply_id: uuid.UUID, held: Held) -> Log:
        """The log that was followed here, or a new one, with exactly what is committed."""
        log = self.remote_logs.release(reply_id)
        if log is not None and not held.begins_with(log):
            log.finish(REVISED)
            log = None
        log = log or Log(reply_id)
        log.grow(held.text[log.end :], held.trace[len(log.trace) :])
        return log

    def _claim(self, generation: Generation, outcome: Outcome) -> Outcome | None:
        log, stored = generation.log, self._endings.claim(generation, outcome)
        if stored is None:
            self._give_away(generation)
            return None
        if self.generations.get(log.reply_id) is generation:
            del self.generations[log.reply_id]
        self.journal.close(log, stored.status)
        return stored

    def _give_away(self, generation: Generation) -> None:
        """The reply is not ours any more: its readers learn from the database what becomes of it."""
        if self.generations.get(generation.log.reply_id) is generation:
            del self.generations[generation.log.reply_id]
            self.journal.logs.pop(generation.log.key, None)
            self.remote_logs.keep(generation.log, generation.owner)

    # The lease

    def renew(self) -> None:
        """Renews the lease, or takes a new one after a fence."""
        try:
            self._keep_lease()
        except Exception as error:
            self._refusal = reason(error)
            raise
        self._refusal = ""

    def renew_if_due(self) -> None:
        """Between two pieces of long work. Raises Fenced."""
        if self.lease.is_due:
            self.lease.renew()

    def lose_lease(self) -> None:
        """Somebody has fenced this process: what it wrote is theirs now. Its readers follow from the database."""
        if not self.registered:
            return
        self.registered = False
        metrics.FENCED.inc()
        log_line.warning("fenced", generations=len(self.generations))
        owner = self.journal.owner
        for generation in list(self.generations.values()):
            generation.abandon()
        self.generations.clear()
        for log in self.journal.abandon():
            self.remote_logs.keep(log, owner)
        if not self.draining:
            self.background.attempt("register", self._register)

    def lease_trouble(self) -> tuple[str, str] | None:
        """Why the lease cannot be kept, for anybody and (the driver's words) for operators; None if it can."""
        if self._refusal:
            return "The database takes no writes", self._refusal
        if not self.registered:
            return "This worker has just lost its lease", ""
        if time.monotonic() - self.lease.renewed_at > self.settings.lease_seconds + RENEW_SECONDS:
            return "The database does not answer in time", ""
        return None

    def _register(self) -> None:
        self.journal.beside_older = self.lease.sees_older()
        self.journal.adopt(self.lease.register())
        self.registered = True

    def _keep_lease(self) -> None:
        if not self.registered:
            if not self.draining:
                self._register()
            return
        worker_id = self.id
        try:
            self.lease.renew()
        except Fenced:
            if self.id == worker_id:
                self.lose_lease()
