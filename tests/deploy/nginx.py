"""Debian's nginx as a process of the test's own, with a configuration from the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import nginx
from tests.support.processes import ROOT, ChildProcess, clean_environment, free_port, is_listening

MAIN = """
error_log stderr warn;
events { worker_connections 256; }
"""


def documented() -> str:
    """The configuration in docs/deploy.md."""
    [snippet] = re.findall(r"^```nginx\n(.*?)^```", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE | re.DOTALL)
    return snippet


class Nginx:
    def __init__(self, folder: Path, site: str, backend_port: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{backend_port}").replace(
            "listen 80;", f"listen 127.0.0.1:{self.port};"
        )
        try:
            argv = nginx.command(folder, MAIN, site)
        except nginx.NotInstalled as why:
            pytest.skip(str(why))
        self.process = ChildProcess(argv, log=folder / "log", env=clean_environment())

    def start(self) -> Nginx:
        self.process.start(ready=lambda: is_listening(self.port))
        return self

    def stop(self) -> None:
        self.process.kill()
