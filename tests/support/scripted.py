"""The scripted provider as a process of its own: an OpenAI-compatible server that behaves as the model's name says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.support.processes import ChildProcess, clean_environment, free_port, is_listening


class ScriptedProvider:
    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.process = ChildProcess(
            [sys.executable, "-m", "macrochat.providers.scripted", "--port", str(self.port)],
            log=log,
            env=clean_environment(),
        )

    @property
    def settings(self) -> dict[str, str]:
        """What points a Macrochat at it."""
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "scripted"}

    def start(self) -> ScriptedProvider:
        self.process.start(ready=lambda: is_listening(self.port))
        return self

    def stop(self) -> None:
        self.process.kill()

    def control(self, verb: str, method: str = "POST") -> dict[str, Any]:
        """`reset` forgets all requests, `release` lets waiting answers go on; returns what it has seen."""
        answer = httpx2.request(method, f"http://127.0.0.1:{self.port}/control/{verb}", timeout=10, trust_env=False)
        return answer.raise_for_status().json()  # type: ignore[no-any-return]

    def reset(self) -> None:
        self.control("reset")

    def release(self) -> None:
        self.control("release")

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The completion requests since the last reset, oldest first (fields: scripted/state.py)."""
        return self.control("state", "GET")["requests"]  # type: ignore[no-any-return]

    @property
    def open_connections(self) -> int:
        """Without the one that asks."""
        return int(self.control("state", "GET")["open_connections"]) - 1
