"""What Macrochat makes is its user's only, and the documented backup works every night."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from macrochat.config import Settings
from tests.support.databases import migrate
from tests.support.processes import ROOT, clean_environment
from tests.support.servers import SECRET_KEY, Server

BIN = Path(sys.executable).parent
BACKUP = (ROOT / "docs" / "deploy.md").read_text().partition("## Backup and restore")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"(?:^    .+\n)+", BACKUP, re.MULTILINE)


def open_to_others(folder):
    return [str(path) for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.fixture
def loose():
    """A process with the usual umask starts the others."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_what_commands_and_the_server_make_is_for_their_user_only(loose, tmp_path):
    folder = tmp_path / "data" / "deeper"
    settings = {
        "DATABASE_URL": f"sqlite:///{folder}/macrochat.db",
        "SECRET_KEY": SECRET_KEY,
        "MACROCHAT_LOCAL_MODEL": "off",
    }
    for command in (["db", "upgrade"], ["chats", "export", "--output", str(folder / "chats.jsonl")]):
        subprocess.run(
            [BIN / "flask", *command], cwd=ROOT, env=clean_environment(**settings), check=True, capture_output=True
        )
    server = Server(tmp_path / "log", **settings).start()
    try:
        server.client()
        names = {path.name for path in folder.iterdir()}
        assert names >= {"macrochat.db", "macrochat.db-wal", "macrochat.db-shm", "chats.jsonl"}
        assert open_to_others(tmp_path / "data") == []
    finally:
        server.close()


def test_the_instance_folder_is_closed_also_when_it_was_open(loose, tmp_path):
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o755)
    Settings.from_env({}, instance=instance)
    assert open_to_others(instance) == []
    others = tmp_path / "shared"
    others.mkdir(mode=0o755)
    Settings.from_env({"DATABASE_URL": f"sqlite:///{others}/x.db"}, instance=instance)
    assert open_to_others(others) == [str(others)], "a folder that is not ours stays as it is"


def test_the_documented_backup_of_sqlite_works_the_second_night_too(loose, tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / ".venv").symlink_to(BIN.parent)
    database = tmp_path / "instance" / "macrochat.db"
    migrate(f"sqlite:///{database}", tmp_path)
    for night in (1, 2):
        with sqlite3.connect(database) as live:  # it stays open, and what it wrote in the WAL
            live.execute(f"INSERT INTO workers VALUES ({', '.join('?' * columns(live, 'workers'))})", row(live, night))
            live.commit()
            subprocess.run(["sh", "-ec", BLOCKS[0]], cwd=tmp_path, check=True, env=clean_environment())
        with sqlite3.connect(tmp_path / "backup.db") as copy:
            assert copy.execute("SELECT count(*) FROM workers").fetchone() == (night,)
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    assert not (tmp_path / "backup.new").exists()


def columns(connection, table):
    return len(connection.execute(f"PRAGMA table_info({table})").fetchall())


def row(connection, number):
    """A value for every column that there is, of its own in each row."""
    return [f"{number}{place}" for place in range(columns(connection, "workers"))]


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="PostgreSQL's own programs are not installed")
def test_the_documented_backup_of_postgresql_works_the_second_night_too(loose, tmp_path, postgres_url):
    for _night in (1, 2):
        env = clean_environment(DATABASE_URL=postgres_url.replace("+psycopg2", ""))
        ran = subprocess.run(["sh", "-ec", BLOCKS[1]], cwd=tmp_path, env=env, capture_output=True, text=True)
        if "server version mismatch" in ran.stderr:
            pytest.skip("PostgreSQL's own programs are older than the server of the tests")
        assert ran.returncode == 0, ran.stderr
    assert stat.S_IMODE((tmp_path / "backup.dump").stat().st_mode) == 0o600
