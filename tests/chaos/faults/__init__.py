"""The faults. `FAULTS` holds them all by name; importing a module here adds its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.world import Kind

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

# Up to its `yield` a strike happens while the worker is held at the moment; then the worker goes on, and what follows
# the `yield` happens to it, up to the healing.
Strike = Callable[["Stage"], Iterator[None]]

COMPLETE = frozenset({"complete"})
STOPPED = frozenset({"stopped", "complete"})
FAILED = frozenset({"failed", "complete"})


@dataclass(frozen=True)
class Fault:
    """`outcomes` are how the reply aimed at may end, `others` the replies beside it.

    `moments` is () for all. `steady`: nobody may lose a reply over it. `overlaps`: two generations of a reply may be open at the provider for a while, since the
    older one's process cannot know. `vanishes`: the sending client is gone at the moment. `slow`: costs a restart.
    `long`: takes a minute, too much for the test suite.
    """

    name: str
    strike: Strike = field(repr=False)
    outcomes: frozenset[str] = COMPLETE
    others: frozenset[str] = COMPLETE
    moments: tuple[str, ...] = ()
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    workers: int = 1
    steady: bool = False
    overlaps: bool = False
    vanishes: bool = False
    slow: bool = False
    long: bool = False

    def suits(self, kind: Kind) -> bool:
        return kind.database in self.databases and kind.processes >= self.workers


FAULTS: dict[str, Fault] = {}


def fault(name: str, **facts: object) -> Callable[[Strike], Strike]:
    """Adds a strike to FAULTS; `facts` are the fields of Fault."""

    def add(strike: Strike) -> Strike:
        FAULTS[name] = Fault(name, strike, **facts)  # type: ignore[arg-type]
        return strike

    return add
