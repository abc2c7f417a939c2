"""`make run` as a newcomer meets it, in a copy of the files that git has: it serves, says where, and leaves nothing."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.support.processes import ROOT, ChildProcess, clean_environment, free_port, is_listening, wait_until

VENV = Path(sys.prefix)
READY = "Macrochat is ready"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a clone would have. Its virtual environment is this one: installing is what brought the tests here."""
    folder = tmp_path_factory.mktemp("clone") / "macrochat"
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/", "benchmarks/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def make_run(checkout, tmp_path):
    """A factory: starts `make run` and returns once it says that it is ready. `.url`, `.model_port`, `.left()`."""
    made = []

    def start(ready=READY, **settings):
        run = MakeRun(checkout, tmp_path / f"log{len(made)}", **settings)
        made.append(run)
        run.process.start(ready=lambda: ready in run.process.output(), seconds=40)
        return run

    yield start
    for run in made:
        run.process.kill()
        for process in run.left():
            with contextlib.suppress(psutil.NoSuchProcess):  # it was just ending
                process.kill()


class MakeRun:
    def __init__(self, checkout, log, target="run", **settings):
        self.checkout, self.port, self.model_port = checkout, free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ports = {"PORT": self.port, "MACROCHAT_LOCAL_MODEL_PORT": self.model_port}
        # As from a shell that has no part of this test's virtual environment.
        path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not p.startswith(str(VENV)))
        environment = clean_environment(**ports | settings) | {"PATH": path}
        stamped = [argument for stamp in stamps() for argument in ("-o", str(stamp))]
        self.process = ChildProcess(["make", f"VENV={VENV}", *stamped, target], log=log, env=environment, cwd=checkout)

    def interrupt(self, number=signal.SIGINT):
        """What a terminal does: the signal goes to the whole foreground group."""
        os.killpg(self.process.pid, number)

    def left(self):
        """Processes that run in the checkout's folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self.checkout) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def leaves_nothing(self, seconds=15):
        wait_until(lambda: not self.left(), seconds, f"an end of {self.left()}")


def stamps():
    """`-o`: these are up to date, whatever their age. The tests run in the environment that they stand for."""
    return [VENV / name for name in (".made", ".requirements", ".requirements-local-model", ".requirements-dev")]


@pytest.mark.local_model
def test_a_newcomer_gets_a_page_and_a_model_and_ctrl_c_ends_both(make_run):
    run = make_run()
    assert f"{READY}: {run.url}" in run.process.output()
    assert httpx2.get(f"{run.url}/login", trust_env=False).status_code == 200
    wait_until(lambda: httpx2.get(f"{run.url}/readyz", trust_env=False).status_code == 200, 60, "the model")
    assert (run.checkout / "instance" / "macrochat.db").exists()
    run.interrupt()
    run.process.process.wait(15)
    run.leaves_nothing()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["closing the terminal", "a plain kill"])
def test_other_ways_to_end_it(make_run, number):
    run = make_run()
    run.interrupt(number)
    run.leaves_nothing()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_even_a_sigkill_leaves_nothing(make_run):
    run = make_run()
    run.interrupt(signal.SIGKILL)
    run.leaves_nothing()


def test_with_another_provider_no_model_is_started(make_run):
    run = make_run(OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert "Local model" not in run.process.output()
    assert not any("local_server" in " ".join(process.cmdline()) for process in run.left())


def test_a_port_that_is_taken_is_said_in_one_sentence(make_run):
    first = make_run(MACROCHAT_LOCAL_MODEL="off")
    make_run(ready=f"PORT={first.port + 1} make run", PORT=first.port, MACROCHAT_LOCAL_MODEL="off")


def test_a_bad_setting_is_said_in_one_sentence(make_run):
    run = make_run(ready="Macrochat cannot start: WEB_CONCURRENCY must be a whole number", WEB_CONCURRENCY="two")
    assert run.process.process.wait(10) != 0
    assert "Traceback" not in run.process.output()


@pytest.fixture
def env_file(checkout):
    """A factory: writes `.env` into the checkout."""
    yield (checkout / ".env").write_text
    (checkout / ".env").unlink()


def test_env_file_is_read_and_the_environment_wins(make_run, env_file):
    env_file("# mine\nexport MACROCHAT_LOCAL_MODEL=off\nWEB_CONCURRENCY='nonsense'\nMACROCHAT_LOG_LEVEL=\"debug\"\n")
    run = make_run(WEB_CONCURRENCY="1", FLASK_SKIP_DOTENV=0)
    assert "[DEBUG]" in run.process.output()
    assert "Local model" not in run.process.output()


BY_HAND = {"flask": ["flask", "db", "upgrade"], "gunicorn": ["gunicorn", "app:app"]}


def by_hand(what, checkout, log, **settings):
    command, *arguments = BY_HAND[what]
    env = clean_environment(FLASK_SKIP_DOTENV=0, **settings)
    return ChildProcess([str(VENV / "bin" / command), *arguments], log=log, env=env, cwd=checkout)


def test_flask_and_gunicorn_by_hand_read_the_same_env_file(checkout, env_file, tmp_path):
    """Flask alone reads it for its own command only (pallets/flask#2416)."""
    port = free_port()
    env_file(f"DATABASE_URL=sqlite:///instance/mine.db\nPORT={port}\nMACROCHAT_LOCAL_MODEL=off # not here\n")
    release = by_hand("flask", checkout, tmp_path / "release")
    release.start(ready=lambda: not release.running)
    assert (checkout / "instance" / "mine.db").exists(), release.tail()
    web = by_hand("gunicorn", checkout, tmp_path / "web")
    web.start(ready=lambda: is_listening(port))
    try:
        checks = httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=20).json()["checks"]
        assert checks["schema"] == "ok"
    finally:
        web.kill()


