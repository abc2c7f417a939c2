"""`make run`: runs the Procfile as a platform would, `release` to its end, then `web` until Ctrl-C.

Why not honcho: it hands a closed terminal's hang-up on to nobody (an orphan keeps the port), kills with SIGKILL what
has not ended after five seconds (replies being finished), and lets `.env` override what was set by hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60
PR_SET_PDEATHSIG = 1


def main() -> int:
    os.chdir(ROOT)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    settings = read_settings()
    require_free_port(settings.host, settings.port)
    commands = read_procfile(ROOT / "Procfile")
    if code := subprocess.call(shlex.split(commands["release"])):
        return code
    return Web(commands["web"], settings).run()


def read_settings() -> Any:
    config = runpy.run_path(str(ROOT / "macrochat" / "config.py"))
    config["keep_files_private"]()
    try:
        return config["Settings"].from_env()
    except config["ConfigError"] as error:
        sys.exit(f"Macrochat cannot start: {error}")


def read_procfile(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+):\s*(.+?)\s*$", path.read_text(), re.MULTILINE))


def require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(
                f"Macrochat cannot use port {port} ({error.strerror}). Stop the program that has it, "
                f"or choose another port: PORT={port + 1} make run"
            )


class Web:
    """The web server. The first Ctrl-C lets running replies finish, the second ends it at once."""

    def __init__(self, command: str, settings: Any) -> None:
        self.command = command
        self.settings = settings
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
        self.signals = 0
        self.process: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Returns the server's exit code; 0 when it was asked to end."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.pass_on)
        self.process = subprocess.Popen(
            shlex.split(self.command),
            # A session of its own: the terminal's Ctrl-C comes here only, and gunicorn gets a SIGTERM, which
            # is the gentle one (at a SIGINT it drops its streams).
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509
        )
        if self.wait_until_ready():
            print(f"\n  Macrochat is ready: {self.url}\n  Ctrl-C stops it.\n", flush=True)
        code = self.process.wait()
        return 0 if self.signals else code

    def pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.signals += 1
        if self.process is None:
            sys.exit(128 + number)
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM if self.signals == 1 else signal.SIGQUIT)
        if self.signals == 1 and number == signal.SIGINT:
            print("\n  Stopping; replies being written may finish. Ctrl-C again stops at once.\n", flush=True)

    def wait_until_ready(self) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says
        deadline = time.monotonic() + READY_SECONDS
        while self.process.poll() is None and not self.signals and time.monotonic() < deadline:
            with contextlib.suppress(OSError), direct.open(f"{self.url}/healthz", timeout=2):
                return True
            time.sleep(0.1)
        return False


def _end_with_parent() -> None:
    """Linux: when this program is killed without a chance to pass it on, the server is told to end all the same."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
