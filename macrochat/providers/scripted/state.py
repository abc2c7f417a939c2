"""What the scripted server remembers of its requests, for tests to ask."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from gevent.event import Event


@dataclass
class Record:
    """One chat completion request. Times in Unix seconds."""

    model: str
    messages: list[dict[str, str]]
    body: dict[str, Any]  # the rest of the request
    connection: int
    address: str  # path and query
    started: float = field(default_factory=time.time)
    ended: float | None = None
    how: str | None = None
    bytes_sent: int = 0

    def end(self, how: str) -> None:
        """The first reason counts."""
        if self.how is None:
            self.how = how
            self.ended = time.time()


class State:
    def __init__(self) -> None:
        self.open_connections = 0
        self.connections_seen = 0
        self.records: list[Record] = []
        self.seen: Counter[str] = Counter()  # requests by model
        self.released = Event()

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.seen[record.model] += 1

    def reset(self) -> None:
        self.records.clear()
        self.seen.clear()
        self.released.set()  # wakes those who wait now
        self.released = Event()

    def report(self) -> dict[str, Any]:
        return {"open_connections": self.open_connections, "requests": [asdict(r) for r in self.records]}
