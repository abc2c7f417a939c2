"""The faults, each a generator: up to its `yield` it strikes while the worker is held at the moment; then the worker

goes on, and what follows the `yield` happens to it, up to the healing.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gevent
import psycopg2

from tests.chaos import http1
from tests.chaos.world import PROVIDER_SECONDS, Kind
from tests.support.servers import PASSWORD

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

Strike = Callable[["Stage"], Iterator[None]]
COMPLETE = frozenset({"complete"})
STOPPED = frozenset({"stopped"})
FAILED = frozenset({"complete", "failed"})


@dataclass(frozen=True)
class Fault:
    """`outcomes` are how the reply aimed at may end, `others` the replies beside it.

    `moments` is () for all. `overlaps`: two generations of a reply may be open at the provider for a while, since the
    older one's process cannot know. `vanishes`: the sending client is gone at the moment.
    """

    name: str
    strike: Strike = field(repr=False)
    outcomes: frozenset[str] = COMPLETE
    others: frozenset[str] = COMPLETE
    moments: tuple[str, ...] = ()
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    workers: int = 1
    overlaps: bool = False
    vanishes: bool = False

    def suits(self, kind: Kind) -> bool:
        return kind.database in self.databases and kind.processes >= self.workers


FAULTS: dict[str, Fault] = {}


def fault(name: str, **facts: object) -> Callable[[Strike], Strike]:
    def add(strike: Strike) -> Strike:
        FAULTS[name] = Fault(name, strike, **facts)  # type: ignore[arg-type]
        return strike

    return add


# Clients


@fault("client-reset", vanishes=True)
def client_reset(stage: Stage) -> Iterator[None]:
    stage.vanish()
    yield


@fault("stop-same", outcomes=STOPPED | COMPLETE)
def stop_same(stage: Stage) -> Iterator[None]:
    stopping = gevent.spawn(stage.stop, stage.victim.port)
    gevent.sleep(0.05)
    yield
    stopping.join(15)


@fault("stop-other", outcomes=STOPPED | COMPLETE, workers=2)
def stop_other(stage: Stage) -> Iterator[None]:
    stopping = gevent.spawn(stage.stop, stage.other().port)
    gevent.sleep(0.15)
    yield
    stopping.join(15)


@fault("double-submit")
def double_submit(stage: Stage) -> Iterator[None]:
    stage.spawn(stage.target.send, stage.other().port)
    gevent.sleep(0.1)
    yield
    stage.spawn(stage.target.send, stage.victim.port)


@fault("second-send")
def second_send(stage: Stage) -> Iterator[None]:
    rival = stage.rival()
    stage.spawn(rival.send, stage.other().port)
    gevent.sleep(0.1)
    yield


@fault("chat-deleted")
def chat_deleted(stage: Stage) -> Iterator[None]:
    target = stage.target
    target.gone = True
    deleting = stage.spawn(stage.until_done, target, "DELETE", f"/api/chats/{target.chat_id}", None)
    gevent.sleep(0.1)
    yield
    deleting.join(15)


@fault("user-deleted")
def user_deleted(stage: Stage) -> Iterator[None]:
    target = stage.target
    target.gone = True
    deleting = stage.spawn(stage.until_done, target, "DELETE", "/api/users/me", {"password": PASSWORD})
    gevent.sleep(0.1)
    yield
    deleting.join(15)


# Processes


@fault("worker-sigkill")
def worker_sigkill(stage: Stage) -> Iterator[None]:
    stage.kill_victim()
    yield


@fault("worker-exit", moments=("before-user-commit", "after-user-commit", "append", "emit", "before-claim"))
def worker_exit(stage: Stage) -> Iterator[None]:
    """The process ends by itself, in the middle of the place it is in."""
    stage.arm(point="*", action="exit")
    yield
    stage.await_strike()


@fault("worker-sigterm")
def worker_sigterm(stage: Stage) -> Iterator[None]:
    stage.victim.kill(signal.SIGTERM)
    yield
    stage.await_end([stage.victim])


@fault("master-sigterm")
def master_sigterm(stage: Stage) -> Iterator[None]:
    server = stage.server_of(stage.victim)
    server.send(signal.SIGTERM)
    yield
    stage.restart([server])


@fault("all-sigterm")
def all_sigterm(stage: Stage) -> Iterator[None]:
    nodes = stage.world.nodes()
    for server in stage.world.servers:
        server.send(signal.SIGTERM)
    for node in nodes:
        node.kill(signal.SIGTERM)
    yield
    stage.restart(stage.world.servers)


@fault("power-off")
def power_off(stage: Stage) -> Iterator[None]:
    stage.kill_all()
    yield
    stage.restart(stage.world.servers)


@fault("sigstop", overlaps=True)
def sigstop(stage: Stage) -> Iterator[None]:
    """Sleeps past its lease, and wakes in the belief that nothing has happened."""
    stage.victim.kill(signal.SIGSTOP)
    yield
    gevent.sleep(stage.rng.uniform(2.5, PROVIDER_SECONDS - 1))
    stage.victim.kill(signal.SIGCONT)
    stage.victim.quietly("release")


@fault("hub-blocked", overlaps=True)
def hub_blocked(stage: Stage) -> Iterator[None]:
    blocking = gevent.spawn(stage.victim.quietly, "block", seconds=2.0)
    gevent.sleep(0.05)
    yield
    blocking.join(5)


# The provider


def _provider(mode: str, **fields: float) -> Strike:
    def strike(stage: Stage) -> Iterator[None]:
        stage.world.proxy("provider", mode, **fields)
        yield
        gevent.sleep(stage.rng.uniform(0.3, 1.0))
        stage.world.proxy("provider", "pass")

    return strike


fault("provider-reset", outcomes=FAILED, others=FAILED)(_provider("reset"))
fault("provider-refused", outcomes=FAILED, others=FAILED)(_provider("refuse"))
fault("provider-garbage", outcomes=FAILED, others=FAILED)(_provider("garbage"))
fault("provider-cut", outcomes=FAILED, others=FAILED)(_provider("cut", bytes=700))
fault("provider-slow")(_provider("delay", seconds=0.2))


@fault("provider-stall", outcomes=FAILED, others=FAILED, overlaps=True)
def provider_stall(stage: Stage) -> Iterator[None]:
    """Sometimes for longer than a silence may last."""
    stage.world.proxy("provider", "blackhole")
    yield
    gevent.sleep(stage.rng.choice((1.0, PROVIDER_SECONDS + 1.0)))
    stage.world.proxy("provider", "pass")


# The database


def _database(mode: str, low: float, high: float, **fields: float) -> Strike:
    def strike(stage: Stage) -> Iterator[None]:
        stage.world.proxy("database", mode, **fields)
        yield
        gevent.sleep(stage.rng.uniform(low, high))
        stage.world.proxy("database", "pass")

    return strike


fault("database-refused", databases=("postgresql",), overlaps=True)(_database("refuse", 0.3, 3))
fault("database-reset", databases=("postgresql",))(_database("reset", 0, 0.1))
fault("database-blackholed", databases=("postgresql",), overlaps=True)(_database("blackhole", 0.3, 4))
fault("database-slow", databases=("postgresql",))(_database("delay", 1, 2, seconds=0.1))


@fault("database-terminated", databases=("postgresql",))
def database_terminated(stage: Stage) -> Iterator[None]:
    """The server ends every session, as a failover does."""
    with contextlib.closing(psycopg2.connect(stage.world.url)) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    yield


@fault("database-locked", databases=("sqlite",), overlaps=True)
def database_locked(stage: Stage) -> Iterator[None]:
    """Another program holds SQLite's write lock (a backup, a person with a shell)."""
    with contextlib.closing(stage.sqlite()) as connection:
        locking = gevent.spawn(_lock, connection)
        gevent.sleep(0.05)
        yield
        if locking.get(timeout=10):
            gevent.sleep(stage.rng.uniform(0.5, 6))
            connection.execute("ROLLBACK")


