"""Faults of processes: killed, ended by a deploy, asleep, busy."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import gevent

from tests.chaos.faults import FAILED, Strike, fault
from tests.chaos.world import PROVIDER_SECONDS

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

HERD = 12


@fault("worker-sigkill")
def worker_sigkill(stage: Stage) -> Iterator[None]:
    stage.kill_victim()
    yield


@fault("kill-at-random", moments=("k",))
def kill_at_random(stage: Stage) -> Iterator[None]:
    """At no moment in particular."""
    yield
    gevent.sleep(stage.rng.uniform(0, 1.5))
    stage.struck = True
    stage.kill_victim()


@fault("worker-exit", moments=("before-user-commit", "after-user-commit", "append", "emit", "before-claim"))
def worker_exit(stage: Stage) -> Iterator[None]:
    """The process ends by itself, in the middle of the place it is in."""
    stage.arm(point="*", action="exit")
    yield
    stage.await_strike()


@fault("worker-sigterm", slow=True)
def worker_sigterm(stage: Stage) -> Iterator[None]:
    stage.victim.kill(signal.SIGTERM)
    yield
    stage.await_end([stage.victim])


@fault("master-sigterm", slow=True)
def master_sigterm(stage: Stage) -> Iterator[None]:
    server = stage.server_of(stage.victim)
    server.send(signal.SIGTERM)
    yield
    stage.restart([server])


@fault("all-sigterm", slow=True)
def all_sigterm(stage: Stage) -> Iterator[None]:
    nodes = stage.world.nodes()
    for server in stage.world.servers:
        server.send(signal.SIGTERM)
    for node in nodes:
        node.kill(signal.SIGTERM)
    yield
    stage.restart(stage.world.servers)


@fault("power-off", slow=True)
def power_off(stage: Stage) -> Iterator[None]:
    stage.kill_all()
    yield
    stage.restart(stage.world.servers)


def _away(low: float, high: float) -> Strike:
    """Everything is restarted, and the model's server takes longer than we do."""

    def strike(stage: Stage) -> Iterator[None]:
        stage.kill_all()
        stage.world.proxy("provider", "refuse")
        yield
        stage.restart(stage.world.servers)
        gevent.sleep(stage.rng.uniform(low, high))
        stage.world.proxy("provider", "pass")

    return strike


fault("provider-away", others=FAILED, moments=("append", "emit"), slow=True)(_away(8, 10))
fault("provider-away-for-long", others=FAILED, moments=("append", "emit"), slow=True, long=True)(_away(20, 60))


@fault("herd-killed", moments=("append", "emit"), slow=True)
def herd_killed(stage: Stage) -> Iterator[None]:
    """Many replies are being written when everything is killed."""
    for _ in range(HERD):
        talk = stage.talk(stage.world.bob).open_chat()
        stage.spawn(talk.send, stage.world.any_port(stage.rng))
    yield
    gevent.sleep(0.5)
    stage.kill_all()
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
