"""The system's nginx as a program of ours, with all its files in one folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Paths are relative to the folder. Started by root, nginx would work as a user who may not enter it.
CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid pid;
{main}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {http}
}}
"""


class NotInstalled(Exception):
    """There is no nginx here. The sentence says how to get it."""


def command(folder: Path, main: str, http: str) -> list[str]:
    """What to run for an nginx in the foreground; `main` and `http` are what stands before and in its block `http`."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise NotInstalled("nginx is not installed: `make test-programs` as root installs it")
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(user=user, main=main, http=http))
    return [program, "-p", str(folder), "-c", str(configuration)]
