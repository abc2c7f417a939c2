"""Thousands of followers that wait for a silent model, in one worker with a small database pool: what each costs."""

from __future__ import annotations

import argparse
import random
import resource
import time
from typing import Any

import gevent
import psutil

from tests.chaos import http1, runner
from tests.chaos.talk import Talk
from tests.chaos.world import Kind, Node, World
from tests.support.processes import wait_until

HOLD = "scripted-hold:5"
ECHO = "scripted-echo:0"
MOST_BYTES = 60_000
AT_ONCE = 50  # connections being made


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--followers", type=int, default=2000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = {"MACROCHAT_MODELS": f"{HOLD},{ECHO}", "MACROCHAT_DATABASE_POOL": 5, "MACROCHAT_PROVIDER_TIMEOUT": 600}
    with runner.Ground() as ground:
        world = ground.world(Kind(options.database), **settings).start()
        try:
            return _wait_together(world, options.followers)
        finally:
            world.stop()


def _wait_together(world: World, count: int) -> tuple[dict[str, Any], list[str]]:
    rng, until, node = random.Random(1), time.monotonic() + 300, world.nodes()[0]
    talks = [Talk(world, rng, world.alice, HOLD, 3, until).open_chat() for _ in range(20)]
    posts = [talk.post(node.port) for talk in talks]
    _follow(node, talks, 40, [])  # what is made once is made now
    before = _memory(node)
    began = time.monotonic()
    refused: list[http1.Answer] = []
    followers = _follow(node, talks, count, refused)
    took = time.monotonic() - began
    gevent.sleep(2)
    each = (_memory(node) - before) / len(followers)
    probe = Talk(world, rng, world.bob, ECHO, 5, until).open_chat()
    began = time.monotonic()
    probe.send(node.port)
    answered = time.monotonic() - began
    open_now = node.ask("gauges")["connections"]
    world.tell_provider("release")
    finished = [gevent.spawn(answer.body) for answer in [*followers, *(post for post in posts if post)]]
    gevent.joinall(finished, timeout=60)
    expected = b"".join(b"w%d " % k for k in range(15))
    wrong = [f"a follower got {body.value!r}" for body in finished if body.value != expected]
    wait_until(lambda: node.ask("gauges")["connections"] == 0, 20, "no open connections")
    facts = {
        "followers": len(followers),
        "connections in the worker": open_now,
        "bytes of memory each": round(each),
        "seconds to connect all": round(took, 1),
        "503 on the way": len(refused),
        "a fresh reply beside them, ms": round(answered * 1000),
        "woken and finished": len(finished) - len(wrong),
    }
    if each > MOST_BYTES:
        wrong.append(f"{each:.0f} bytes of memory each")
    return facts, wrong + probe.broken


def _follow(node: Node, talks: list[Talk], count: int, refused: list[http1.Answer]) -> list[http1.Answer]:
    answers: list[http1.Answer] = []

    def connect(numbers: range) -> None:
        for number in numbers:
            talk = talks[number % len(talks)]
            path = f"/api/replies/{talk.reply_id}/stream"
            while True:
                answer = http1.request(node.port, "GET", path, headers=talk.person.headers, silence=120)
                if answer.status != 503:  # no connection within the pool's patience: as every client, it asks again
                    break
                refused.append(answer)
            answers.append(answer)

    gevent.joinall([gevent.spawn(connect, range(k, count, AT_ONCE)) for k in range(AT_ONCE)], raise_error=True)
    return answers


def _memory(node: Node) -> int:
    """Of the worker alone: what it shares with nobody."""
    node.ask("gauges", deep=True)  # collects garbage
    return int(psutil.Process(node.pid).memory_full_info().uss)
