"""Debian's PgBouncer before the tests' PostgreSQL, as Debian configures it except for folders, ports and passwords."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.postgres import USER, Postgres
from tests.support.processes import ChildProcess, clean_environment, free_port, is_listening

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/userlist.txt
admin_users = {user}
pool_mode = {mode}
default_pool_size = {size}
"""


class PgBouncer:
    """`mode` is session or transaction; `size` how many sessions it keeps for a database."""

    def __init__(self, postgres: Postgres, mode: str, size: int) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            pytest.skip("PgBouncer is not installed: `make test-programs` as root installs it")
        self.port = free_port()
        # Where `nobody` may enter: PgBouncer refuses to run as root.
        self._folder = Path(tempfile.mkdtemp(prefix=f"macrochat-pgbouncer-{os.getpid()}-"))
        self._folder.chmod(0o755)
        (self._folder / "userlist.txt").write_text(f'"{USER}" ""\n')
        (self._folder / "pgbouncer.ini").write_text(
            CONFIGURATION.format(
                server_port=postgres.port, port=self.port, folder=self._folder, user=USER, mode=mode, size=size
            )
        )
        self._process = ChildProcess(
            [program, str(self._folder / "pgbouncer.ini")],
            log=self._folder / "log",
            env=clean_environment(),
            cwd=self._folder,
            user="nobody" if os.geteuid() == 0 else None,
        )

    def start(self) -> PgBouncer:
        self._process.start(ready=lambda: is_listening(self.port))
        return self

    def delete(self) -> None:
        self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database_url: str) -> str:
        """The same database's address, by way of this pooler."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database_url.rpartition('/')[2]}"
