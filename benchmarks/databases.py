"""A database for one benchmark: an SQLite file, or a PostgreSQL that really writes (the tests' own does not)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from unittest import mock

from tests.support import postgres

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
DURABLE = ["-c", "max_connections=200", "-c", "shared_buffers=256MB"]  # else PostgreSQL's defaults: fsync and all


class Database:
    """`url` is for DATABASE_URL; `pids` are of the server's main process, if it is one of its own."""

    def __init__(self, url: str, pids: list[int]) -> None:
        self.url, self.pids = url, pids


@contextlib.contextmanager
def database(kind: Kind, folder: Path) -> Iterator[Database]:
    """Empty, without tables."""
    if kind == "sqlite":
        yield Database(f"sqlite:///{folder / 'bench.db'}", [])
        return
    with mock.patch.object(postgres, "FAST", DURABLE):
        cluster = postgres.Postgres()
    try:
        cluster.start()
        yield Database(cluster.create(), [cluster._process.pid])
    finally:
        cluster.delete()
