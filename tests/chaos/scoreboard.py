"""What a run has shown: counts, times, and whatever was broken, with what replays it."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

from tests.chaos.runner import Result


class Scoreboard:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.results: list[Result] = []

    def add(self, result: Result) -> None:
        self.results.append(result)

    @property
    def broken(self) -> list[Result]:
        return [result for result in self.results if result.broken]

    def facts(self) -> dict[str, Any]:
        """All numbers, for JSON. Times in seconds."""
        struck = [result for result in self.results if result.struck or result.scenario.moment == "idle"]
        crowded = [result for result in self.results if result.scenario.kind.processes > 1]
        alone = [result for result in self.results if result.scenario.kind.processes == 1]
        return {
            "seed": self.seed,
            "scenarios": len(self.results),
            "worlds": dict(Counter(str(result.scenario.kind) for result in self.results)),
            "faults struck at their moment": len(struck),
            "faults": dict(sorted(Counter(result.scenario.fault.name for result in self.results).items())),
            "moments": dict(Counter(result.scenario.moment for result in self.results)),
            "replies": sum(result.replies for result in self.results),
            "replies continued by hand": sum(result.continued for result in self.results),
            "requests to the provider": sum(result.generations for result in self.results),
            "bytes compared": sum(result.bytes_compared for result in self.results),
            "kills": sum(result.kills for result in self.results),
            "takeover by another worker": _spread(
                [t for r in crowded if not r.scenario.fault.slow for t in r.takeovers]
            ),
            "takeover after a restart": _spread(
                [t for r in alone for t in r.takeovers]
                + [t for r in crowded if r.scenario.fault.slow for t in r.takeovers]
            ),
            "stop from another worker": _spread([t for r in self._of("stop-other") for t in r.stops]),
            "stop at the same worker": _spread([t for r in self._of("stop-same") for t in r.stops]),
            "invariants broken": sum(len(result.broken) for result in self.results),
            "broken": [{"scenario": str(result.scenario), "findings": result.broken} for result in self.broken],
        }

    def text(self) -> str:
        """For people: one fact a line, then what was broken."""
        lines = []
        for name, value in self.facts().items():
            if name == "broken":
                continue
            if isinstance(value, dict):
                value = ", ".join(f"{key} {number}" for key, number in value.items()) or "none"
            lines.append(f"{name:<30} {value}")
        for result in self.broken:
            lines += [
                f"\nBROKEN {result.scenario}",
                f"  replay: {replay(result)}",
                *(f"  {one}" for one in result.broken),
            ]
        return "\n".join(lines)

    def _of(self, fault: str) -> list[Result]:
        return [result for result in self.results if result.scenario.fault.name == fault]


def replay(result: Result) -> str:
    return f"python -m tests.chaos --replay {result.scenario.seed}/{result.scenario.number}"


def line(result: Result) -> str:
    """One line a scenario, while the run goes on."""
    verdict = "ok" if not result.broken else "BROKEN"
    missed = "" if result.struck or result.scenario.moment == "idle" else " (moment missed)"
    return f"{verdict:<7}{result.seconds:5.1f} s  {result.scenario}{missed}"


def _spread(seconds: list[float]) -> dict[str, Any]:
    if not seconds:
        return {"count": 0}
    return {
        "count": len(seconds),
        "p50": round(statistics.median(seconds), 3),
        "p95": round(sorted(seconds)[int(0.95 * len(seconds))], 3),
        "max": round(max(seconds), 3),
    }
