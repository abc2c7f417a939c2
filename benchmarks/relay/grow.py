"""`grow`: how Macrochat's CPU per token, p99 latency and memory change with the size of one thing, all else equal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.relay import measure, stage
from benchmarks.relay.load import Load
from benchmarks.relay.machine import Cores, cpu_seconds, describe, memory_kb
from benchmarks.relay.peers.macrochat import Macrochat
from benchmarks.relay.plot import Line, lines
from benchmarks.relay.texts import CELL_BYTES

KB = 1000


@dataclass(frozen=True, slots=True)
class Point:
    """`size` is of what grows. CPU is of all of Macrochat's processes, its database's included, by chunk *delivered*."""

    size: int
    cpu_us_per_chunk: float
    p50_ms: float
    p99_ms: float
    memory_mb: float  # proportional set size, of all processes, while it runs
    cpu_ms_per_request: float = 0.0
    first_byte_ms: float = 0.0  # from the request's arrival to the provider's request, p50 at rest
    wrong_bytes: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Growth:
    """One thing that grows: in words, by which sizes, at how many chunks a second and stream, and how one size is measured."""

    what: str
    sizes: Sequence[int]
    rate: float
    measure: Callable[[argparse.Namespace, Load, Cores, Sequence[int]], list[Point]]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", choices=GROWTHS, required=True)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], help="by comma")
    parser.add_argument("--seconds", type=float, default=6, help="the window of each size")
    parser.add_argument("--relay-cores", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write pictures and figures there")


def run(options: argparse.Namespace) -> int:
    growth = GROWTHS[options.by]
    with stage.loaded(growth.rate, options.relay_cores) as (load, cores):
        print(f"{growth.what:>24}  µs/chunk   p50 ms   p99 ms  memory MB  ms/request  first byte ms  wrong  errors")
        points = growth.measure(options, load, cores, options.sizes or growth.sizes)
    if options.out:
        _write(options, growth, points)
    return 1 if any(point.wrong_bytes for point in points) else 0


def _by_streams(options: argparse.Namespace, load: Load, cores: Cores, sizes: Sequence[int]) -> list[Point]:
    with _macrochat(options, load, cores) as peer:
        return [_told(_window(load, cast(Macrochat, peer), size, options.seconds, size)) for size in sizes]


def _by_length(options: argparse.Namespace, load: Load, cores: Cores, sizes: Sequence[int]) -> list[Point]:
    """Ten replies that are so long already (in bytes) go on growing."""
    streams = 10
    with _macrochat(options, load, cores) as peer:
        return [
            _told(_window(load, cast(Macrochat, peer), size, options.seconds, streams, cells=size // CELL_BYTES))
            for size in sizes
        ]


def _by_followers(options: argparse.Namespace, load: Load, cores: Cores, sizes: Sequence[int]) -> list[Point]:
    with _macrochat(options, load, cores) as peer:
        return [
            _told(_window(load, cast(Macrochat, peer), size, options.seconds, 1, followers=size - 1)) for size in sizes
        ]


def _by_workers(options: argparse.Namespace, load: Load, cores: Cores, sizes: Sequence[int]) -> list[Point]:
    """200 streams, dealt out to so many processes on the same cores."""
    points = []
    for size in sizes:
        with _macrochat(options, load, cores, workers=size) as peer:
            points.append(_told(_window(load, cast(Macrochat, peer), size, options.seconds, 200)))
    return points


def _by_rows(options: argparse.Namespace, load: Load, cores: Cores, sizes: Sequence[int]) -> list[Point]:
    """100 streams and single requests, with so many messages of others in the database."""
    points, there = [], 0
    with _macrochat(options, load, cores) as running:
        peer = cast(Macrochat, running)
        others = [one.id for one in peer.rows.people(500)]
        for size in sizes:
            peer.rows.conversations(others, size - there, per_chat=20, characters=200)
            there = max(there, size)
            measure.rest(load, peer)
            points.append(_told(_window(load, peer, size, options.seconds, 100, requests=60)))
    return points


GROWTHS = {
    "streams": Growth("streams", (10, 50, 100, 200, 400, 600, 800, 1000, 1300, 1600, 2000), 10.0, _by_streams),
    "length": Growth("bytes of each reply", [KB << n for n in range(12)], 50.0, _by_length),
    "followers": Growth("followers of one reply", (1, 2, 5, 10, 20, 50, 100, 200, 350, 500), 50.0, _by_followers),
    "workers": Growth("worker processes", (1, 2, 3, 4), 50.0, _by_workers),
    "rows": Growth("messages in the database", (0, 1000, 10_000, 100_000, 300_000, 1_000_000), 50.0, _by_rows),
}


def _window(
    load: Load,
    peer: Macrochat,
    size: int,
    seconds: float,
    streams: int,
    *,
    cells: int = 0,
    followers: int = 0,
    requests: int = 0,
) -> Point:
    short = measure.requests(load, peer, requests) if requests else None
    asked = peer.requests(streams, "paced", cells)
    load.open(asked, peer.check)
    if followers:
        load.open_more(peer.followers(asked[0], followers))
    load.await_cells(streams * cells)
    load.start()
    pids = peer.pids()
    used = cpu_seconds(pids)
    window = load.window(seconds)
    used = cpu_seconds(pids) - used
    memory = memory_kb(pids)
    ending = load.end()
    measure.rest(load, peer)
    return Point(
        size=size,
        cpu_us_per_chunk=1e6 * used / max(1, window.cells),
        p50_ms=window.age_ms(0.5),
        p99_ms=window.age_ms(0.99),
        memory_mb=memory / 1024,
        cpu_ms_per_request=short.cpu_ms if short else 0.0,
        first_byte_ms=short.there_ms[0] if short else 0.0,
        wrong_bytes=ending.wrong_bytes,
        errors=sum(ending.errors.values()),
    )


def _macrochat(options: argparse.Namespace, load: Load, cores: Cores, workers: int = 1) -> stage.Running:
    name = "macrochat" if options.database == "sqlite" else "macrochat-postgresql"
    return stage.running(name, load, cores, workers=workers)


def _told(point: Point) -> Point:
    print(
        f"{point.size:24}  {point.cpu_us_per_chunk:8.1f}  {point.p50_ms:7.1f}  {point.p99_ms:7.1f}  {point.memory_mb:9.1f}"
        f"  {point.cpu_ms_per_request:10.1f}  {point.first_byte_ms:13.1f}  {point.wrong_bytes:5}  {point.errors:6}",
        flush=True,
    )
    return point


PICTURES: Sequence[tuple[str, str, Callable[[Point], float]]] = (
    ("cpu", "CPU µs per chunk", lambda point: point.cpu_us_per_chunk),
    ("latency", "ms from the provider to the reader, p99", lambda point: point.p99_ms),
    ("memory", "memory, MB", lambda point: point.memory_mb),
)


def _write(options: argparse.Namespace, growth: Growth, points: Sequence[Point]) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / f"by-{options.by}-{options.database}"
    figures = {"machine": describe(), "rate": growth.rate, "points": [_json(point) for point in points]}
    stem.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    doubling = max(growth.sizes) > 100 * max(1, min(size for size in growth.sizes if size))
    shown = [point for point in points if point.size or not doubling]
    for name, unit, figure in PICTURES:
        line = Line(options.database, [(point.size, figure(point)) for point in shown])
        title = f"By {growth.what}"
        Path(f"{stem}-{name}.svg").write_text(lines(title, growth.what, unit, [line], log_x=doubling))


def _json(point: Point) -> dict[str, float]:
    return {name: round(getattr(point, name), 3) for name in Point.__dataclass_fields__}
