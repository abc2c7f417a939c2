"""The most that holds, on a ladder of round numbers: steps up that grow, then bisection."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

# Neighbours differ by 25 % below 100 and by 8 to 17 % above: finer differences are noise.
LADDER = (
    *(5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 140, 160, 180, 200, 225, 250, 275, 300, 350, 400, 450, 500, 550),
    *(600, 650, 700, 800, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1800, 2000, 2200, 2400, 2600, 2800, 3000),
)


def most(holds: Callable[[int], bool], guess: int, ladder: Sequence[int] = LADDER) -> int:
    """The highest rung that holds, when all below it do; 0 if the lowest does not. Asks no rung twice."""
    at = min(bisect_left(ladder, guess), len(ladder) - 1)
    good, bad = -1, len(ladder)  # rungs that are known to hold, and not to
    stride = 1
    while good < 0 < bad or (good >= 0 and bad == len(ladder)):
        if holds(ladder[at]):
            good = at
            if bad < len(ladder) or good == len(ladder) - 1:
                break
            at = min(at + stride, len(ladder) - 1)
        else:
            bad = at
            if good >= 0 or bad == 0:
                break
            at = max(at - stride, 0)
        stride *= 2
    while bad - good > 1:
        middle = (good + bad) // 2
        if holds(ladder[middle]):
            good = middle
        else:
            bad = middle
    return ladder[good] if good >= 0 else 0
