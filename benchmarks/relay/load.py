"""The upstream and the load client together: open streams, let them run, look at a window, let them end."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.relay.client import Check, Client, Request
from benchmarks.relay.loop import Loop
from benchmarks.relay.upstream import Upstream

OPEN_SECONDS = 120.0  # for all streams together
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


@dataclass(frozen=True, slots=True)
class Answered:
    """`times` of each request in microseconds: to the upstream, and back from it."""

    ending: Ending
    times: Sequence[tuple[int, int]]


class Load:
    """One set of streams at a time: `open`, then `start`, `window`, `end`. A Loop of its own."""

    def __init__(self, rate: float = 50.0, upstream_port: int = 0) -> None:
        self.rate = rate
        self.loop = Loop()
        self.upstream = Upstream(self.loop, rate, upstream_port)
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """Of the streams that were opened last."""
        assert self._client is not None
        return self._client

    @property
    def median_age(self) -> float:
        """Of the last chunks, in microseconds."""
        return percentile(sorted(self.client.ages[-1000:]), 0.5)

    def open(self, requests: Sequence[Request], check: Check) -> None:
        """Returns once every stream has its first byte or an error."""
        self._begin(check)
        self.open_more(requests)

    def open_more(self, requests: Sequence[Request]) -> None:
        client = self.client
        client.open(requests)
        if not self.loop.run(OPEN_SECONDS, until=lambda: client.all_open):
            client.errors["not opened in time"] += 1

    def await_cells(self, count: int, seconds: float = 120.0) -> None:
        """Until so many have arrived, in all streams together."""
        client = self.client
        self.loop.run(seconds, until=lambda: client.cells >= count)

    def one_by_one(self, requests: Sequence[Request], check: Check, pause: float = 0.0) -> Answered:
        """Each is sent when the one before has ended, after a pause in seconds."""
        client = self._begin(check)
        for request in requests:
            client.open([request])
            if not self.loop.run(DRAIN_SECONDS, until=lambda: client.idle):
                break
            if pause:
                self.loop.run(pause)
        times = [
            (reply.arrived - stream.sent_at, stream.first_byte_at - reply.began)
            for stream in client.streams
            if stream.first_byte_at and (reply := self.upstream.replies.get(stream.number))
        ]
        return Answered(self._ending(), times)

    def start(self, warm_up: float = 1.5) -> None:
        self.upstream.start()
        self.loop.run(warm_up)

    def window(self, seconds: float) -> Window:
        client = self.client
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

    def end(self) -> Ending:
        """Lets every stream end and compares what is left to compare."""
        client = self.client
        self.upstream.finish()
        self.loop.run(DRAIN_SECONDS, until=lambda: client.idle)
        return self._ending()

    def cut(self) -> Ending:
        """Ends every stream at once, on both sides; what has arrived was compared, what is under way is not missed."""
        self.client.hang_up(missed=False)
        self.upstream.hang_up()
        return self._ending()

    def _begin(self, check: Check) -> Client:
        gc.collect()
        gc.disable()  # thousands of small objects a millisecond, none of them a cycle
        self.upstream.forget()
        self._client = Client(self.loop, self.upstream, check)
        return self._client

    def _ending(self) -> Ending:
        self.client.hang_up()
        self.loop.run(0.2)
        gc.enable()
        return Ending(self.client.wrong_bytes, self.client.errors)

    def close(self) -> None:
        self.upstream.close()
        self.loop.close()


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 for none."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]
