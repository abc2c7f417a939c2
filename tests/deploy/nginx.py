"""Debian's nginx as a process of the test's own, with a configuration from the documentation."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.processes import ROOT, ChildProcess, clean_environment, free_port, is_listening

MAIN = """
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def documented() -> str:
    """The configuration in docs/deploy.md."""
    [snippet] = re.findall(r"^```nginx\n(.*?)^```", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE | re.DOTALL)
    return snippet


class Nginx:
    def __init__(self, folder: Path, site: str, backend_port: int) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            pytest.skip("nginx is not installed (apt install nginx-light)")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{backend_port}").replace(
            "listen 80;", f"listen 127.0.0.1:{self.port};"
        )
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = folder / "nginx.conf"
        configuration.write_text(MAIN.format(folder=folder, site=site, user=user))
        argv = [program, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]
        self.process = ChildProcess(argv, log=folder / "log", env=clean_environment())

    def start(self) -> Nginx:
        self.process.start(ready=lambda: is_listening(self.port))
        return self

    def stop(self) -> None:
        self.process.kill()
