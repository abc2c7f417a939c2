"""Plays scenarios: worlds side by side in lanes, one scenario after the other in each."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

from tests.chaos.database import Database
from tests.chaos.invariants import check, requests_of
from tests.chaos.plan import Scenario
from tests.chaos.stage import Stage
from tests.chaos.world import Kind, World
from tests.support.databases import PostgresFactory, SqliteFactory
from tests.support.postgres import Postgres

BATCH = 25  # scenarios in one world's life


@dataclass
class Result:
    scenario: Scenario
    broken: list[str]
    seconds: float
    bytes_compared: int = 0
    struck: bool = False  # at the moment it was meant for
    takeovers: list[float] = field(default_factory=list)  # from a kill to the next request to the provider
    stops: list[float] = field(default_factory=list)  # from the request to stop to the upstream connection's end
    kills: int = 0
    replies: int = 0
    continued: int = 0
    generations: int = 0  # requests to the provider
    log: str = ""


class Ground:
    """The databases that worlds stand on. Also a context manager: at its end all of it is gone."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="macrochat-chaos-"))
        self._numbers = itertools.count(1)
        self._postgres: Postgres | None = None
        self._factories: dict[str, Any] = {}
        self._lock = BoundedSemaphore()

    def __enter__(self) -> Ground:
        return self

    def __exit__(self, *_: object) -> None:
        if self._postgres:
            self._postgres.delete()
        shutil.rmtree(self.folder, ignore_errors=True)

    def world(self, kind: Kind, **settings: object) -> World:
        folder = self.folder / f"world-{next(self._numbers)}"
        with self._lock:
            url = self._factory(kind.database).create()
        return World(kind, folder, url, **settings)

    def _factory(self, database: str) -> Any:
        if database not in self._factories:
            folder = self.folder / database
            folder.mkdir()
            if database == "sqlite":
                self._factories[database] = SqliteFactory(folder)
            else:
                self._postgres = Postgres()
                self._postgres.start()
                self._factories[database] = PostgresFactory(self._postgres, folder)
        return self._factories[database]


def run(
    ground: Ground,
    scenarios: Iterable[Scenario],
    lanes: int,
    report: Callable[[Result], None],
    settings: dict[str, object] | None = None,
) -> None:
    """Plays all scenarios, those of a kind together, in `lanes` worlds at a time. `report` gets each result."""
    queue: Queue[list[Scenario]] = Queue()
    by_kind = sorted(scenarios, key=lambda one: str(one.kind))
    for _kind, group in itertools.groupby(by_kind, key=lambda one: one.kind):
        for chunk in _batched(group, BATCH):
            queue.put(chunk)
    gevent.joinall([gevent.spawn(_lane, ground, queue, report, settings or {}) for _ in range(lanes)], raise_error=True)


def _batched(group: Iterable[Scenario], size: int) -> Iterator[list[Scenario]]:
    left = list(group)
    return (left[start : start + size] for start in range(0, len(left), size))


def _lane(ground: Ground, queue: Any, report: Callable[[Result], None], settings: dict[str, object]) -> None:
    while queue.qsize():
        world: World | None = None
        for scenario in queue.get():
            if world is None:
                world = ground.world(scenario.kind, **settings).start()
            result = play(world, scenario)
            report(result)
            if result.broken:  # what it left behind must not be blamed on the next
                world.stop()
                world = None
        if world is not None:
            world.stop()


def play(world: World, scenario: Scenario) -> Result:
    began, logged = time.monotonic(), len(world.log())
    stage = None
    try:
        stage = Stage(world, scenario)
        stage.play()
        with contextlib.closing(Database(world.url)) as database:
            found = check(stage, database)
        broken, compared = found.broken, found.bytes_compared
    except Exception:
        broken, compared = [f"HARNESS {traceback.format_exc()}"], 0
    result = Result(scenario, broken, time.monotonic() - began, compared, bool(stage and (stage.held or stage.struck)))
    if stage is not None:
        _measure(result, stage)
    if broken:
        result.log = world.log()[logged:]
    return result


def _measure(result: Result, stage: Stage) -> None:
    requests = stage.world.requests()
    result.kills, result.replies, result.generations = len(stage.kills), len(stage.talks), len(requests)
    result.continued = sum(talk.continued for talk in stage.talks)
    for talk in stage.talks:
        mine = requests_of(talk, requests)
        for kill in stage.kills:
            before = [r for r in mine if r["started"] < kill and (r["ended"] or kill) > kill - 0.3]
            after = [r["started"] for r in mine if r["started"] > kill]
            if before and after:
                result.takeovers.append(min(after) - kill)
        for stop in talk.stops:
            ended = [r["ended"] for r in mine if r["ended"] and r["how"] == "client_closed"]
            if ended and min(ended) > stop:
                result.stops.append(min(ended) - stop)