@pytest.mark.parametrize("what", BY_HAND)
@pytest.mark.parametrize("line", ["this is no setting", "'PORT=1", "PORT"], ids=["prose", "open quote", "no value"])
def test_a_broken_line_of_env_file_is_named(checkout, env_file, tmp_path, what, line):
    env_file("# mine\nMACROCHAT_LOCAL_MODEL=off\n" + line + "\n")
    run = by_hand(what, checkout, tmp_path / "log")
    with pytest.raises(AssertionError):
        run.start(ready=lambda: False)
    assert f"Macrochat cannot start: {checkout}/.env, line 3, must be NAME=value" in run.output()
    assert "Traceback" not in run.output()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("version_info", "Macrochat needs Python 3.11 or later"), ("ensurepip", "apt install python3-venv")],
)
def test_a_python_that_will_not_do_is_said_in_one_sentence(tmp_path, fault, sentence):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{fault}*) exit 1;; esac\n')
    python.chmod(0o755)
    outcome = subprocess.run(
        ["make", "setup", f"VENV={tmp_path}/venv"],
        cwd=ROOT,
        env=clean_environment(PYTHON=python),
        capture_output=True,
        text=True,
    )
    assert outcome.returncode != 0
    assert sentence in outcome.stderr


def test_make_dev_has_a_demo_account_and_shows_what_was_changed(make_run):
    run = make_run(target="dev", MACROCHAT_LOCAL_MODEL="off", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    with httpx2.Client(base_url=run.url, trust_env=False, timeout=10) as demo:
        who = {"email": "demo@example.org", "password": "macrochat-demo-account"}
        assert demo.post("/api/auth/login", json=who).status_code == 200
        titles = [chat["title"] for chat in demo.get("/api/chats").json()["data"]]
        assert titles == ["Why the sky is blue", "Fibonacci in Python", "A long one"]
        page = demo.get("/").text
        script = next(line for line in page.splitlines() if "js/pages/chat.js" in line).split('"')[3]
        assert "max-age" not in demo.get(script).headers["Cache-Control"]

        welcome = run.checkout / "templates/chats/welcome.html"
        welcome.write_text(welcome.read_text().replace("What would you like to know?", "Changed by hand"))
        assert "Changed by hand" in demo.get("/").text

        health = run.checkout / "macrochat/ops/health.py"
        health.write_text(health.read_text().replace("Api Health Status: OK", "Api Health Status: Reloaded"))

        def reloaded():
            try:
                return "Reloaded" in demo.get("/api/health").text
            except httpx2.HTTPError:
                return False

        wait_until(reloaded, 30, "the changed code")
