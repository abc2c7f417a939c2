"""Debian's Caddy as a process of the test's own, with the configuration of the documentation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.processes import ROOT, ChildProcess, clean_environment, free_port, is_listening

GLOBAL = "{\n    admin off\n    auto_https off\n}\n"


def documented() -> str:
    [snippet] = re.findall(r"^```caddyfile\n(.*?)^```", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE | re.DOTALL)
    return snippet


class Caddy:
    """`site` is a Caddyfile as in the documentation, which is served on loopback and without TLS here."""

    def __init__(self, folder: Path, site: str, backend_port: int) -> None:
        program = shutil.which("caddy")
        if program is None:
            pytest.skip("Caddy is not installed: `make test-programs` as root installs it")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{backend_port}").replace("chat.example.org", f":{self.port}")
        (folder / "Caddyfile").write_text(GLOBAL + site)
        self._process = ChildProcess(
            [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"],
            log=folder / "log",
            env=clean_environment(HOME=folder, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder),
        )

    def start(self) -> Caddy:
        self._process.start(ready=lambda: is_listening(self.port))
        return self

    def stop(self) -> None:
        self._process.kill()
