"""Keeps the embedded model running: starts its server, asks it every second how it is, and starts it again.

    python -m macrochat.providers.local_server        (port: MACROCHAT_LOCAL_MODEL_PORT; 0 takes a free one)

The port is a lock: a supervisor that finds the model answering there, started by somebody else, only watches, and
starts its own when that one goes. Ends at once on SIGTERM or SIGINT, and its server with it; even on SIGKILL (Linux:
by the kernel; elsewhere within a second).
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from macrochat.config import ConfigError, Settings
from macrochat.providers.local_model import LOCAL_MODEL, WeightsMissing, weights

# All in seconds.
CHECK_INTERVAL = 1.0
START_INTERVAL = 0.1  # between checks while it starts
HEALTH_TIMEOUT = 2.0
START_LIMIT = 120.0  # a cold disk and a busy machine; 0.6 s at rest
HANG_LIMIT = 15.0  # no healthy answer for so long: it hangs
FIRST_BACKOFF = 0.5
MAX_BACKOFF = 30.0
STABLE = 60.0  # healthy for so long: the next death counts as the first

PR_SET_PDEATHSIG = 1


class Supervisor:
    """One model server on `port`. `run` ends only by an exception, the one that a signal handler raises included."""

    def __init__(self, command: list[str], port: int) -> None:
        self.port = port
        self._command = command
        self._server: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._healthy_at: float | None = None  # None until the server that runs now was healthy for the first time
        self._backoff = FIRST_BACKOFF
        self._watching = False

    def run(self) -> NoReturn:
        parent = os.getppid()
        try:
            while True:
                self._look_after()
                time.sleep(CHECK_INTERVAL if self._healthy_at or self._watching else START_INTERVAL)
                if os.getppid() != parent:  # whoever started us has died without a word
                    sys.exit(0)
        finally:
            self._end_server()

    def _look_after(self) -> None:
        if self._server is None:
            self._start_unless_somebody_did()
        elif (code := self._server.poll()) is not None:
            self._start_again(f"ended with code {code}")
        elif is_healthy(self.port):
            if self._healthy_at is None:
                seconds = time.monotonic() - self._started
                say(f"ready on http://127.0.0.1:{self.port}/v1, {seconds:.1f} s after its start")
            self._healthy_at = time.monotonic()
            if self._healthy_at - self._started > STABLE:
                self._backoff = FIRST_BACKOFF
        elif time.monotonic() - (self._healthy_at or self._started + START_LIMIT) > HANG_LIMIT:
            self._start_again("hangs")

    def _start_unless_somebody_did(self) -> None:
        if serves_our_model(self.port):
            if not self._watching:
                say(f"already served on port {self.port}: watching")
            self._watching = True
            return
        self._watching = False
        self._started, self._healthy_at = time.monotonic(), None
        self._server = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            # llama.cpp's threads else spin while they wait for each other: on cores shared with other
            # programs that made it ten times slower.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            preexec_fn=_die_with_parent,  # noqa: PLW1509 – this process has one thread
        )

    def _start_again(self, why: str) -> None:
        say(f"{why}; starting it again in {self._backoff:g} s")
        self._end_server()
        time.sleep(self._backoff)
        self._backoff = min(self._backoff * 2, MAX_BACKOFF)
        self._start_unless_somebody_did()

    def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.kill()  # it holds nothing that a gentler end would save
            server.wait()


def supervise(port: int) -> NoReturn:
    """Serves the embedded model on loopback `port` (0: a free one) until a signal ends this process."""
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    port = port or _free_port()
    child = Path(__file__).with_name("local_llama.py")
    # -P: else this folder would stand first in its module search path.
    Supervisor([sys.executable, "-P", str(child), str(weights()), str(port), LOCAL_MODEL], port).run()


def is_healthy(port: int) -> bool:
    return _get(port, "/health") is not None


def serves_our_model(port: int) -> bool:
    """Whether a server that knows our model's name answers there; another program on the port does not count."""
    answer = _get(port, "/v1/models")
    try:
        return answer is not None and any(model["id"] == LOCAL_MODEL for model in json.loads(answer)["data"])
    except (ValueError, KeyError, TypeError):
        return False


def say(what: str) -> None:
    print(f"local model: {what}", flush=True)  # noqa: T201 – it has no other log


def _get(port: int, path: str) -> bytes | None:
    """The body of a 200, else None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(65536)
        return body if response.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """In the child, before it becomes the server: the kernel is to kill it when we die, however we die (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; the clean-up must not be cut short
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(0)


def main() -> None:
    try:
        supervise(Settings.from_env().local_model_port)
    except (ConfigError, WeightsMissing) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
