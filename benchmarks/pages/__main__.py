"""`python -m benchmarks.pages`: how long the server takes for the chat list and for a chat of 200 messages.

On a database with nothing else in it and on one with a million messages of other people, asked in turn, so that both are
measured in the same minutes; on SQLite and PostgreSQL; one request after the other on a kept connection each. Then what
the databases say of how they find the rows (EXPLAIN).
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.databases import KINDS, Kind, database
from benchmarks.pages import plans, visitor
from benchmarks.relay.load import percentile
from benchmarks.relay.machine import describe
from benchmarks.relay.report import short
from benchmarks.rows import Rows, migrate

OWN_CHATS = 40  # as many as the list shows at once
LONG_CHAT = 200  # messages
OTHERS = 2000  # people
PER_CHAT = 50  # messages of each of their chats
CHARACTERS = 400


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    print(f"{describe()}. Milliseconds at the client, p50 / p95 of {options.requests} requests each.\n")
    print("| database | what | alone | with others' messages | p50 changes by |\n|---|---|---|---|---|", flush=True)
    explained = [_compare(kind, options) for kind in options.databases]
    for kind, plan in zip(options.databases, explained, strict=True):
        print(f"\n{kind}, with {options.messages:,} messages of others:\n\n{plan}")
    return 0


def _compare(kind: Kind, options: argparse.Namespace) -> str:
    """Prints the rows of one kind of database; returns the plans of the crowded one."""
    with contextlib.ExitStack() as stack:
        alone = stack.enter_context(_place(kind, 0))
        crowded = stack.enter_context(_place(kind, options.messages))
        for what in alone.addresses:
            times = _times([alone, crowded], what, options.requests)
            change = times[1][0] / times[0][0] - 1
            print(f"| {kind} | {what} | {_shown(times[0])} | {_shown(times[1])} | {change:+.0%} |", flush=True)
        return plans.explain(crowded.settings, crowded.person.cookie, list(crowded.addresses.values()))


@dataclass(frozen=True, slots=True)
class Place:
    """A server with a database of its own, and somebody who looks at pages there, by name."""

    settings: dict[str, object]
    person: visitor.Visitor
    addresses: dict[str, str]


@contextlib.contextmanager
def _place(kind: Kind, messages_of_others: int) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="macrochat-bench-pages-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = stack.enter_context(database(kind, folder))
        settings = visitor.settings(made.url)
        migrate(settings)
        rows = Rows(made.url)
        stack.callback(rows.close)
        others = [one.id for one in rows.people(OTHERS)] if messages_of_others else []
        rows.conversations(others, messages_of_others, PER_CHAT, CHARACTERS)
        person = stack.enter_context(visitor.signed_in(settings, folder))
        rows.chats([person.id] * (OWN_CHATS - 1))
        rows.conversations([person.id], LONG_CHAT, LONG_CHAT, CHARACTERS)
        if kind == "postgresql":
            rows.analyze()  # autovacuum would, a minute later
        yield Place(settings, person, person.addresses())


def _times(places: Sequence[Place], what: str, count: int) -> list[tuple[float, float]]:
    """p50 and p95 in milliseconds at each place."""
    times: list[list[float]] = [[] for _ in places]
    for number in range(-(count // 10), count):
        for place, found in zip(places, times, strict=True):
            begun = time.perf_counter()
            place.person.get(place.addresses[what])
            if number >= 0:  # else it was to warm up
                found.append(1000 * (time.perf_counter() - begun))
    return [(percentile(found, 0.5), percentile(found, 0.95)) for found in map(sorted, times)]


def _shown(times: tuple[float, float]) -> str:
    return " / ".join(map(short, times))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="of other people")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
