"""The Procfile's processes, started and ended as a platform does it: `release` to its end, `web`, SIGTERM to all at once."""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from macrochat.providers.scripted import expected_text
from tests.support.answers import data_of
from tests.support.processes import ROOT, clean_environment, wait_until
from tests.support.servers import BIN, Server

COMMANDS = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line)
MODELS = "scripted-words:20:100,scripted-words:180:100"


@pytest.fixture
def platform(databases, scripted, tmp_path):
    """As Heroku has it: PostgreSQL under its old scheme's name, a PORT, and programs found by PATH."""
    url = databases("postgresql").empty()
    server = Server(
        tmp_path / "log",
        **scripted.settings,
        DATABASE_URL=url.replace("postgresql+psycopg2://", "postgres://").replace("postgresql://", "postgres://"),
        WEB_CONCURRENCY=2,
        HOST="127.0.0.1",
        MACROCHAT_ENV="production",
        MACROCHAT_MODELS=MODELS,
        MACROCHAT_RATE_LIMITS="off",
    )
    server.process.argv = ["/bin/sh", "-c", f"exec {COMMANDS['web']}"]
    server.process.env = clean_environment(**server.settings) | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    yield server
    server.kill()


def release(server):
    return subprocess.run(
        shlex.split(COMMANDS["release"]), cwd=ROOT, env=server.process.env, capture_output=True, timeout=60
    )


def send_to_all(server, number):
    for process in [psutil.Process(server.pid), *server.process.children()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def begin(person, model):
    """Sends and reads in a thread of its own: (reply id, what arrived, the thread)."""
    chat = data_of(person.post("/api/chats", json={"model": model}), 201)
    body = {"messages": [{"role": "user", "content": "x"}]}
    got, ids = [], []

    def read():
        with (
            contextlib.suppress(Exception),
            person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body) as answer,
        ):
            ids.append(answer.headers["X-Reply-Id"])
            got.extend(answer.iter_raw())
            got.append(None)  # the body came to its end

    thread = threading.Thread(target=read)
    thread.start()
    wait_until(lambda: got)
    return ids[0], got, thread


def test_the_command_line_is_what_the_documentation_says():
    assert COMMANDS == {"release": "flask db upgrade", "web": "gunicorn app:app"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sigterm_to_all_processes_loses_nothing(platform):
    assert release(platform).returncode == 0
    assert release(platform).returncode == 0  # every deploy releases
    platform.start()
    person = platform.client("person@example.org")
    short, got_short, first = begin(person, "scripted-words:20:100")
    long, got_long, second = begin(person, "scripted-words:180:100")

    send_to_all(platform, signal.SIGTERM)
    first.join(90)
    second.join(90)
    assert got_short[-1] is None  # finished while there was time
    assert b"".join(got_short[:-1]).decode() == expected_text("scripted-words:20:100", [])
    assert got_long[-1] is not None  # cut, and the client can tell
    assert platform.process.process.wait(60) == 0
    assert platform.process.children() == []
    assert not list(Path("/dev/shm").glob(f"macrochat-metrics-{platform.pid}-*"))

    platform.start()
    person = platform.client("person@example.org")
    seen = b"".join(got_long)
    rest = person.get(f"/api/replies/{long}/stream?offset={len(seen)}", timeout=40).content
    assert (seen + rest).decode() == expected_text("scripted-words:180:100", [])
    status = data_of(person.get(f"/api/replies/{long}"))
    assert (status["status"], status["attempts"]) == ("complete", 2)
    assert data_of(person.get(f"/api/replies/{short}"))["attempts"] == 1
