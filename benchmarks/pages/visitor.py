"""A Macrochat as a process, and somebody who is signed in there and looks at pages."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2

from tests.support.processes import ChildProcess, clean_environment, free_port

PERSON = {"email": "reader@example.org", "password": "correct horse battery staple", "name": "Reader"}


def settings(database_url: str) -> dict[str, object]:
    """Of a Macrochat that needs no model."""
    return {
        "MACROCHAT_ENV": "development",  # in production the session's cookie would need https
        "HOST": "127.0.0.1",
        "PORT": free_port(),
        "SECRET_KEY": "a secret key of the benchmark, long enough",
        "DATABASE_URL": database_url,
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "MACROCHAT_MODELS": "bench",
        "MACROCHAT_LOCAL_MODEL": "off",
        "MACROCHAT_RATE_LIMITS": "1000000 per minute",
        "MACROCHAT_ACCOUNT_SHARE": 100,
        "MACROCHAT_LOG_LEVEL": "warning",
    }


class Visitor:
    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        answer = client.post("/api/auth/register", json=PERSON)
        answer.raise_for_status()
        self.id = uuid.UUID(answer.json()["data"]["user"]["id"])

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._client.cookies.items())

    def get(self, path: str) -> None:
        """Reads the whole answer. Raises HTTPError for a refusal."""
        self._client.get(path).raise_for_status()

    def addresses(self) -> dict[str, str]:
        """What is looked at, by name. The newest chat is the long one."""
        listed = self._client.get("/api/chats").json()
        chat, cursor = listed["data"][0], listed["meta"]["nextCursor"]
        return {
            "page with the chat list": "/",
            "page of a chat of 200 messages": f"/chats/{chat['id']}",
            "chat list, API": "/api/chats",
            "chat list behind a cursor, API": f"/api/chats?cursor={cursor}",
            "chat of 200 messages, API": f"/api/chats/{chat['id']}",
            "search in titles, API": "/api/chats?q=nothing",
        }


@contextlib.contextmanager
def signed_in(environment: Mapping[str, object], folder: Path) -> Iterator[Visitor]:
    server = ChildProcess(
        [str(Path(sys.executable).parent / "gunicorn"), "app:app"],
        log=folder / "log",
        env=clean_environment(**environment),
    )
    url = f"http://127.0.0.1:{environment['PORT']}"
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
        try:
            server.start(ready=lambda: _answers(client))
            yield Visitor(client)
        finally:
            server.stop(seconds=5)


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.HTTPError:
        return False
