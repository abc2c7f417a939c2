"""What every relay that is compared is to the benchmark: programs on the relay's core, and a way to ask for streams."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.relay.check import EventCheck, TextCheck
from benchmarks.relay.client import Check, Request
from benchmarks.relay.machine import Cores, pinned, tree
from benchmarks.relay.texts import MODEL
from benchmarks.relay.upstream import Kind, prompt
from tests.support.processes import ChildProcess, clean_environment, free_port, is_listening

KEY = "sk-bench"
PROGRAMS = Path(__file__).parent / "programs"


@dataclass(slots=True)
class Setting:
    """Where a peer runs. `folder` is its own, empty; `tools` the one for what is installed, kept between runs."""

    upstream: str  # base URL, ending in /v1
    folder: Path
    tools: Path
    cores: Cores
    environment: dict[str, str] = field(default_factory=dict)  # settings that the caller adds


class NotAvailable(Exception):
    """This peer cannot run here. The sentence says what is missing."""


class Peer(ABC):
    """`start()`, then `requests()`, as often as wanted, then `stop()`."""

    name: ClassVar[str]
    title: ClassVar[str]  # in tables
    check: ClassVar[Check] = TextCheck
    guess: ClassVar[int] = 1000  # streams that it may carry: where a search begins

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.port = free_port()
        self._processes: list[ChildProcess] = []
        self._number = 0

    @abstractmethod
    def start(self) -> None:
        """Returns once it answers. Raises NotAvailable."""

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop(seconds=5)
        self._processes.clear()

    def requests(self, count: int, kind: Kind, cells: int = 0) -> list[Request]:
        """Of streams that were not there before."""
        return [self._request(self._next(), kind, cells) for _ in range(count)]

    def pids(self) -> list[int]:
        """Of all processes that its work is done in."""
        return tree(process.pid for process in self._processes if process.running)

    def worker_pid(self) -> int:
        """Of the process that relays: what a profiler looks at."""
        return tree([self._processes[-1].pid])[-1]

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _request(self, stream: int, kind: Kind, cells: int) -> Request:
        return Request(self.port, stream, post(self.port, "/v1/chat/completions", completion(stream, kind, cells)))

    def run(self, argv: Sequence[object], **environment: object) -> ChildProcess:
        """Starts a program on the relay's core; returns once it listens on the peer's port."""
        process = ChildProcess(
            [str(part) for part in argv],
            log=self.setting.folder / "log",
            env=clean_environment(**environment, **self.setting.environment),
        )
        self._processes.append(process)
        with pinned(self.setting.cores.relay):
            process.start(ready=self._ready)
        return process

    def _ready(self) -> bool:
        return is_listening(self.port)


class PassingPeer(Peer):
    """One that hands on the upstream's bytes as they are."""

    check = EventCheck


def completion(stream: int, kind: Kind, cells: int) -> dict[str, Any]:
    """The body of a chat completion request as the SDKs send it."""
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt(stream, kind, cells)}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def post(port: int, path: str, body: dict[str, Any], **headers: str) -> bytes:
    """A whole HTTP/1.1 request with a JSON body."""
    data = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data
