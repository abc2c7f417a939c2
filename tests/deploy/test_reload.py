"""`systemctl reload`: SIGHUP for gunicorn's master, as docs/deploy/macrochat.service has it, while people are served."""

import re
import shutil
import signal
import subprocess
import threading

import httpx2
import pytest

from tests.support.answers import data_of
from tests.support.processes import ROOT, wait_until

UNIT = ROOT / "docs" / "deploy" / "macrochat.service"


class Probes(threading.Thread):
    """Asks for a page again and again, with a new connection each time, until `stop`. `refused` is what went wrong."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self._url, self._ended = url, threading.Event()
        self.count, self.refused = 0, []

    def run(self):
        while not self._ended.is_set():
            self.count += 1
            try:
                answer = httpx2.get(f"{self._url}/login", timeout=20, trust_env=False)
                if answer.status_code != 200:
                    self.refused.append(answer.status_code)
            except httpx2.HTTPError as error:
                self.refused.append(repr(error))

    def stop(self):
        self._ended.set()
        self.join()


# rtCamp/Frappe-Manager#419
def test_a_reload_refuses_nobody_and_breaks_no_reply(server):
    one = server(workers=2, MACROCHAT_MODELS="scripted-words:60:100")
    person, old = one.client(), one.worker_pids()
    chat = data_of(person.post("/api/chats", json={}), 201)
    body = {"messages": [{"role": "user", "content": "x"}]}
    probes = [Probes(one.url) for _ in range(3)]
    with person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body) as answer:
        pieces = answer.iter_bytes()
        text = next(pieces)
        for probe in probes:
            probe.start()
        one.process.send(signal.SIGHUP)
        wait_until(lambda: len(one.worker_pids()) == 4, 30, "new workers beside the old ones")
        text += b"".join(pieces)
    wait_until(lambda: len(one.worker_pids()) == 2 and not set(old) & set(one.worker_pids()), 40, "the old ones' end")
    for probe in probes:
        probe.stop()
    assert [probe.refused for probe in probes] == [[], [], []]
    assert sum(probe.count for probe in probes) > 20
    stored = one.client(person.email).get(f"/api/replies/{answer.headers['X-Reply-Id']}/stream")
    assert text == stored.content
    assert len(text.split()) >= 60


# benoitc/gunicorn#1757
def test_the_old_workers_accept_until_the_new_ones_do(server):
    one = server()
    one.process.send(signal.SIGHUP)
    wait_until(lambda: len(one.worker_pids()) == 2, 30, "a new worker")
    log = wait_until(lambda: "Handling signal: hup" in one.process.output() and one.process.output(), 10)
    with one.anonymous() as person:
        assert person.get("/healthz").status_code == 200
    wait_until(lambda: len(one.worker_pids()) == 1, 40, "the old one's end")
    assert log.count("Starting gunicorn") == 1
    assert one.stop() == 0


def test_the_unit_in_the_documentation_is_the_shipped_one_and_reloads():
    [documented] = re.findall(r"^```ini\n(.*?)^```", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE | re.DOTALL)
    assert documented == UNIT.read_text()
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in documented


def test_the_unit_leaves_little_open():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    looked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True
    )
    if "unrecognized option" in looked.stderr:
        pytest.skip("this systemd-analyze cannot look at a file")
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", looked.stdout)
    assert level, looked.stdout + looked.stderr
    assert float(level[1]) < 4
