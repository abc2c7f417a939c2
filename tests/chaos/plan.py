"""What happens in which scenario: faults × moments × worlds, put in an order by a seed.

A scenario is its seed and its number: the number names the cell of the matrix, and both together every other choice.
"""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass

from tests.chaos.faults import FAULTS, Fault, clients, database, operations, processes, provider  # noqa: F401
from tests.chaos.world import Kind

KINDS = (
    Kind("sqlite", workers=1, continue_mode="prefill"),
    Kind("sqlite", workers=2, continue_mode="prompt"),
    Kind("postgresql", workers=1, continue_mode="prompt"),
    Kind("postgresql", workers=2, continue_mode="prefill"),
    Kind("postgresql", workers=1, servers=2, continue_mode="prefill"),
)

# The moment, and the point (wrappers.py) at which the worker is held while the fault strikes.
MOMENTS = {
    "before-user-commit": "user-commit",
    "after-user-commit": "user-committed",
    "before-provider": "provider-open",
    "first-token": "first-event",
    "append": "append",
    "emit": "emit",
    "before-claim": "flushed",
    "after-claim": "claimed",
    "body-end": "body-end",
    "idle": "",
}
KS = 4
EARLY = ("before-user-commit", "after-user-commit", "before-provider", "first-token")


@dataclass(frozen=True)
class Scenario:
    seed: int
    number: int
    kind: Kind
    fault: Fault
    moment: str

    @property
    def rng(self) -> random.Random:
        return random.Random(f"{self.seed}/{self.number}")

    def __str__(self) -> str:
        return f"{self.seed}/{self.number} {self.fault.name} at {self.moment} on {self.kind}"


def cells() -> list[tuple[Kind, Fault, str]]:
    """The whole matrix. A fault at the k-th operation has `k` for its moment, and KS cells: each draws its own k."""
    return [
        (kind, fault, moment)
        for fault in FAULTS.values()
        for kind in KINDS
        if fault.suits(kind)
        for moment in (fault.moments or tuple(MOMENTS))
        for _ in range(KS if moment == "k" else 1)
    ]


def scenario(seed: int, number: int) -> Scenario:
    matrix = _shuffled(seed)
    return Scenario(seed, number, *matrix[number % len(matrix)])


@functools.cache
def _shuffled(seed: int) -> tuple[tuple[Kind, Fault, str], ...]:
    matrix = cells()
    random.Random(seed).shuffle(matrix)
    return tuple(matrix)


def draw(seed: int, count: int, only: str = "") -> list[Scenario]:
    """The first `count` scenarios of a seed whose description matches the regular expression `only`."""
    found: list[Scenario] = []
    number = 0
    while len(found) < count and number < 100 * len(_shuffled(seed)):
        one = scenario(seed, number)
        if re.search(only, str(one)):
            found.append(one)
        number += 1
    return found
