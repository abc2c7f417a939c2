"""The upstream and the load client together: open streams, let them run, look at a window, let them end."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.relay.client import Check, Client, Request
from benchmarks.relay.loop import Loop
from benchmarks.relay.upstream import Upstream

OPEN_SECONDS = 60.0  # for all streams together
DRAIN_SECONDS = 15.0  # from the upstream's last byte to the client's


@dataclass(frozen=True, slots=True)
class Window:
    """What arrived in a window of `seconds`; `ages` are of its chunks, sorted, in microseconds.

    `load_cpu` is the share of a core that upstream and client took, `lateness` the worst 1 % of the upstream's ticks in
    milliseconds: when it is not small, the load was at its own limit.
    """

    seconds: float
    cells: int
    ages: Sequence[int] = field(repr=False)
    load_cpu: float
    lateness: float

    def age_ms(self, share: float) -> float:
        """The age below which that share of the chunks was."""
        return percentile(self.ages, share) / 1000


@dataclass(frozen=True, slots=True)
class Ending:
    wrong_bytes: int
    errors: Counter[str]


class Load:
    """One set of streams at a time: `open`, then `start`, `window`, `end`. A Loop of its own."""

    def __init__(self, rate: float = 50.0, upstream_port: int = 0) -> None:
        self.rate = rate
        self.loop = Loop()
        self.upstream = Upstream(self.loop, rate, upstream_port)
        self.client: Client | None = None

    def open(self, requests: Sequence[Request], check: Check, at_once: int | None = None) -> Client:
        """Returns once every stream has its first byte or an error."""
        gc.collect()
        gc.disable()  # thousands of small objects a millisecond, none of them a cycle
        self.upstream.forget()
        self.client = client = Client(self.loop, self.upstream, check)
        client.open(requests, *([at_once] if at_once else []))
        if not self.loop.run(OPEN_SECONDS, until=lambda: client.all_open):
            client.errors["not opened in time"] += 1
        return client

    def start(self, warm_up: float = 1.5) -> None:
        self.upstream.start()
        self.loop.run(warm_up)

    def window(self, seconds: float, at_begin: Callable[[], None] = lambda: None) -> Window:
        client = self.client
        assert client is not None
        at_begin()
        client.ages.clear()
        self.upstream.lateness.clear()
        cells, cpu, begun = client.cells, time.process_time(), time.monotonic()
        self.loop.run(seconds)
        passed = time.monotonic() - begun
        used = time.process_time() - cpu
        return Window(
            seconds=passed,
            cells=client.cells - cells,
            ages=sorted(client.ages),
            load_cpu=used / passed,
            lateness=percentile(sorted(self.upstream.lateness), 0.99) * 1000,
        )

    def end(self, drain: float = DRAIN_SECONDS) -> Ending:
        """Lets every stream end and compares what is left to compare."""
        client = self.client
        assert client is not None
        self.upstream.finish()
        self.loop.run(drain, until=lambda: client.idle)
        client.hang_up()
        self.loop.run(0.3)
        gc.enable()
        return Ending(client.wrong_bytes, client.errors)

    def close(self) -> None:
        self.upstream.close()
        self.loop.close()


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 for none."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]
