"""Many replies that are being written, then SIGKILL for everything: each goes on once, soon, and unnoticed by others."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import time
import uuid
from collections import Counter
from typing import Any

import gevent
from gevent.pool import Pool

from tests.chaos import http1, runner
from tests.chaos.database import Database
from tests.chaos.world import Kind, World
from tests.support.processes import wait_until

MODEL = "scripted-words:2000:1000"  # a word a second, for longer than this takes
RUNNING_SECONDS = 30.0
PAGE_SECONDS = 1.0
PATIENCE_SECONDS = 120.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replies", type=int, default=1000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    with runner.Ground() as ground:
        settings = {"MACROCHAT_MODELS": MODEL, "MACROCHAT_LEASE_SECONDS": 5, "MACROCHAT_MAX_STREAMS_PER_USER": 100_000}
        world = ground.world(Kind(options.database, workers=2), **settings).start()
        try:
            return _kill_and_wait(world, options.replies)
        finally:
            world.stop()


def _kill_and_wait(world: World, count: int) -> tuple[dict[str, Any], list[str]]:
    Pool(6).map(lambda _number: _begin(world), range(count))
    wait_until(lambda: len(world.requests()) == count, PATIENCE_SECONDS, "all are being written")
    killed = time.time()
    for node in world.nodes():
        world.dead.add(node.pid)
    [server] = world.servers
    os.killpg(server.pid, signal.SIGKILL)
    wait_until(lambda: not server.running, 10)
    world.start_server(server, wait=False)
    world.wait_for_nodes()
    back = time.time()
    pages: list[float] = []
    looking = gevent.spawn(_look_at_pages, world, pages)
    again = _await_all(world, count, killed)
    gevent.sleep(5)  # for what comes twice
    looking.kill()
    return _judge(world, count, killed, back, again, pages)


def _begin(world: World) -> None:
    text = uuid.uuid4().hex
    body = {"messages": [{"role": "user", "content": text}], "model": MODEL}
    chat = ""
    while True:  # all are one person's, one at a time: some are told to come again
        port, headers = world.any_port(random.Random()), world.alice.headers | {"Idempotency-Key": text}
        if not chat:
            answer = http1.request(port, "POST", "/api/chats", body={}, headers=headers)
            chat = answer.json()["data"]["id"] if answer.status == 201 else ""
            continue
        path = f"/api/chats/{chat}/stream"
        answer = http1.Answer(http1.ask(port, "POST", path, body=body, headers=headers, silence=60))
        if answer.status == 200:
            answer.reset()
            return


def _look_at_pages(world: World, pages: list[float]) -> None:
    while True:
        began = time.monotonic()
        with contextlib.suppress(http1.NoAnswer):
            http1.request(world.any_port(random.Random()), "GET", "/api/chats?limit=20", headers=world.bob.headers)
        pages.append(time.monotonic() - began)
        gevent.sleep(0.1)


def _await_all(world: World, count: int, killed: float) -> float | None:
    """When the last of them was asked for again (time.time)."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        started = [request["started"] for request in world.requests() if request["started"] > killed]
        if len(started) >= count:
            return max(started)
        gevent.sleep(0.5)
    return None


def _judge(
    world: World, count: int, killed: float, back: float, again: float | None, pages: list[float]
) -> tuple[dict[str, Any], list[str]]:
    calls = Counter(request["messages"][0]["content"] for request in world.requests() if request["started"] > killed)
    with contextlib.closing(Database(world.url)) as database:
        states = {f"{status}, attempt {attempts}": number for status, attempts, number in database.states()}
    facts = {
        "replies": count,
        "seconds until all ran again": again and round(again - back, 1),
        "asked for more than once": sum(number > 1 for number in calls.values()),
        "states": states,
        "pages beside them": len(pages),
        "slowest page, seconds": round(max(pages, default=0.0), 2),
    }
    wrong = []
    if again is None or again - back > RUNNING_SECONDS:
        wrong.append("not all ran again in time")
    if facts["asked for more than once"]:
        wrong.append("some were asked for twice")
    if states != {"streaming, attempt 2": count}:
        wrong.append("not all are being written by their second generation")
    if max(pages, default=0.0) > PAGE_SECONDS:
        wrong.append("somebody else's page took too long")
    return facts, wrong
