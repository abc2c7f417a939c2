"""Programs that tests start: each in its own process group, its output in a file, gone when the test process is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.support.patience import Stopwatch

ROOT = Path(__file__).resolve().parents[2]
OURS = ("MACROCHAT_", "OPENAI_", "GUNICORN_", "FLASK_")
OURS_EXACT = ("DATABASE_URL", "SECRET_KEY", "HOST", "PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")


_random = random.SystemRandom()  # not the common one, which Hypothesis seeds alike in every process


def clean_environment(**settings: object) -> dict[str, str]:
    """This process's environment without any setting of Macrochat, so that a developer's own never reach a test.

    Those of a developer's `.env` neither: what runs in it leaves the file unread, unless FLASK_SKIP_DOTENV is set to 0.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS) and k not in OURS_EXACT}
    always = {"NO_PROXY": "127.0.0.1,localhost", "FLASK_SKIP_DOTENV": "1"}
    return kept | always | {k: str(v) for k, v in settings.items()}


def free_port() -> int:
    """A free loopback port, below the range that outgoing connections take theirs from: free at a restart too."""
    while True:
        port = _random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], Any], seconds: float = 10, what: str = "") -> Any:
    """The first true value of `condition`, asked every 20 ms. Raises AssertionError after `seconds` of a Stopwatch."""
    if value := condition():
        return value
    watch = Stopwatch()
    while True:
        time.sleep(0.02)
        late = watch.wall_seconds > seconds and watch.seconds > seconds
        if value := condition():
            return value
        assert not late, f"Not within {seconds} s: {what or condition}"


class ChildProcess:
    """A program. `log` holds all it prints."""

    def __init__(
        self, argv: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path = ROOT, user: str | None = None
    ) -> None:
        self.argv, self.log, self.env, self.cwd, self.user = list(argv), log, dict(env), cwd, user
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Returns once `ready()`. Raises AssertionError with the log's end when the program ends or takes too long."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
            )
        watch = Stopwatch()
        while not ready():
            if not self.running or watch.seconds > seconds:
                self.kill()
                raise AssertionError(f"{self.argv} did not become ready. Its output:\n{self.tail()}")
            time.sleep(0.05)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """Asks it to end and returns its exit code; kills the whole group when it does not within `seconds`."""
        if self.process is None:
            return 0
        if self.running:
            self.send(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL for it and everything it started in its group."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.process.wait(10)

    def children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, characters: int = 6000) -> str:
        return self.output()[-characters:]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent() -> None:
    """Linux: an interrupted test run leaves nothing behind. 1 is PR_SET_PDEATHSIG."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGINT)
