"""What a scenario happens in: a database, a scripted provider, proxies before both, and one or two gunicorns."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from tests.chaos import http1
from tests.chaos.lines import NoControl, ask
from tests.support.processes import ROOT, ChildProcess, clean_environment, free_port, wait_until
from tests.support.scripted import ScriptedProvider
from tests.support.servers import PASSWORD, SECRET_KEY

# Half of them think before they speak.
MODELS = (
    *("scripted-echo:15", "scripted-echo:25", "scripted-echo:40"),
    *("scripted-echo-thinks:15:30", "scripted-echo-thinks:25:20", "scripted-echo-thinks:40:10"),
)
PROBE_MODEL = "scripted-echo:0"
PROVIDER_SECONDS = 6  # of silence, after which a reply fails
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Kind:
    """`servers` gunicorns of `workers` each. `continue_mode` is how a reply is taken over (MACROCHAT_CONTINUE_MODE)."""

    database: str = "sqlite"
    workers: int = 1
    servers: int = 1
    continue_mode: str = "prefill"

    def __str__(self) -> str:
        return f"{self.database} {self.servers}×{self.workers} {self.continue_mode}"

    @property
    def processes(self) -> int:
        return self.workers * self.servers


@dataclass
class Node:
    """One worker process: `port` is its own door."""

    pid: int
    master: int
    port: int
    control: Path = field(repr=False)

    def ask(self, do: str, within: float = 15.0, **fields: Any) -> Any:
        """Raises NoControl, after `within` seconds too."""
        return ask(self.control, {"do": do, **fields}, within)

    def quietly(self, do: str, **fields: Any) -> Any:
        """As `ask`, but None when the process is gone."""
        try:
            return self.ask(do, **fields)
        except NoControl:
            return None

    def kill(self, number: int = signal.SIGKILL) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass


@dataclass
class Person:
    """Somebody with an account. `cookie` is good at every worker."""

    email: str
    cookie: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie}


class World:
    """`url` is the database's address; its owner makes and drops it. `settings` are environment variables."""

    def __init__(self, kind: Kind, folder: Path, url: str, **settings: object) -> None:
        self.kind, self.folder, self.url = kind, folder, url
        self.folder.mkdir(parents=True, exist_ok=True)
        self.provider = ScriptedProvider(folder / "provider.log")
        self.proxies: dict[str, int] = {}
        self._proxy: ChildProcess | None = None
        self._settings = settings
        self.servers: list[ChildProcess] = []
        self.dead: set[int] = set()  # killed a moment ago, whatever the system says
        self._announced: dict[str, Node] = {}
        self._numbers = itertools.count(1)
        self.alice = self.bob = Person("", "")

    def start(self) -> World:
        self.provider.start()
        self._execute("CREATE TABLE chaos_clock (seconds double precision)")
        self._start_proxies()
        self.servers = [self._server(number) for number in range(self.kind.servers)]
        for server in self.servers:
            self.start_server(server, wait=False)
        self.wait_for_nodes()
        self.alice, self.bob = self.register("alice"), self.register("bob")
        return self

    def stop(self) -> None:
        for server in self.servers:
            server.kill()
        if self._proxy:
            self._proxy.kill()
        self.provider.stop()

    def log(self) -> str:
        return "".join(server.output() for server in self.servers)

    # The servers

    def start_server(self, server: ChildProcess, *, wait: bool = True) -> None:
        before = {node.pid for node in self.nodes()}
        server.start(ready=lambda: True)
        if wait:
            wait_until(
                lambda: len({n.pid for n in self.nodes()} - before) >= self.kind.workers, 60, "a server's workers"
            )

    def wait_for_nodes(self, seconds: float = 90) -> list[Node]:
        """The workers, once all that there should be can be asked."""

        def all_answer() -> list[Node]:
            nodes = self.nodes()
            whole = len(nodes) == self.kind.processes
            return nodes if whole and all(node.quietly("counts") is not None for node in nodes) else []

        return wait_until(all_answer, seconds, f"{self.kind.processes} workers")  # type: ignore[no-any-return]

    def nodes(self) -> list[Node]:
        """The workers that live and serve now, oldest first."""
        for path in self.folder.glob("*.json"):
            if path.name not in self._announced:
                facts = json.loads(path.read_text())
                self._announced[path.name] = Node(facts["pid"], facts["ppid"], facts["port"], path.with_suffix(".sock"))
        for name, node in list(self._announced.items()):
            if node.pid in self.dead or not _alive(node.pid):
                del self._announced[name]
                (self.folder / name).unlink(missing_ok=True)
        return sorted(self._announced.values(), key=lambda node: node.pid)

    def any_port(self, rng: random.Random) -> int:
        """A door to some worker; the common one when no worker is known."""
        nodes = self.nodes()
        return rng.choice(nodes).port if nodes else self.common_port(rng)

    def common_port(self, rng: random.Random) -> int:
        return int(rng.choice(self.servers).env["PORT"])

    # People

    def register(self, name: str) -> Person:
        email = f"{name}-{next(self._numbers)}@example.org"
        body = {"email": email, "password": PASSWORD, "name": name}
        answer = http1.request(self.nodes()[0].port, "POST", "/api/auth/register", body=body)
        cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        if answer.status != 201:
            raise AssertionError(f"register: {answer.status} {answer.body()!r}")
        return Person(email, cookie)

    # Parts

    def requests(self) -> list[dict[str, Any]]:
        """What the provider was asked since its last reset (fields: scripted/state.py)."""
        found: list[dict[str, Any]] = http1.request(self.provider.port, "GET", "/control/state").json()["requests"]
        return found

    def tell_provider(self, verb: str) -> None:
        """`reset` or `release`."""
        http1.request(self.provider.port, "POST", f"/control/{verb}")

    def proxy(self, route: str, mode: str, **fields: Any) -> int:
        """Sets the `provider` or the `database` proxy; returns how many connections were open."""
        return int(ask(self.folder / "proxy.sock", {"route": route, "mode": mode, **fields}))

    def move_clock(self, seconds: float) -> None:
        """What the workers take for the database's clock jumps by so much."""
        self._execute(f"INSERT INTO chaos_clock VALUES ({seconds})")

    def _execute(self, statement: str) -> None:
        if self.kind.database == "sqlite":
            connection: Any = sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=5, isolation_level=None)
        else:
            connection = psycopg2.connect(self.url, connect_timeout=5)
            connection.autocommit = True
        with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(statement)

    def _start_proxies(self) -> None:
        targets = [f"provider={self.provider.port}"]
        if self.kind.database == "postgresql":
            targets.append(f"database={self.url.rsplit(':', 1)[1].partition('/')[0]}")
        log = self.folder / "proxy.log"
        argv = [sys.executable, "-m", "tests.chaos.proxy", str(self.folder / "proxy.sock"), *targets]
        self._proxy = ChildProcess(argv, log=log, env=clean_environment())
        self._proxy.start(ready=lambda: log.read_text().endswith("}\n"))
        self.proxies = json.loads(log.read_text())

    def _server(self, number: int) -> ChildProcess:
        url = self.url
        if "database" in self.proxies:
            head, _, name = url.rpartition("/")
            url = f"{head.rsplit(':', 1)[0]}:{self.proxies['database']}/{name}"
        settings = {
            "SECRET_KEY": SECRET_KEY,
            "PORT": free_port(),
            "DATABASE_URL": url,
            "WEB_CONCURRENCY": self.kind.workers,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.proxies['provider']}/v1",
            "OPENAI_API_KEY": "scripted",
            "MACROCHAT_LOCAL_MODEL": "off",
            "MACROCHAT_MODELS": ",".join([*MODELS, PROBE_MODEL]),
            "MACROCHAT_RATE_LIMITS": "off",
            "MACROCHAT_LOG_LEVEL": "warning",
            "MACROCHAT_MAX_STREAMS_PER_USER": 1000,
            "MACROCHAT_LEASE_SECONDS": 2,
            "MACROCHAT_PROVIDER_TIMEOUT": PROVIDER_SECONDS,
            "MACROCHAT_CONTINUE_MODE": self.kind.continue_mode,
            "CHAOS_FOLDER": self.folder,
        } | self._settings
        if self.kind.servers > 1:  # each as on a machine of its own: its end shows by its lease alone
            settings["CHAOS_MACHINE"] = f"machine {number}"
        argv = [str(BIN / "gunicorn"), "-c", "tests/chaos/gunicorn_conf.py", "tests.chaos.faulty_app:app"]
        return ChildProcess(argv, log=self.folder / f"server-{number}.log", env=clean_environment(**settings), cwd=ROOT)


def _alive(pid: int) -> bool:
    """Neither gone nor waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
