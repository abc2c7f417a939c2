"""The harness notices a product that breaks its promises: each sabotage is found, under the right name."""

from __future__ import annotations

import gevent
import pytest

from tests.chaos import plan, runner
from tests.chaos.faults import FAULTS
from tests.chaos.runner import Ground
from tests.chaos.world import Kind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ONE = Kind("sqlite", workers=1)
THINKS, SPEAKS = 1, 3  # scenarios in which the model does so first
SABOTAGES = [
    (SPEAKS, "forget", "worker-sigkill", "emit", "SHOWN"),
    (SPEAKS, "rewind", "worker-sigkill", "emit", "SHOWN"),
    (THINKS, "absentminded", "worker-sigkill", "emit", "SHOWN"),
    (THINKS, "wordy", "worker-sigkill", "emit", "SHOWN"),
    (SPEAKS, "optimist", "provider-cut", "emit", "TRUE"),
    (THINKS, "deaf", "stop-same", "emit", "STOP"),
    (SPEAKS, "hoarder", "client-reset", "emit", "LEAK"),
    (SPEAKS, "forgetful", "double-submit", "after-user-commit", "ONCE"),
]


def test_every_sabotage_is_found():
    with Ground() as ground:
        plays = [gevent.spawn(_play, ground, *sabotage[:4]) for sabotage in SABOTAGES]
        gevent.joinall(plays, raise_error=True)
    missed = {
        sabotage[1]: play.value
        for sabotage, play in zip(SABOTAGES, plays, strict=True)
        if not any(finding.startswith(sabotage[4]) for finding in play.value)
    }
    assert not missed, f"not noticed, or under other names: {missed}"


def _play(ground: Ground, number: int, sabotage: str, fault: str, moment: str) -> list[str]:
    world = ground.world(ONE, CHAOS_SABOTAGE=sabotage).start()
    try:
        return runner.play(world, plan.Scenario(1, number, ONE, FAULTS[fault], moment)).broken
    finally:
        world.stop()
