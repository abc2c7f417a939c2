"""Time as the machine gives it: seconds without those in which what a test runs was kept waiting for a processor.

A promise such as "a stop acts within a second" is about Macrochat, not about what else the machine runs. Linux counts
for every thread how long it was ready to run and did not (`schedstat` in /proc, "run delay"). A `Stopwatch` takes that
of this process and of all that it has started off the time that has passed; on other systems it is a plain one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

# Threads wait side by side, so the sum of their delays may be more than the time that has passed. A wait without an end
# must be found out all the same: no machine counts as more than ten times slower than a quiet one.
SLOWEST = 10


class Stopwatch:
    """Runs from its making, and may be read again and again."""

    def __init__(self) -> None:
        self._began, self._lost, self._delays = time.monotonic(), 0, dict(_run_delays())

    @property
    def wall_seconds(self) -> float:
        """All of the time: for what must not come too early."""
        return time.monotonic() - self._began

    @property
    def seconds(self) -> float:
        """What the machine gave: for what must not come too late."""
        wall = self.wall_seconds
        for thread, delay in _run_delays():
            self._lost += max(0, delay - self._delays.get(thread, 0))
            self._delays[thread] = delay
        return max(wall - self._lost / 1e9, wall / SLOWEST)


def _run_delays() -> Iterator[tuple[str, int]]:
    """Each thread of this process and of all its descendants, with the nanoseconds it has waited for a processor."""
    processes = [str(os.getpid())]
    for process in processes:  # which grows
        for thread in _threads(process):
            try:
                with open(f"{thread}/schedstat") as schedstat, open(f"{thread}/children") as children:
                    delay, started = int(schedstat.read().split()[1]), children.read().split()
            except OSError:  # it has ended, or this system does not count
                continue
            processes += started
            yield thread, delay


def _threads(process: str) -> list[str]:
    folder = f"/proc/{process}/task"
    try:
        return [f"{folder}/{thread}" for thread in os.listdir(folder)]
    except OSError:
        return []
