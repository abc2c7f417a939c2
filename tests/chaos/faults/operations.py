"""Count, then fail at the k-th operation: every statement, commit, read and write of a scenario has its turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.chaos.faults import FAILED, Strike, fault

if TYPE_CHECKING:
    from tests.chaos.stage import Stage


def _kth(point: str, most: int, action: str, kind: str = "outage") -> Strike:
    def strike(stage: Stage) -> Iterator[None]:
        stage.arm(point=point, k=stage.rng.randint(1, most), action=action, kind=kind)
        yield
        stage.await_strike()

    return strike


# Point, and about how often it is passed in a scenario.
_POINTS = {"statement": 150, "commit": 50, "provider-read": 40, "socket-write": 50, "append": 40, "emit": 40}

for _point, _most in _POINTS.items():
    fault(f"kill-at-{_point}", moments=("k",))(_kth(_point, _most, "kill"))
for _point in ("statement", "commit"):
    fault(f"error-at-{_point}", moments=("k",))(_kth(_point, _POINTS[_point], "error"))
    fault(f"full-at-{_point}", moments=("k",))(_kth(_point, _POINTS[_point], "error", "full"))
fault("late-at-commit", moments=("k",))(_kth("committed", _POINTS["commit"], "error", "late"))
fault("late-at-send", moments=("k",))(_kth("user-committed", 1, "error", "late"))
fault("error-at-provider-open", moments=("k",))(_kth("provider-open", 2, "error"))
fault("error-at-provider-read", outcomes=FAILED, others=FAILED, moments=("k",))(_kth("provider-read", 40, "error"))
fault("error-at-socket-write", moments=("k",))(_kth("socket-write", 50, "error"))
