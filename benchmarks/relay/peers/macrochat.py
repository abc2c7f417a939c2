"""Macrochat with everything switched on: people with keys, a chat a stream, limits that count, a durable database."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import httpx2

from benchmarks.databases import Kind as DatabaseKind
from benchmarks.databases import database
from benchmarks.relay.client import Request
from benchmarks.relay.machine import pinned, tree
from benchmarks.relay.peers.base import KEY, Peer, Setting, post
from benchmarks.relay.texts import MODEL
from benchmarks.relay.upstream import Kind, prompt
from benchmarks.rows import Rows, migrate

PEOPLE = 50
# One load client stands for many people: the limits stay on, but are not what is measured.
LIMITS = {
    "MACROCHAT_MAX_STREAMS_PER_USER": 10_000,
    "MACROCHAT_MAX_STREAMS": 10_000,
    "MACROCHAT_RATE_LIMITS": "1000000 per minute",
    "MACROCHAT_ACCOUNT_SHARE": 100,
    "MACROCHAT_MAX_REQUESTS_PER_USER": 10_000,
    "MACROCHAT_MAX_REPLY_BYTES": 1 << 30,
    "MACROCHAT_PROVIDER_TIMEOUT": 600,  # the streams are silent until the last one is open
}


class Macrochat(Peer):
    name = "macrochat"
    title = "**Macrochat** (SQLite)"
    database: DatabaseKind = "sqlite"

    def __init__(self, setting: Setting, workers: int = 1) -> None:
        super().__init__(setting)
        self.workers = workers
        self._open = contextlib.ExitStack()
        self._database_pids: list[int] = []

    def start(self) -> None:
        with pinned(self.setting.cores.relay):
            made = self._open.enter_context(database(self.database, self.setting.folder))
        self._database_pids = made.pids
        self.environment = {
            "MACROCHAT_ENV": "production",
            "HOST": "127.0.0.1",
            "PORT": self.port,
            "SECRET_KEY": "a secret key of the benchmark, long enough",
            "DATABASE_URL": made.url,
            "WEB_CONCURRENCY": self.workers,
            "OPENAI_BASE_URL": self.setting.upstream,
            "OPENAI_API_KEY": KEY,
            "MACROCHAT_MODELS": MODEL,
            "MACROCHAT_LOCAL_MODEL": "off",
            **LIMITS,
        }
        migrate(self.environment)
        self.rows = Rows(made.url)
        self._open.callback(self.rows.close)
        self.people = self.rows.people(PEOPLE)
        self.run([Path(sys.executable).parent / "gunicorn", "app:app"], **self.environment)

    def stop(self) -> None:
        super().stop()
        self._open.close()

    def followers(self, of: Request, count: int) -> list[Request]:
        """More readers of a stream that is open already, from its beginning."""
        head = of.data.partition(b"\r\n\r\n")[0].decode()
        path = head.split(" ")[1]
        authorization = next(line for line in head.splitlines() if line.startswith("Authorization:"))
        get = f"GET {path}?offset=0 HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{authorization}\r\n\r\n"
        return [Request(self.port, of.stream, get.encode())] * count

    def requests(self, count: int, kind: Kind, cells: int = 0) -> list[Request]:
        streams = [self._next() for _ in range(count)]
        owners = [self.people[stream % PEOPLE] for stream in streams]
        chats = self.rows.chats([owner.id for owner in owners]) if count else []
        return [
            Request(
                self.port,
                stream,
                post(
                    self.port,
                    f"/api/chats/{chat}/stream",
                    {"messages": [{"role": "user", "content": prompt(stream, kind, cells)}]},
                    Authorization=f"Bearer {owner.key}",
                ),
            )
            for stream, owner, chat in zip(streams, owners, chats, strict=True)
        ]

    def pids(self) -> list[int]:
        return super().pids() + tree(self._database_pids)

    def _ready(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False


class MacrochatPostgres(Macrochat):
    name = "macrochat-postgresql"
    title = "**Macrochat** (PostgreSQL, its server on the same core)"
    database = "postgresql"
