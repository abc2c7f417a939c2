"""Many readers of one reply that is being written, each from an offset of its own, at every worker: byte-equal."""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

import gevent

from tests.chaos import http1, runner
from tests.chaos.talk import Talk
from tests.chaos.world import Kind, World
from tests.support.processes import wait_until

MODEL = "scripted-echo:10"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--words", type=int, default=600)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    rng = random.Random(options.seed)
    with runner.Ground() as ground:
        world = ground.world(Kind(options.database, workers=2), MACROCHAT_MODELS=MODEL).start()
        try:
            return _read_together(world, rng, options)
        finally:
            world.stop()


def _read_together(world: World, rng: random.Random, options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    talk = Talk(world, rng, world.alice, MODEL, options.words, time.monotonic() + 120).open_chat()
    sending = gevent.spawn(talk.send, world.any_port(rng))
    wait_until(lambda: talk.heard > 200, 20, "the beginning")
    offsets = [rng.randint(0, talk.heard) for _ in range(options.readers)]
    bodies = [gevent.spawn(_read, world, rng, talk, offset) for offset in offsets]
    gevent.joinall([sending, *bodies], timeout=120)
    wrong = list(talk.broken)
    for offset, body in zip(offsets, bodies, strict=True):
        if body.value != (http1.CLEAN, talk.expected[offset:]):
            wrong.append(f"a reader from byte {offset} got {body.value and (body.value[0], len(body.value[1]))}")
    facts = {
        "readers": options.readers,
        "bytes compared": sum(len(body.value[1]) for body in bodies if body.value),
        "different": len(wrong),
    }
    return facts, wrong


def _read(world: World, rng: random.Random, talk: Talk, offset: int) -> tuple[str | None, bytes]:
    path = f"/api/replies/{talk.reply_id}/stream?offset={offset}"
    answer = http1.request(world.any_port(rng), "GET", path, headers=talk.person.headers, silence=30)
    body = answer.body()
    return answer.end, body
