"""What is measured of one running relay. Each function leaves it at rest again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.relay.load import Ending, Load, Window
from benchmarks.relay.machine import cpu_seconds, memory_kb
from benchmarks.relay.peers import Peer

LATE_MS = 100.0  # the p99 that a chunk's age must stay below
DELIVERED = 0.98  # of the chunks that are due in a window must arrive in it


@dataclass(frozen=True, slots=True)
class Step:
    """`streams` paced streams for `seconds`. CPU is of the relay's processes, its database's included."""

    streams: int
    seconds: float
    chunks_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_percent: float  # of a core
    cpu_us_per_chunk: float
    kb_per_stream: float  # proportional set size, streams open and silent, against no stream
    wrong_bytes: int
    errors: dict[str, int]
    load_percent: float  # of the other core, upstream and client together
    lateness_ms: float  # p99 of the upstream's own punctuality
    due_per_second: float
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        return not self.wrong_bytes and not self.errors

    @property
    def held(self) -> bool:
        """Whether the relay carried this load: every byte right, nearly all in time."""
        delivered = self.chunks_per_second >= DELIVERED * self.due_per_second
        return self.right and delivered and self.p99_ms < LATE_MS

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def paced(load: Load, peer: Peer, streams: int, seconds: float, at_window: Callable[[], None] = lambda: None) -> Step:
    """All streams are open before the first one runs; the window begins when they have run for a while."""
    pids = peer.pids()
    before = memory_kb(pids)
    load.open(peer.requests(streams, "paced"), peer.check)
    pids = peer.pids()
    memory = memory_kb(pids) - before
    load.start()
    at_window()
    used = cpu_seconds(pids)
    window = load.window(seconds)
    used = cpu_seconds(pids) - used
    return _step(streams, window, load.end(), used, memory, load.rate * streams)


def _step(streams: int, window: Window, ending: Ending, cpu: float, memory_kb: float, due: float) -> Step:
    return Step(
        streams=streams,
        seconds=window.seconds,
        chunks_per_second=window.cells / window.seconds,
        p50_ms=window.age_ms(0.5),
        p99_ms=window.age_ms(0.99),
        cpu_percent=100 * cpu / window.seconds,
        cpu_us_per_chunk=1e6 * cpu / max(1, window.cells),
        kb_per_stream=memory_kb / streams,
        wrong_bytes=ending.wrong_bytes,
        errors=dict(ending.errors),
        load_percent=100 * window.load_cpu,
        lateness_ms=window.lateness,
        due_per_second=due,
    )
