"""`journal`: what Macrochat's journal does under so many streams, from its own figures (/metrics) before and after."""

from __future__ import annotations

import argparse
import re
import time

import httpx2

from benchmarks.relay import stage
from benchmarks.relay.peers import Peer
from benchmarks.relay.steps import add_load_options

FIGURE = re.compile(r"^macrochat_(\w+) ([\d.e+-]+)$", re.MULTILINE)
COLUMNS = "streams  chunks/s   p99 ms  commits/s  replies/commit  text kB/s  ms/commit  waited ms  share of a core %"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer", choices=("macrochat", "macrochat-postgresql"), default="macrochat")
    add_load_options(parser, [1, 10, 100, 1000])


def run(options: argparse.Namespace) -> int:
    """`ms/commit` and its share of a core include the wait for the database: on PostgreSQL others work meanwhile."""
    with (
        stage.loaded(options.rate, options.relay_cores) as (load, cores),
        stage.running(options.peer, load, cores, workers=options.workers) as peer,
    ):
        print(COLUMNS)
        for streams in options.streams:
            load.open(peer.requests(streams, "paced"), peer.check)
            load.start()
            before, begun = _figures(peer), time.monotonic()
            load.loop.run(0.5)  # the load stood still while it asked
            window = load.window(options.seconds)
            after, seconds = _figures(peer), time.monotonic() - begun
            load.end()
            grown = {name: after[name] - before.get(name, 0.0) for name in after}
            commits = max(1.0, grown["commit_seconds_count"])
            print(
                f"{streams:7}  {window.cells / window.seconds:8.0f}  {window.age_ms(0.99):7.1f}  {commits / seconds:9.0f}"
                f"  {grown['commit_streams_sum'] / commits:14.1f}  {grown['commit_bytes_total'] / seconds / 1000:9.1f}"
                f"  {1000 * grown['commit_seconds_sum'] / commits:9.2f}"
                f"  {1000 * grown['journal_lag_seconds_sum'] / commits:9.2f}"
                f"  {100 * grown['commit_seconds_sum'] / seconds:17.1f}",
                flush=True,
            )
    return 0


def _figures(peer: Peer) -> dict[str, float]:
    text = httpx2.get(f"http://127.0.0.1:{peer.port}/metrics", timeout=30, trust_env=False).text
    return {name: float(value) for name, value in FIGURE.findall(text)}
