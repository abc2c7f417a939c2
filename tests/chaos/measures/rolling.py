"""A deploy under live replies: every gunicorn is restarted while they run, and every transcript is whole in the end."""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import time
from typing import Any

import gevent

from tests.chaos import runner
from tests.chaos.database import Database
from tests.chaos.talk import Talk
from tests.chaos.world import Kind, World
from tests.support.processes import wait_until

PATIENCE_SECONDS = 240.0
MODEL = "scripted-echo:100"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replies", type=int, default=50)
    parser.add_argument("--words", type=int, default=250, help="of each reply; ten a second")
    parser.add_argument("--how", choices=sorted(DEPLOYS), default="rolling")
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    kind, deploy = DEPLOYS[options.how]
    rng = random.Random(options.seed)
    with runner.Ground() as ground:
        world = ground.world(kind, MACROCHAT_MODELS=MODEL, MACROCHAT_LEASE_SECONDS=5).start()
        try:
            return _deploy(world, rng, options, deploy)
        finally:
            world.stop()


def _deploy(
    world: World, rng: random.Random, options: argparse.Namespace, deploy: Any
) -> tuple[dict[str, Any], list[str]]:
    until = time.monotonic() + PATIENCE_SECONDS
    talks = [Talk(world, rng, world.alice, MODEL, options.words, until).open_chat() for _ in range(options.replies)]
    readers = [gevent.spawn(talk.send, world.any_port(rng)) for talk in talks]
    wait_until(lambda: all(talk.heard for talk in talks), 60, "the first words of all replies")
    began = time.monotonic()
    deploy(world)
    took = time.monotonic() - began
    live = sum(talk.ended is None for talk in talks)
    gevent.joinall(readers, timeout=PATIENCE_SECONDS)
    return _verdict(world, talks, took, live)


def _verdict(world: World, talks: list[Talk], took: float, live: int) -> tuple[dict[str, Any], list[str]]:
    wrong = [finding for talk in talks for finding in talk.broken]
    with contextlib.closing(Database(world.url)) as database:
        texts = [database.content(talk.reply_id) for talk in talks]
    for talk, stored in zip(talks, texts, strict=True):
        heard = b"".join(bytes(segment.data) for segment in talk.segments)
        if stored != talk.expected or heard != talk.expected:
            wrong.append(f"{talk.reply_id}: {len(heard)} heard, {len(stored)} stored, {len(talk.expected)} said")
        if not talk.ended or talk.ended["status"] != "complete":
            wrong.append(f"{talk.reply_id} is {talk.ended and talk.ended['status']}")
    facts = {
        "replies": len(talks),
        "deploy seconds": round(took, 1),
        "still running after the deploy": live,
        "bodies": sum(len(talk.segments) for talk in talks),
        "attempts": sum(talk.ended["attempts"] for talk in talks if talk.ended),
        "bytes compared": sum(len(talk.expected) for talk in talks),
        "correct transcripts": len(talks) - len({finding.partition(":")[0] for finding in wrong}),
    }
    return facts, wrong


def _one_after_the_other(world: World) -> None:
    for server in world.servers:
        server.send(signal.SIGTERM)
        wait_until(lambda server=server: not server.running, 60, "a server's end")
        world.start_server(server)


def _all_at_once(world: World) -> None:
    nodes = world.nodes()
    for server in world.servers:
        server.send(signal.SIGTERM)
    for node in nodes:
        node.kill(signal.SIGTERM)
    for server in world.servers:
        wait_until(lambda server=server: not server.running, 60, "a server's end")
        world.start_server(server, wait=False)
    world.wait_for_nodes()


def _reload(world: World) -> None:
    """gunicorn's own: new workers start, the old ones end."""
    old = {node.pid for node in world.nodes()}
    for server in world.servers:
        server.send(signal.SIGHUP)
    wait_until(lambda: not old & {node.pid for node in world.nodes()}, 90, "the old workers' end")
    world.wait_for_nodes()


DEPLOYS = {
    "rolling": (Kind("postgresql", servers=2, continue_mode="prefill"), _one_after_the_other),
    "all-at-once": (Kind("postgresql", servers=2, workers=2, continue_mode="prompt"), _all_at_once),
    "reload": (Kind("sqlite", workers=2, continue_mode="prefill"), _reload),
}
