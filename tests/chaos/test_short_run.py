"""A fixed selection of the chaos matrix: every fault but the longest once, on both databases, in one process and several.

`make chaos` plays hundreds; `python -m tests.chaos --replay SEED/NUMBER` plays what a failure here names.
"""

from __future__ import annotations

import itertools

import pytest

from tests.chaos import plan, runner, scoreboard
from tests.chaos.faults import FAULTS, Fault

SEED = 20
LANES = 3
WORLDS = ("sqlite 1×2 prompt", "postgresql 1×2 prefill", "postgresql 2×1 prefill")
MOMENTS = ("before-user-commit", "after-user-commit", "first-token", "append", "emit", "k")
FIRST = 3000  # numbers looked through; the matrix is smaller


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_invariant_breaks_under_any_fault():
    board = scoreboard.Scoreboard(SEED)
    with runner.Ground() as ground:
        runner.run(ground, selection(), LANES, board.add)
    print(board.text())
    assert not board.broken, board.text()
    assert len(board.results) == len(short_faults())
    assert board.facts()["faults struck at their moment"] >= 0.9 * len(board.results), (
        "a moment is not reached any more"
    )


def selection() -> list[plan.Scenario]:
    """One scenario a fault, while a reply is being written; the worlds take turns."""
    drawn = [plan.scenario(SEED, number) for number in range(FIRST)]
    drawn = [one for one in drawn if one.moment in MOMENTS and str(one.kind) in WORLDS]
    wanted = itertools.cycle(WORLDS)
    return [_first(drawn, fault, next(wanted)) for fault in short_faults()]


def short_faults() -> list[Fault]:
    return [fault for fault in FAULTS.values() if not fault.long]


def _first(drawn: list[plan.Scenario], fault: Fault, world: str) -> plan.Scenario:
    suitable = [one for one in drawn if one.fault is fault]
    return next((one for one in suitable if str(one.kind) == world), suitable[0])
