"""Faults of the database: away, reset, silent, locked, full."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

import gevent
import psycopg2

from tests.chaos.faults import Strike, fault

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

HOUR = 3600.0


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


# Not after-user-commit: a reply that is held there for seconds is adopted by its own worker, jump or no jump.
@fault("clock-jump", steady=True, workers=2, moments=("first-token", "append", "emit", "before-claim", "idle"))
def clock_jump(stage: Stage) -> Iterator[None]:
    """The database's clock jumps by an hour, again and again, to either side. Everybody who lives keeps what is theirs."""
    for _ in range(stage.rng.randint(1, 3)):
        stage.world.move_clock(stage.rng.choice((-HOUR, HOUR)))
        gevent.sleep(stage.rng.uniform(0.2, 0.8))
    yield
    stage.world.move_clock(stage.rng.choice((-HOUR, HOUR)))
    gevent.sleep(stage.rng.uniform(0.5, 2.0))


@fault("clock-jump-and-kill", workers=2)
def clock_jump_and_kill(stage: Stage) -> Iterator[None]:
    """A lease that a jump has made too long, or too short, is no life and no death."""
    stage.world.move_clock(stage.rng.choice((-HOUR, HOUR)))
    stage.kill_victim()
    yield


fault("database-outage", overlaps=True)(_window("outage"))
fault("disk-full", overlaps=True)(_window("full"))
