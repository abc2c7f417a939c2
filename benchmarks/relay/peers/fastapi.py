"""FastAPI on uvicorn (with uvloop and httptools) and AsyncOpenAI, in a virtual environment of its own."""

from __future__ import annotations

from benchmarks.relay.peers.base import KEY, PROGRAMS, Peer
from benchmarks.relay.peers.install import virtual_environment


class FastApi(Peer):
    name = "fastapi"
    title = "FastAPI + AsyncOpenAI, typed SDK loop"
    guess = 60

    def start(self) -> None:
        binaries = virtual_environment(self.setting.tools / "fastapi", PROGRAMS / "fastapi.txt")
        self.run(
            [
                *(binaries / "uvicorn", "fastapi_app:app", "--app-dir", PROGRAMS, "--no-access-log"),
                *("--host", "127.0.0.1", "--port", self.port, "--backlog", 4096, "--log-level", "warning"),
            ],
            OPENAI_BASE_URL=self.setting.upstream,
            OPENAI_API_KEY=KEY,
        )
