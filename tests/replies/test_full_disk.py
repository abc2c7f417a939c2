"""A disk that is full (SQLite): refusals, one line each in the log, and everything goes on when there is room again."""

import contextlib
import os
import shutil
import subprocess

import pytest

from tests.replies.asking import new_chat
from tests.support.databases import migrate
from tests.support.processes import wait_until

MESSAGE = {"messages": [{"role": "user", "content": "x" * 50_000}]}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this machine lets nobody make a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place):
    """To the last byte."""
    file = os.open(place / "filling", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(file, b"x" * 4096)
    os.close(file)


def test_a_full_disk_refuses_logs_a_line_each_and_is_got_over(server, small_disk):
    url = f"sqlite:///{small_disk}/macrochat.db"
    migrate(url, small_disk)
    site = server(database=url, MACROCHAT_MODELS="scripted-echo")
    ann = site.client()
    chat = new_chat(ann)
    for _ in range(5):  # what the journal will want to move from the write-ahead log
        assert ann.post(f"/api/chats/{chat}/stream", json=MESSAGE).status_code == 200
    fill(small_disk)

    def refused():
        return ann.post(f"/api/chats/{chat}/stream", json=MESSAGE).status_code == 503

    wait_until(refused, 30, "the disk is noticed to be full")
    wait_until(lambda: "during=" in site.process.output(), 30, "the work in the background has met it")
    assert ann.get("/api/chats").status_code == 200, "what is stored can be read"
    assert "Traceback" not in site.process.output()
    (small_disk / "filling").unlink()
    wait_until(lambda: not refused(), 30, "it goes on")
    assert "Traceback" not in site.process.output()
