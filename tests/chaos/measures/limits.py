"""How soon trouble is noticed: a pool without connections, a reader that takes nothing, a client that is gone."""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

import gevent

from tests.chaos import http1, runner
from tests.chaos.talk import Talk
from tests.chaos.world import Kind, Node, World
from tests.support.processes import wait_until

HOLD, BYTES = "scripted-hold:5", "scripted-bytes:8000000"
SLOW_SECONDS = 3.0
POOL_SECONDS = 2.0
GONE_SECONDS = 1.0
SLACK_SECONDS = 1.5  # for a busy machine
RECEIVE_BUFFER = 4096


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    settings = {
        "MACROCHAT_MODELS": f"{HOLD},{BYTES}",
        "MACROCHAT_PROVIDER_TIMEOUT": 600,
        "CHAOS_SLOW_READER_SECONDS": SLOW_SECONDS,
    }
    facts: dict[str, Any] = {}
    with runner.Ground() as ground:
        world = ground.world(Kind("postgresql"), **settings).start()
        try:
            facts["gone client noticed, s"] = gone_clients(world, random.Random(options.seed))
            facts["slow reader cut, s"], facts["quick reader beside it, s"] = slow_reader(world)
            facts["503 without a connection, s"] = exhausted_pool(world)
        finally:
            world.stop()
    allowed = {
        "gone client noticed, s": GONE_SECONDS,
        "slow reader cut, s": 2 * SLOW_SECONDS,
        "503 without a connection, s": POOL_SECONDS,
    }
    wrong = [f"{name}: {facts[name]}" for name, most in allowed.items() if facts[name] > most + SLACK_SECONDS]
    return facts, wrong


def gone_clients(world: World, rng: random.Random) -> float:
    """The longest of ten clients, half of them by FIN and half by RST, while the model is silent."""
    node, slowest = world.nodes()[0], 0.0
    talk = Talk(world, rng, world.alice, HOLD, 3, time.monotonic() + 60).open_chat()
    post = talk.post(node.port)
    assert post is not None
    for number in range(10):
        path = f"/api/replies/{talk.reply_id}/stream"
        answer = http1.request(node.port, "GET", path, headers=talk.person.headers)
        wait_until(lambda: _open(node) == 2, 5, "a second connection")
        began = time.monotonic()
        if number % 2:
            answer.reset()
        else:
            answer.close()
        wait_until(lambda: _open(node) == 1, 10, "the gone client noticed")
        slowest = max(slowest, time.monotonic() - began)
    world.tell_provider("release")
    post.body()
    return round(slowest, 3)


def slow_reader(world: World) -> tuple[float, float]:
    """Seconds until a reader that takes nothing is cut, and until another one has the whole reply."""
    node = world.nodes()[0]
    talk = Talk(world, random.Random(2), world.alice, BYTES, 3, time.monotonic() + 60).open_chat()
    began = time.monotonic()
    reading = gevent.spawn(lambda: talk.post(node.port).body())  # type: ignore[union-attr]
    wait_until(lambda: talk.reply_id, 10, "the reply")
    path = f"/api/replies/{talk.reply_id}/stream"
    slow = http1.request(node.port, "GET", path, headers=talk.person.headers, receive_buffer=RECEIVE_BUFFER)
    body = reading.get(timeout=60)
    quick = time.monotonic() - began
    assert body == b"0123456789" * 800_000
    wait_until(lambda: _open(node) == 0, 60, "the slow reader cut")
    cut = time.monotonic() - began
    taken = slow.body()
    assert slow.end != http1.CLEAN
    assert body.startswith(taken)
    return round(cut, 3), round(quick, 3)


def exhausted_pool(world: World) -> float:
    """The median of twenty requests at once while the database swallows everything: each is answered 503.

    (Those few that have a connection wait for its answer, which has a bound of its own.)
    """
    node = world.nodes()[0]
    world.proxy("database", "blackhole")
    try:
        asking = [gevent.spawn(_ask, node, world) for _ in range(20)]
        gevent.joinall(asking, timeout=40, raise_error=True)
    finally:
        world.proxy("database", "pass")
    answers = [one.value for one in asking]
    assert {status for status, _ in answers} == {503}, answers
    waiting = sorted(seconds for _, seconds in answers)
    return round(waiting[len(waiting) // 2], 3)


def _ask(node: Node, world: World) -> tuple[int, float]:
    began = time.monotonic()
    answer = http1.request(node.port, "GET", "/api/chats", headers=world.alice.headers, silence=30)
    return answer.status, time.monotonic() - began


def _open(node: Node) -> int:
    return int(node.ask("gauges")["connections"])
