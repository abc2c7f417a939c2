"""The engine room of one process: its journal, lease, generations and followers, and the greenlets that look after
them. It starts with the worker (`start`, called from gunicorn.conf.py) or at the first need, and drains when gunicorn
wants the worker to end.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gevent
import sqlalchemy as sa
from flask import Flask, current_app

from .. import metrics
from ..config import Settings
from ..database import is_outage, reason
from ..extensions import db
from ..logs import News, get_logger
from .journal import leases
from .journal.leases import Lease
from .journal.logs import Log
from .journal.remote_logs import REVISED, RemoteLogs
from .journal.store import Fenced, Store
from .journal.writer import Journal
from .models import INTERRUPTED, STOPPED, STREAMING
from .reading.bodies import StreamingConnectionManager
from .tables import replies
from .writing import recovery
from .writing.claims import Outcome
from .writing.endings import Endings, end_orphan
from .writing.generation import Generation, Task
from .writing.recovery import Orphan
from .writing.takeover import Takeover

log_line = get_logger(__name__)

WATCH_SECONDS = 0.1  # how soon a stop from elsewhere and text from elsewhere are seen
CREDENTIALS_SECONDS = 2.0
LIFE_SECONDS = 5.0  # how often readers learn that a silent provider is alive
CHECKPOINT_SECONDS = 1.0
MAX_TAKEOVERS = 3
TAKEOVER_PATIENCE = 90.0  # for how long a reply that was taken over waits for a provider that is away: nobody else can
HAND_OVER_SECONDS = 2.0  # for the upstream connections to be closed before somebody else opens new ones
DRAIN_SECONDS = 14.0  # gunicorn's graceful_timeout (20) less what handing over takes


class Engine:
    """One per application and process. All times in seconds."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.manager = StreamingConnectionManager(settings.stream_timeout)
        self.generations: dict[uuid.UUID, Generation] = {}
        self.draining = False
        # Set by the package: how to make a Task from an orphan, or None when its provider cannot continue.
        self.prepare: Callable[[Orphan], Task | None] = lambda orphan: None
        # Set by the package: whether this process can write with a model of a provider.
        self.knows: Callable[[str, str], bool] = lambda model, provider: True
        # Set by the package: which of these credentials are still good.
        self.still_valid: Callable[[set[Any]], set[Any]] = lambda credentials: credentials
        # Set by packages above: work to be done every so many seconds while this process serves.
        self.chores: list[tuple[float, Callable[[], None]]] = []
        self._unwritten: set[uuid.UUID] = set()
        self._started = False
        self._lease_refusal = ""  # what the database said when the lease could not be taken or renewed
        self._news = News()
        self._greenlets: list[gevent.Greenlet] = []

    # Life

    def start(self, worker: Any = None) -> None:
        """Registers this process, begins the background work. Idempotent. Watches gunicorn's `worker` for its end."""
        if not self._started:
            self._started = True
            self.store = Store(self.settings)
            self.lease = Lease(self.store, self.settings.lease_seconds)
            self.endings = Endings(self.store, self.lease)
            interval = self.settings.commit_interval_ms / 1000
            self.journal = Journal(self.store, self.lease.worker_id, interval, self._lose_lease)
            with self.app.app_context():
                self.tails = RemoteLogs(db.engine)
            self._takeover = Takeover(self)
            self._registered = False
            self._try("register", self._register)
            self.journal.start()
            loops = [
                (self.lease.renew_every, self._renew),
                (leases.SWEEP_SECONDS, self._sweep),
                (WATCH_SECONDS, self._watch),
                (min(LIFE_SECONDS, self.settings.silence_limit / 3 or LIFE_SECONDS), self._pass_life_on),
                (CREDENTIALS_SECONDS, self._check_credentials),
                (CHECKPOINT_SECONDS, self.store.checkpoint),
                *self.chores,
            ]
            self._greenlets = [gevent.spawn(self._every, seconds, work) for seconds, work in loops]
        if worker is not None:
            self._greenlets.append(gevent.spawn(self._drain_with, worker))

    def stop(self) -> None:
        """Ends all of it at once, as a crash would; for tests."""
        if self._started:
            gevent.killall(self._greenlets)
            for generation in list(self.generations.values()):
                generation.abandon()
            gevent.sleep(0)
            self.journal.kill()
            self.manager.close_all()
            self.store.close()
            self._started = False

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Refuses new sends, lets running replies finish for `seconds`, hands the rest over, breaks the bodies."""
        self.draining = True
        until = time.monotonic() + seconds
        while self.generations and time.monotonic() < until:
            gevent.sleep(0.05)
        log_line.info("draining", handedOver=len(self.generations), readers=self.manager.active_count)
        left = list(self.generations.values())
        for generation in left:
            generation.abandon()
        gevent.wait([generation.ended for generation in left], timeout=HAND_OVER_SECONDS)
        self._registered = False
        self._try("give_up_lease", self.lease.give_up)
        self.manager.close_all("shutdown")

    @property
    def started(self) -> bool:
        return self._started

    @property
    def ready(self) -> bool:
        return self._started and self._registered and not self.draining

    def lease_trouble(self) -> tuple[str, str] | None:
        """Why this worker cannot keep its lease, for anybody and (the driver's words) for operators; None if it can.

        None too before the start: a process that serves takes its lease first.
        """
        if not self._started:
            return None
        if self._lease_refusal:
            return "The database takes no writes", self._lease_refusal
        if not self._registered:
            return "This worker has just lost its lease", ""
        if time.monotonic() - self.lease.renewed_at > self.settings.lease_seconds + leases.RENEW_SECONDS:
            return "The database does not answer in time", ""
        return None

    @property
    def worker_id(self) -> uuid.UUID:
        return self.lease.worker_id

    # Generations

    def generate(self, task: Task, text: bytes, owner: uuid.UUID) -> Generation | None:
        """Starts writing a reply that the worker `owner` owns and whose committed text so far is `text`.

        None, and nothing is started, when this process is not that worker any more: the reply is others' by now, and
        what would be written here under another name would be shown and then lost.
        """
        if not self._registered or owner != self.journal.owner:
            return None
        running = self.generations.get(task.reply_id)
        if running and running.task.attempt >= task.attempt:
            return running  # the sweep was faster. (An earlier one has ended, and is about to hear of it.)
        log = self._log_of(task.reply_id, text)
        self.journal.open(log)
        generation = self.generations[task.reply_id] = Generation(task, log, self.journal, self._claim)
        generation.start()
        return generation

    def _log_of(self, reply_id: uuid.UUID, text: bytes) -> Log:
        """The log that was followed here, or a new one, with exactly this text."""
        log = self.tails.release(reply_id)
        if log is not None and log.data != text[: log.end]:
            log.finish(REVISED)
            log = None
        log = log or Log(reply_id)
        log.grow(text[log.end :])
        return log

    def log(self, reply_id: uuid.UUID) -> Log | None:
        """The reply's log if this process writes or follows it."""
        generation = self.generations.get(reply_id)
        return generation.log if generation else self.tails.get(reply_id)

    def stop_reply(self, reply_id: uuid.UUID) -> None:
        """Stops a generation of this process at once; others see the wish on the row."""
        if generation := self.generations.get(reply_id):
            generation.stop()

    def _claim(self, generation: Generation, outcome: Outcome) -> Outcome | None:
        log, stored = generation.log, self.endings.claim(generation, outcome)
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
            self.tails.keep(generation.log, generation.owner)

    # Losing and taking over

    def _register(self) -> None:
        self.journal.adopt(self.lease.register())
        self._registered = True

    def _lose_lease(self) -> None:
        """Somebody has fenced this process: what it wrote is theirs now. Its readers follow from the database."""
        if not self._registered:
            return
        self._registered = False
        metrics.FENCED.inc()
        log_line.warning("fenced", generations=len(self.generations))
        owner = self.journal.owner
        for generation in list(self.generations.values()):
            generation.abandon()
        self.generations.clear()
        for log in self.journal.abandon():
            self.tails.keep(log, owner)
        if not self.draining:
            self._try("register", self._register)

    def _renew(self) -> None:
        try:
            self._keep_lease()
        except Exception as error:
            self._lease_refusal = reason(error)
            raise
        self._lease_refusal = ""

    def _keep_lease(self) -> None:
        if not self._registered:
            if not self.draining:
                self._register()
            return
        worker_id = self.worker_id
        try:
            self.lease.renew()
        except Fenced:
            if self.worker_id == worker_id:
                self._lose_lease()

    def renew_if_due(self) -> None:
        """Between two pieces of long work. Raises Fenced."""
        if self.lease.is_due:
            self.lease.renew()

    def _sweep(self) -> None:
        if self.draining or not self._registered:
            return
        worker_id = self.worker_id
        try:
            self.lease.renew()  # who judges others has just done what they are judged by
            self._takeover.sweep()
            for reply_id in self._strays():
                if stray := recovery.adopt(self.store, worker_id, reply_id):
                    self.take_over(stray)
        except Fenced:
            if self.worker_id == worker_id:
                self._lose_lease()

    def _strays(self) -> set[uuid.UUID]:
        """Replies that are ours in the database but that nobody writes here, at two looks in a row.

        A commit whose acknowledgement was lost leaves such a row, and so does a takeover that failed half-way.
        """
        mine, unwritten = {"owner": self.worker_id}, set[uuid.UUID]()
        with self.tails.engine.connect() as connection:
            if connection.execute(_SUMMARY, mine).one().running > len(self.generations):
                unwritten = {row.id for row in connection.execute(_RUNNING, mine)} - set(self.generations)
        strays, self._unwritten = unwritten & self._unwritten, unwritten
        return strays

    def take_over(self, orphan: Orphan) -> None:
        """Goes on with a reply, or ends it. If that fails, a later sweep finds it among the strays."""
        self._try("takeover", lambda: self._go_on(orphan))

    def _go_on(self, orphan: Orphan) -> None:
        log_line.warning("takeover", replyId=str(orphan.reply_id), bytes=len(orphan.text))
        with self.app.app_context():
            task = self.prepare(orphan)
        if task is None or orphan.stop_requested or orphan.takeovers > MAX_TAKEOVERS:
            metrics.TAKEOVERS.labels("ended").inc()
            self._end_orphan(orphan)
        else:
            metrics.TAKEOVERS.labels("continued").inc()
            self.generate(replace(task, patience=TAKEOVER_PATIENCE), orphan.text, orphan.owner)

    def _end_orphan(self, orphan: Orphan) -> None:
        outcome = Outcome(status=STOPPED) if orphan.stop_requested else INTERRUPTION
        end_orphan(self.store, orphan, outcome)

    # Watching

    def _watch(self) -> None:
        self.tails.tick()
        if self.generations:
            self._watch_own()

    def _watch_own(self) -> None:
        """Sees stops written by other processes, and replies that were deleted. Mostly there is nothing to see."""
        before, mine = dict(self.generations), {"owner": self.journal.owner}
        with self.tails.engine.connect() as connection:
            summary = connection.execute(_SUMMARY, mine).one()
            if summary.running >= len(before) and not summary.wishes:
                return
            wishes = {row.id: row.stop_requested for row in connection.execute(_RUNNING, mine)}
        for reply_id, generation in before.items():
            if self.generations.get(reply_id) is not generation:  # ended, perhaps begun again, since the question
                continue
            if reply_id not in wishes:
                self._forget(generation)
            elif wishes[reply_id]:
                generation.stop()

    def _forget(self, generation: Generation) -> None:
        """The row is not ours and running any more: deleted, or another's. (Or ended by ourselves a moment ago.)"""
        if not generation.finishing:
            generation.abandon()
            self._give_away(generation)

    def _pass_life_on(self) -> None:
        if self.settings.silence_limit:
            for generation in list(self.generations.values()):
                generation.pass_life_on()

    def _check_credentials(self) -> None:
        open_now = self.manager.connections()
        credentials = {connection.credential for connection in open_now if connection.credential is not None}
        if not credentials:
            return
        with self.app.app_context():
            revoked = credentials - self.still_valid(credentials)
        if revoked:
            for connection in open_now:
                if connection.credential in revoked:
                    connection.close("revoked")

    # Greenlets

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while True:
            self._try(work.__name__, work)
            gevent.sleep(seconds)

    def _try(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            if is_outage(error):
                if self._news.is_new(reason(error)):
                    log_line.warning("storage_unavailable", during=what, cause=reason(error))
            else:
                log_line.exception("background_work_failed", during=what)

    def _drain_with(self, worker: Any) -> None:
        while worker.alive:
            gevent.sleep(0.1)
        self.drain()


INTERRUPTION = Outcome(
    status=INTERRUPTED,
    error_code="WORKER_LOST",
    error_message="The server was interrupted while writing this reply",
)


_MINE = sa.and_(replies.c.owner == sa.bindparam("owner"), replies.c.status == STREAMING)
_RUNNING = sa.select(replies.c.id, replies.c.stop_requested).where(_MINE)
_SUMMARY = sa.select(
    sa.func.count().label("running"),
    sa.func.sum(sa.case((replies.c.stop_requested, 1), else_=0)).label("wishes"),
).where(_MINE)


def engine() -> Engine:
    """The current application's engine room, started if it was not."""
    room: Engine = current_app.extensions["macrochat"]
    room.start()
    return room
