"""`python -m benchmarks.pages`: how long the server takes for the chat list and for a chat of 200 messages.

On an empty database, and again with a million messages of other people in it; on SQLite and PostgreSQL; one request after
the other on one kept connection. Then what the databases say of how they find the rows (EXPLAIN).
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.databases import KINDS, Database, Kind, database
from benchmarks.pages import plans, visitor
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
    print(f"{describe()}. Milliseconds at the client, p50 / p95 of {options.requests} requests each.\n")
    print("| database | what | alone | with others' messages | p50 changes by |\n|---|---|---|---|---|", flush=True)
    explained = [_compare(kind, options) for kind in options.databases]
    for kind, plan in zip(options.databases, explained, strict=True):
        print(f"\n{kind}, with {options.messages:,} messages of others:\n\n{plan}")
    return 0


def _compare(kind: Kind, options: argparse.Namespace) -> str:
    """Prints the rows of one database; returns its plans."""
    folder = Path(tempfile.mkdtemp(prefix="macrochat-bench-pages-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = stack.enter_context(database(kind, folder))
        settings = visitor.settings(made.url)
        migrate(settings)
        rows = Rows(made.url)
        stack.callback(rows.close)
        person = stack.enter_context(visitor.signed_in(settings, folder))
        rows.chats([person.id] * (OWN_CHATS - 1))
        rows.conversations([person.id], LONG_CHAT, LONG_CHAT, CHARACTERS)
        addresses = person.addresses()
        alone = {what: _times(person.get, path, options.requests) for what, path in addresses.items()}
        _fill(rows, made, options.messages)
        crowded = {what: _times(person.get, path, options.requests) for what, path in addresses.items()}
        for what in addresses:
            change = crowded[what][0] / alone[what][0] - 1
            print(f"| {kind} | {what} | {_shown(alone[what])} | {_shown(crowded[what])} | {change:+.0%} |", flush=True)
        return plans.explain(settings, person.cookie, list(addresses.values()))


def _fill(rows: Rows, made: Database, messages: int) -> None:
    others = [one.id for one in rows.people(OTHERS)]
    rows.conversations(others, messages, PER_CHAT, CHARACTERS)
    if not made.url.startswith("sqlite"):
        rows.analyze()  # autovacuum would, a minute later


def _times(get: Callable[[str], None], path: str, count: int) -> tuple[float, float]:
    """p50 and p95 in milliseconds."""
    for _ in range(count // 10 + 3):
        get(path)
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        get(path)
        times.append(1000 * (time.perf_counter() - begun))
    times.sort()
    return times[len(times) // 2], times[len(times) * 95 // 100]


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