def _lock(connection: sqlite3.Connection) -> bool:
    for _ in range(500):
        try:
            connection.execute("BEGIN IMMEDIATE")
            return True
        except sqlite3.OperationalError:
            gevent.sleep(0.01)
    return False


def _window(kind: str) -> Strike:
    def strike(stage: Stage) -> Iterator[None]:
        seconds = stage.rng.uniform(0.2, 2.5)
        for node in stage.world.nodes():
            node.quietly("arm", point="statement", action="error", kind=kind, seconds=seconds)
        yield
        gevent.sleep(seconds + 0.2)
        for node in stage.world.nodes():
            node.quietly("reset")

    return strike


fault("database-outage", overlaps=True)(_window("outage"))
fault("disk-full", overlaps=True)(_window("full"))


# The k-th operation


def _kth(point: str, most: int, action: str, kind: str = "outage") -> Strike:
    def strike(stage: Stage) -> Iterator[None]:
        stage.arm(point=point, k=stage.rng.randint(1, most), action=action, kind=kind)
        yield
        stage.await_strike()

    return strike


# Point, and about how often it is passed in a scenario.
_POINTS = {"statement": 150, "commit": 50, "provider-read": 40, "socket-write": 50, "append": 40, "emit": 40}

for _point, _most in _POINTS.items():
    fault(f"kill-at-{_point}", moments=("k",))(_kth(_point, _most, "kill"))
for _point in ("statement", "commit"):
    fault(f"error-at-{_point}", moments=("k",))(_kth(_point, _POINTS[_point], "error"))
    fault(f"full-at-{_point}", moments=("k",))(_kth(_point, _POINTS[_point], "error", "full"))
fault("late-at-commit", moments=("k",))(_kth("committed", _POINTS["commit"], "error", "late"))
fault("late-at-send", moments=("k",))(_kth("user-committed", 1, "error", "late"))
fault("error-at-provider-open", moments=("k",))(_kth("provider-open", 2, "error"))
fault("error-at-provider-read", outcomes=FAILED, others=FAILED, moments=("k",))(_kth("provider-read", 40, "error"))
fault("error-at-socket-write", moments=("k",))(_kth("socket-write", 50, "error"))
