"""Inside a worker: places that a wrapper counts as they are passed, and what may happen at the k-th passing.

Nothing here is known to the product. `faulty_app` puts the wrappers around it; `control` lets the harness arm them.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

import gevent
from gevent import monkey

_sleep_for_real = monkey.get_original("time", "sleep")
_thread_now = monkey.get_original("_thread", "get_ident")
_HUB_THREAD = _thread_now()

HOLD_SECONDS = 3.0  # nothing is held longer, whatever becomes of the harness
POLL_SECONDS = 0.004


@dataclass
class Arming:
    """At the `k`-th passing of `point` (1 is the next) from now on: `action`.

    hold    waits there until released        kill, exit, freeze   SIGKILL, _exit, SIGSTOP for this process
    delay   waits for `seconds`               block                the same, and the whole process with it
    error   raises what the place can raise; `kind` chooses. For `seconds` from then on every passing raises
    """

    point: str
    k: int = 1
    action: str = "hold"
    match: str = ""
    kind: str = "outage"
    seconds: float = 0.0
    passed: int = 0
    struck: int = 0
    until: float = 0.0
    held: bool = False
    released: bool = field(default=False, repr=False)

    def meets(self, point: str, detail: str) -> bool:
        if self.point not in (point, "*") or self.match not in detail:
            return False
        self.passed += 1
        return self.passed == self.k or (self.struck > 0 and time.monotonic() < self.until)


class Points:
    """Counts every passing since the last reset, and strikes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.armed: list[Arming] = []

    def arm(self, arming: Arming) -> None:
        self.armed.append(arming)

    def reset(self) -> None:
        """Lets go of everything, and forgets."""
        for arming in self.armed:
            arming.released = True
        self.counts.clear()
        self.armed = []

    def release(self) -> None:
        """What is held goes on, what would be held passes; other armings stay."""
        for arming in self.armed:
            arming.released = arming.released or arming.action == "hold"

    def awaits(self, point: str) -> bool:
        """Whether the next passing may be struck."""
        return any(arming.point in (point, "*") and not arming.released for arming in self.armed)

    def hit(self, point: str, detail: str = "") -> str | None:
        """Called at a place. Returns the kind of error to raise there, if any; all else happens in here."""
        self.counts[point] += 1
        for arming in self.armed:
            if not arming.released and arming.meets(point, detail):
                return self._strike(arming)
        return None

    def _strike(self, arming: Arming) -> str | None:
        arming.struck += 1
        if arming.action == "hold":
            _hold(arming)
        elif arming.action in ("delay", "block"):
            _pause(arming.seconds, blocking=arming.action == "block")
        elif arming.action == "exit":
            os._exit(1)
        elif arming.action in ("kill", "freeze"):
            os.kill(os.getpid(), signal.SIGKILL if arming.action == "kill" else signal.SIGSTOP)
        elif arming.action == "error":
            if arming.struck == 1 and arming.seconds:
                arming.until = time.monotonic() + arming.seconds
            return arming.kind
        return None


def _hold(arming: Arming) -> None:
    arming.held = True
    until = time.monotonic() + HOLD_SECONDS
    while not arming.released and time.monotonic() < until:
        _pause(POLL_SECONDS)
    arming.held = False


def _pause(seconds: float, *, blocking: bool = False) -> None:
    """SQLite's statements of the journal run in a thread without a hub: there only that thread waits."""
    if blocking or _thread_now() != _HUB_THREAD:
        _sleep_for_real(seconds)
    else:
        gevent.sleep(seconds)


points = Points()
