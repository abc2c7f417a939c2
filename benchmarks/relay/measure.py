"""What is measured of one running relay. Each function leaves it at rest again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.relay.load import Ending, Load, Window, percentile
from benchmarks.relay.machine import cpu_seconds, memory_kb
from benchmarks.relay.peers import Peer
from benchmarks.relay.search import LADDER, most

LATE_MS = 100.0  # the p99 that a chunk's age must stay below
DELIVERED = 0.98  # of the chunks that are due in a window must arrive in it
LOAD_LATE_MS = 10.0  # an upstream that is later than this (p99) was itself at its limit, or disturbed
HOPELESS_US = 1_000_000  # a median age after which there is nothing to be learnt from a whole window
REST_CPU = 0.05  # of a core
REST_SECONDS = 20.0
SEARCH_SECONDS = 60.0


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

    @property
    def right(self) -> bool:
        return not self.wrong_bytes and not self.errors

    @property
    def held(self) -> bool:
        """Whether the relay carried this load: every byte right, nearly all in time."""
        delivered = self.chunks_per_second >= DELIVERED * self.due_per_second
        return self.right and delivered and self.p99_ms < LATE_MS

    @property
    def load_was_late(self) -> bool:
        return self.lateness_ms > LOAD_LATE_MS

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"held": self.held, "load_was_late": self.load_was_late}


@dataclass(frozen=True, slots=True)
class Flood:
    """Streams that run as fast as they can."""

    streams: int
    chunks_per_second: float
    cpu_percent: float
    load_percent: float
    wrong_bytes: int
    errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Requests:
    """Short replies, one after the other: milliseconds of CPU, and of waiting.

    `there` is from the client's sending to the upstream's having the whole request, `back` from the upstream's first byte
    to the client's: p50 and p95.
    """

    count: int
    cpu_ms: float
    there_ms: tuple[float, float]
    back_ms: tuple[float, float]
    wrong_bytes: int
    errors: dict[str, int]


def paced(load: Load, peer: Peer, streams: int, seconds: float, at_window: Callable[[], None] = lambda: None) -> Step:
    """All streams are open before the first one runs; the window begins when they have run for a while."""
    before = memory_kb(peer.pids())
    load.open(peer.requests(streams, "paced"), peer.check)
    pids = peer.pids()
    memory = memory_kb(pids) - before
    load.start()
    if load.median_age > HOPELESS_US:
        seconds = min(seconds, 1.0)
    at_window()
    used = cpu_seconds(pids)
    window = load.window(seconds)
    used = cpu_seconds(pids) - used
    step = _step(streams, window, load.end(), used, memory, load.rate * streams)
    rest(load, peer)
    return step


def most_paced(
    load: Load,
    peer: Peer,
    seconds: float,
    guess: int,
    told: Callable[[Step], None],
    ladder: Sequence[int] = LADDER,
    tries: int = 2,
) -> tuple[int, list[Step]]:
    """The most streams that held, and all steps. A step that failed while the load was late is tried again.

    Not for ever: after SEARCH_SECONDS each step has one try.
    """
    steps: list[Step] = []
    patient_until = time.monotonic() + SEARCH_SECONDS

    def holds(streams: int) -> bool:
        patience = tries if time.monotonic() < patient_until else 1
        steps.extend(tried(load, peer, streams, seconds, told, patience))
        return steps[-1].held

    return most(holds, guess, ladder), steps


def tried(
    load: Load, peer: Peer, streams: int, seconds: float, told: Callable[[Step], None], tries: int = 2
) -> list[Step]:
    """A paced step, again while it fails and the load was late; the last one counts."""
    steps: list[Step] = []
    while len(steps) < tries:
        steps.append(paced(load, peer, streams, seconds))
        told(steps[-1])
        if steps[-1].held or not steps[-1].load_was_late:
            break
    return steps


def flood(load: Load, peer: Peer, streams: int, seconds: float) -> Flood:
    """What had arrived until the window's end is compared; the rest is cut off."""
    load.open(peer.requests(streams, "flood"), peer.check)
    load.start(warm_up=1.0)
    pids = peer.pids()
    used = cpu_seconds(pids)
    window = load.window(seconds)
    used = cpu_seconds(pids) - used
    ending = load.cut()
    rest(load, peer)
    return Flood(
        streams=streams,
        chunks_per_second=window.cells / window.seconds,
        cpu_percent=100 * used / window.seconds,
        load_percent=100 * window.load_cpu,
        wrong_bytes=ending.wrong_bytes,
        errors=dict(ending.errors),
    )


def requests(load: Load, peer: Peer, count: int, cells: int = 20) -> Requests:
    """Half of them back to back for the CPU, half with a pause before each for the times at rest."""
    peer_requests = peer.requests(count, "once", cells)
    half = count // 2
    pids = peer.pids()
    used = cpu_seconds(pids)
    busy = load.one_by_one(peer_requests[:half], peer.check)
    rest(load, peer)
    used = cpu_seconds(pids) - used
    calm = load.one_by_one(peer_requests[half:], peer.check, pause=0.02)
    rest(load, peer)
    return Requests(
        count=count,
        cpu_ms=1000 * used / max(1, half),
        there_ms=_p50_p95([there for there, _ in calm.times]),
        back_ms=_p50_p95([back for _, back in calm.times]),
        wrong_bytes=busy.ending.wrong_bytes + calm.ending.wrong_bytes,
        errors=dict(busy.ending.errors + calm.ending.errors),
    )


def kb_per_stream(load: Load, peer: Peer, streams: int) -> float:
    """Of streams that are open and silent. For a relay that was just started: freed memory would be used again."""
    warm = streams // 3
    both = peer.requests(warm + streams, "paced")
    load.open(both[:warm], peer.check)
    before = memory_kb(peer.pids())
    load.open_more(both[warm:])
    after = memory_kb(peer.pids())
    load.start(0)
    load.end()
    rest(load, peer)
    return (after - before) / streams


def rest(load: Load, peer: Peer) -> None:
    """Waits until the relay has nothing left to do."""
    deadline = time.monotonic() + REST_SECONDS
    while time.monotonic() < deadline:
        pids = peer.pids()
        used, begun = cpu_seconds(pids), time.monotonic()
        load.loop.run(0.25)
        if cpu_seconds(pids) - used < REST_CPU * (time.monotonic() - begun):
            return


def _p50_p95(microseconds: Sequence[int]) -> tuple[float, float]:
    found = sorted(microseconds)
    return percentile(found, 0.5) / 1000, percentile(found, 0.95) / 1000


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
