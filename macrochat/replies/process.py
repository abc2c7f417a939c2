"""What one process has of replies: a worker that writes them, logs of those written elsewhere, and the open bodies.

It starts with gunicorn's worker (`start`, called from gunicorn.conf.py) or at the first need, and drains when gunicorn
wants the worker to end.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import gevent
from flask import Flask

from ..catalogue.registry import Registry
from ..config import Settings
from ..extensions import OnePerApp, db
from ..logs import get_logger
from . import deletion
from .background import Background
from .journal import leases
from .journal.logs import Log
from .journal.remote_logs import RemoteLogs
from .journal.store import Store
from .reading.bodies import StreamingConnectionManager
from .reading.revocation import close_revoked
from .writing import stopping
from .writing.takeover import Takeover
from .writing.worker import LocalWorker

log_line = get_logger(__name__)

WATCH_SECONDS = 0.1  # how soon a stop from elsewhere and text from elsewhere are seen
CREDENTIALS_SECONDS = 2.0
LIFE_SECONDS = 5.0  # how often readers learn that a silent provider is alive
CHECKPOINT_SECONDS = 1.0
DRAIN_SECONDS = 14.0  # gunicorn's graceful_timeout (20) less what handing over takes


class Process:
    """One per application and process. All times in seconds. Before `start` it has no store and no worker."""

    store: Store
    worker: LocalWorker
    remote_logs: RemoteLogs

    def __init__(self, app: Flask, settings: Settings, registry: Registry) -> None:
        self.app = app
        self.settings = settings
        self.registry = registry
        self.manager = StreamingConnectionManager(settings.stream_timeout)
        self.draining = False
        self.started = False
        # Set by packages above: work to be done every so many seconds while this process serves.
        self.chores: list[tuple[float, Callable[[], None]]] = []
        self.background = Background()

    def start(self, gunicorn_worker: Any = None) -> None:
        """Registers this process, begins the background work. Idempotent. Watches gunicorn's worker for its end."""
        if not self.started:
            self.started = True
            self.store = Store(self.settings)
            with self.app.app_context():
                self.remote_logs = RemoteLogs(db.engine)
            self.worker = LocalWorker(self.store, self.remote_logs, self.settings, self.background)
            self.takeover = Takeover(self.worker, self.app, self.registry)
            self.worker.start()
            for seconds, work in self._work():
                self.background.every(seconds, work)
        if gunicorn_worker is not None:
            self.background.spawn(lambda: self._drain_with(gunicorn_worker))

    def stop(self) -> None:
        """Ends all of it at once, as a crash would; for tests."""
        if self.started:
            self.background.kill()
            self.worker.stop()
            self.manager.close_all()
            self.store.close()
            self.started = False

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Refuses new sends, lets running replies finish for `seconds`, hands the rest over, breaks the bodies."""
        self.draining = self.worker.draining = True
        until = time.monotonic() + seconds
        while self.worker.generations and time.monotonic() < until:
            gevent.sleep(0.05)
        log_line.info("draining", handedOver=len(self.worker.generations), readers=self.manager.active_count)
        self.worker.hand_over()
        self.manager.close_all("shutdown")

    @property
    def ready(self) -> bool:
        return self.started and self.worker.registered and not self.draining

    def log(self, reply_id: uuid.UUID) -> Log | None:
        """The reply's log if this process writes or follows it."""
        generation = self.worker.generations.get(reply_id)
        return generation.log if generation else self.remote_logs.get(reply_id)

    def lease_trouble(self) -> tuple[str, str] | None:
        """Why this worker cannot keep its lease, for anybody and (the driver's words) for operators; None if it can.

        None too before the start: a process that serves takes its lease first.
        """
        return self.worker.lease_trouble() if self.started else None

    def begin_removal(self) -> None:
        """Takes a small deletion away at once; a larger one is gone on with every second, by any process."""
        store = self.store if self.started else Store(self.settings)
        try:
            deletion.begin(store)
        finally:
            if not self.started:
                store.close()

    def remove_deleted(self) -> None:
        """Goes on with what is deleted until there is no more of it."""
        deletion.remove_deleted(self.store, lambda: self.draining)

    def _work(self) -> list[tuple[float, Callable[[], None]]]:
        return [
            (self.worker.lease.renew_every, self.worker.renew),
            (leases.SWEEP_SECONDS, self.takeover.sweep),
            (WATCH_SECONDS, self._watch),
            (min(LIFE_SECONDS, self.settings.silence_limit / 3 or LIFE_SECONDS), self._pass_life_on),
            (CREDENTIALS_SECONDS, self._check_credentials),
            (CHECKPOINT_SECONDS, self.store.checkpoint),
            (deletion.LOOK_SECONDS, self.remove_deleted),
            *self.chores,
        ]

    def _watch(self) -> None:
        self.remote_logs.tick()
        if self.worker.generations:
            stopping.see_wishes(self.worker, self.remote_logs.engine)

    def _pass_life_on(self) -> None:
        if self.settings.silence_limit:
            for generation in list(self.worker.generations.values()):
                generation.pass_life_on()

    def _check_credentials(self) -> None:
        with self.app.app_context():
            close_revoked(self.manager)

    def _drain_with(self, gunicorn_worker: Any) -> None:
        while gunicorn_worker.alive:
            gevent.sleep(0.1)
        self.drain()


processes: OnePerApp[Process] = OnePerApp("macrochat")


def this_process() -> Process:
    """The current application's, started if it was not."""
    process = processes.current
    process.start()
    return process
