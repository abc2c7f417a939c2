"""`bench`: all relays, one after the other, in rounds, so that what is compared was measured in the same minutes."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.relay import measure, report, stage
from benchmarks.relay.load import Load
from benchmarks.relay.machine import Cores, describe
from benchmarks.relay.measure import Step
from benchmarks.relay.peers import PEERS, NotAvailable, Peer
from benchmarks.relay.search import LADDER
from benchmarks.relay.steps import COLUMNS, line

RATE = 50.0  # chunks a second and stream
USUAL_STREAMS = 100  # at which the CPU of a chunk is taken
FLOODS = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` is each window. A round is not begun when it would end after `minutes`, a relay not when they are over."""

    peers: Sequence[str]
    rounds: int
    minutes: float
    seconds: float
    flood_seconds: float
    requests: int
    open_streams: int
    tries: int = 2  # of a step that failed while the load was late
    ladder: Sequence[int] = LADDER
    guesses: dict[str, int] = field(default_factory=dict)


FULL = Plan(
    peers=("nginx", "macrochat", "macrochat-postgresql", "node", "ai-sdk", "fastapi", "flask"),
    rounds=3,
    minutes=45,
    seconds=6,
    flood_seconds=4,
    requests=200,
    open_streams=300,
)
QUICK = Plan(
    peers=("nginx", "macrochat", "flask"),
    rounds=1,
    minutes=1.1,
    seconds=2,
    flood_seconds=1.5,
    requests=40,
    open_streams=60,
    tries=1,
    ladder=(50, 100, 400, 800),
    guesses={"nginx": 400, "macrochat": 400, "flask": 50},
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="three relays, a few steps, within 90 s")
    parser.add_argument("--peers", type=lambda text: text.split(","), help=f"by comma: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--minutes", type=float, help="begin no round that would end later")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write relay.md, relay.json and relay.svg there")


def run(options: argparse.Namespace) -> int:
    """Exit code 1 only if a byte was wrong."""
    plan = QUICK if options.quick else FULL
    chosen = {name: getattr(options, name) for name in ("peers", "rounds", "minutes") if getattr(options, name)}
    plan = Plan(**{**_fields(plan), **chosen})
    results = Results()
    with stage.loaded(RATE) as (load, cores):
        if not options.quick:
            results.alone = _alone(load, cores)
        _rounds(plan, load, cores, results)
    table = report.table(results.as_json())
    print(f"\n{table}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "relay.md").write_text(table)
        (options.out / "relay.json").write_text(json.dumps(results.as_json(), indent=1))
        (options.out / "relay.svg").write_text(report.picture(results.as_json()))
    if results.wrong_bytes:
        print(f"{results.wrong_bytes} bytes were wrong")
    return 1 if results.wrong_bytes else 0


@dataclass(slots=True)
class Results:
    """`rounds` by peer: what `_round` returns. `alone` is what upstream and client reach with nothing between them."""

    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    alone: dict[str, Any] = field(default_factory=dict)
    wrong_bytes: int = 0
    began: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"))

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": describe(),
            "date": self.began,
            "rate": RATE,
            "titles": {name: PEERS[name].title for name in self.rounds},
            "load_before": os.getloadavg()[2],
            **asdict(self),
        }


def _alone(load: Load, cores: Cores) -> dict[str, Any]:
    print(f"direct\n{COLUMNS}")
    with stage.running("direct", load, cores) as peer:
        most, steps = measure.most_paced(load, peer, 3, 1600, _tell)
        flooded = measure.flood(load, peer, FLOODS, 3)
    return {"most": most, "steps": [step.as_json() for step in steps], "flood": asdict(flooded)}


def _rounds(plan: Plan, load: Load, cores: Cores, results: Results) -> None:
    begun, longest = time.monotonic(), 0.0
    guesses = {name: PEERS[name].guess for name in plan.peers} | plan.guesses
    for number in range(plan.rounds):
        round_begun = time.monotonic()
        if number and round_begun - begun + longest > 60 * plan.minutes:
            print(f"No time for more than {number} rounds")
            return
        for name in plan.peers:
            if name in results.missing:
                continue
            if time.monotonic() - begun > 60 * plan.minutes:
                print(f"No time left for {name}")
                if not number:
                    results.missing[name] = "no time was left"
                continue
            print(f"\nround {number + 1}: {name}\n{COLUMNS}", flush=True)
            try:
                with stage.running(name, load, cores) as peer:
                    figures = _round(plan, load, peer, guesses[name])
            except NotAvailable as error:
                results.missing[name] = str(error)
                print(f"left out: {error}")
                continue
            guesses[name] = figures["most"] or guesses[name]
            results.rounds.setdefault(name, []).append(figures)
            results.wrong_bytes += figures["wrong_bytes"]
        longest = max(longest, time.monotonic() - round_begun)


def _round(plan: Plan, load: Load, peer: Peer, guess: int) -> dict[str, Any]:
    """Memory first, of a process that was just started; then what is light, then what is heavy."""
    memory = measure.kb_per_stream(load, peer, plan.open_streams)
    short = measure.requests(load, peer, plan.requests)
    *_, usual = measure.tried(load, peer, USUAL_STREAMS, plan.seconds, _tell, plan.tries)
    most, steps = measure.most_paced(load, peer, plan.seconds, guess, _tell, plan.ladder, plan.tries)
    flooded = measure.flood(load, peer, FLOODS, plan.flood_seconds)
    failed = [step for step in steps if not step.held]
    lowest = min(failed, key=lambda step: step.streams, default=None)
    return {
        "most": most,
        # Not the relay's own limit: the load was late, or the ladder ended.
        "at_least": lowest is None or lowest.load_was_late,
        "kb_per_stream": memory,
        "requests": asdict(short),
        "usual": usual.as_json(),
        "steps": [step.as_json() for step in steps],
        "flood": asdict(flooded),
        "wrong_bytes": short.wrong_bytes + flooded.wrong_bytes + sum(step.wrong_bytes for step in (usual, *steps)),
    }


def _tell(step: Step) -> None:
    print(line(step), flush=True)


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
