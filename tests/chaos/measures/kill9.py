"""SIGKILL at random moments, many times: nothing that a reader saw is lost, and every reply is taken over in time."""

from __future__ import annotations

import argparse

from tests.chaos import plan, runner, scoreboard
from tests.chaos.faults import FAULTS
from tests.chaos.world import Kind

NOTICED_SECONDS = 8.0
KINDS = (
    Kind("sqlite", workers=2, continue_mode="prefill"),
    Kind("postgresql", workers=2, continue_mode="prompt"),
    Kind("postgresql", servers=2, continue_mode="prefill"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=2)


def measure(options: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    """The numbers, and what is wrong with them. Leases are as long as by default."""
    board = scoreboard.Scoreboard(options.seed)
    fault = FAULTS["kill-at-random"]
    scenarios = [
        plan.Scenario(options.seed, number, KINDS[number % len(KINDS)], fault, "k") for number in range(options.runs)
    ]

    def report(result: runner.Result) -> None:
        board.add(result)
        print(f"{len(board.results):4}/{options.runs}  {scoreboard.line(result)}", flush=True)

    with runner.Ground() as ground:
        runner.run(ground, scenarios, options.lanes, report, settings={"MACROCHAT_LEASE_SECONDS": 5})
    facts = board.facts()
    wrong = [f"{result.scenario}: {one}" for result in board.broken for one in result.broken]
    slowest = max((time for result in board.results for time in result.takeovers), default=0.0)
    if slowest > NOTICED_SECONDS:
        wrong.append(f"a takeover took {slowest:.1f} s")
    names = ("scenarios", "kills", "replies", "bytes compared", "takeover by another worker", "invariants broken")
    return {name: facts[name] for name in names}, wrong
