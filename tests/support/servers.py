"""Macrochat as a real process: gunicorn with gevent workers, on a loopback port, with people who talk to it."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.support.processes import ROOT, ChildProcess, clean_environment, free_port, wait_until

PASSWORD = "correct horse battery staple"
SECRET_KEY = "a secret key of the tests, long enough"
BIN = Path(sys.executable).parent
_numbers = itertools.count(1)

running: list[Server] = []  # what conftest shows the logs of when a test fails


class Person(httpx2.Client):
    """Somebody signed in at a server, as a browser would be: with a session cookie. `user` is their account."""

    user: dict[str, Any]
    email: str


class Server:
    """One gunicorn. `settings` are environment variables; the port, and with it `url`, outlives a restart."""

    def __init__(self, log: Path, **settings: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {"SECRET_KEY": SECRET_KEY, "PORT": self.port, "MACROCHAT_LOCAL_MODEL": "off"} | settings
        self.process = ChildProcess(
            [str(BIN / "gunicorn"), "app:app"], log=log, env=clean_environment(**self.settings), cwd=ROOT
        )
        self.log_seen = 0  # characters of the log that belong to earlier tests
        self._people: list[httpx2.Client] = []

    @property
    def database_url(self) -> str:
        return str(self.settings["DATABASE_URL"])

    @property
    def log(self) -> Path:
        return self.process.log

    @property
    def pid(self) -> int:
        """Of gunicorn's master."""
        return self.process.pid

    def start(self) -> Server:
        """Returns once it answers."""
        self.process.start(ready=self.answers)
        if self not in running:
            running.append(self)
        return self

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """As a deploy does; returns the exit code of the master."""
        self._forget_people()
        return self.process.stop(number, seconds)

    def close(self) -> None:
        """The end of the test, without grace: nothing is to be learnt from it."""
        self._forget_people()
        self.process.kill()
        if self in running:
            running.remove(self)

    def kill(self) -> None:
        """The machine loses power: SIGKILL for the master and all workers."""
        self.process.kill()

    def restart(self) -> Server:
        self.process.stop()
        return self.start()

    def answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False

    def worker_pids(self) -> list[int]:
        """Oldest first."""
        found = []
        for child in self.process.children():
            try:
                if child.ppid() == self.pid and "app:app" in child.cmdline():
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return [child.pid for child in sorted(found, key=psutil.Process.create_time)]

    def kill_worker(self, pid: int | None = None, number: int = signal.SIGKILL) -> int:
        """Kills a worker (the oldest) and returns its process id once it is gone. gunicorn starts another."""
        pid = pid or self.worker_pids()[0]
        os.kill(pid, number)
        wait_until(lambda: pid not in self.worker_pids(), 30, f"worker {pid} gone")
        return pid

    def anonymous(self, **options: Any) -> httpx2.Client:
        """A client without an account. Closed by the server's end."""
        client = httpx2.Client(**self._client_options(options))
        self._people.append(client)
        return client

    def client(self, email: str | None = None, **options: Any) -> Person:
        """Somebody signed in: a new person, or the one with this address, registered at their first time."""
        person = Person(**self._client_options(options))
        self._people.append(person)
        person.email = email or f"person-{os.getpid()}-{next(_numbers)}@example.org"
        answer = person.post("/api/auth/register", json=_registration(person.email))
        if answer.status_code == 409:
            answer = person.post("/api/auth/login", json={"email": person.email, "password": PASSWORD})
        assert answer.is_success, f"{person.email} cannot sign in: {answer.status_code} {answer.text}"
        person.user = answer.json()["data"]["user"]
        return person

    def _forget_people(self) -> None:
        for person in self._people:
            person.close()
        self._people.clear()

    def _client_options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"base_url": self.url, "timeout": 30, "trust_env": False} | options


def register(client: Any, email: str) -> Any:
    """Signs a Flask test client in as a new person; returns it, with the account as `user`."""
    answer = client.post("/api/auth/register", json=_registration(email))
    assert answer.status_code == 201, answer.text
    client.user = answer.get_json()["data"]["user"]
    return client


def _registration(email: str) -> dict[str, str]:
    return {"email": email, "password": PASSWORD, "name": email.partition("@")[0].capitalize()}
