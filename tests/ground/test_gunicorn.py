"""What gunicorn.conf.py adds to gunicorn: it ends without waiting for idle connections, and refuses bad settings."""

import socket
import subprocess
import time

import psutil
import pytest

from tests.support.patience import Stopwatch
from tests.support.processes import ROOT, clean_environment, free_port, is_listening, wait_until
from tests.support.servers import BIN


def test_an_idle_connection_does_not_delay_the_end(server):
    one = server(provider="none")
    with socket.create_connection(("127.0.0.1", one.port), timeout=60) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        watch = Stopwatch()
        assert one.stop() == 0
        assert watch.seconds < 12  # gunicorn's own worker: graceful_timeout, 20 s


def test_a_connection_stays_usable_for_longer_than_gunicorns_two_seconds(server):
    with server(provider="none").anonymous() as person:
        person.get("/healthz")
        first = person.get("/healthz").extensions["network_stream"].get_extra_info("client_addr")
        time.sleep(3)
        assert person.get("/healthz").extensions["network_stream"].get_extra_info("client_addr") == first


def test_headers_that_trickle_in_are_waited_for_ten_seconds(shared_server):
    with socket.create_connection(("127.0.0.1", shared_server(provider="none").port), timeout=50) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        watch = Stopwatch()
        assert slow.recv(1000) == b""
        assert watch.seconds < 15
        assert watch.wall_seconds > 8


def test_nobodys_forwarding_headers_count_by_default(shared_server):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "Script-Name": "/elsewhere"}
    with shared_server(provider="none").anonymous() as client:
        answer = client.get("/healthz", headers=headers)
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers


def test_those_of_a_trusted_proxy_do(server):
    with server(provider="none", MACROCHAT_TRUSTED_PROXIES=1).anonymous() as client:
        answer = client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" in answer.headers


def test_a_worker_may_open_as_many_files_as_the_system_lets_it(shared_server):
    worker = psutil.Process(shared_server(provider="none").worker_pids()[0])
    soft, hard = worker.rlimit(psutil.RLIMIT_NOFILE)
    assert soft == min(hard, 65536) or soft > 65536


def test_there_is_no_second_door(shared_server):
    master = psutil.Process(shared_server(provider="none").pid)
    assert [connection for connection in master.net_connections("unix") if connection.laddr] == []


def test_a_setting_that_cannot_be_used_stops_the_start(tmp_path):
    outcome = subprocess.run(
        [BIN / "gunicorn", "app:app"],
        cwd=ROOT,
        env=clean_environment(DATABASE_URL=f"sqlite:///{tmp_path}/x.db", MACROCHAT_ENV="production"),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert outcome.returncode != 0
    assert outcome.stderr == "Macrochat cannot start: SECRET_KEY must be set when MACROCHAT_ENV=production\n"


@pytest.mark.local_model
def test_two_servers_share_one_model_and_the_second_takes_it_over(server):
    """Each has a supervisor; the port decides whose model runs."""
    port = free_port()
    settings = {"provider": "none", "MACROCHAT_LOCAL_MODEL": "on", "MACROCHAT_LOCAL_MODEL_PORT": port}
    first, second = server(**settings), server(**settings)
    wait_until(lambda: is_listening(port), 40, "a model")
    owner, other = (first, second) if models_of(first) else (second, first)
    time.sleep(2)  # had the other started one too, it would be there by now
    assert (len(models_of(owner)), len(models_of(other))) == (1, 0)
    owner.kill()
    wait_until(lambda: models_of(other), 20, "the other's model")
    with other.anonymous() as probe:
        wait_until(lambda: probe.get("/readyz").status_code == 200, 40, "an answer from the other's model")


def models_of(server):
    return [child.pid for child in server.process.children() if "local_llama" in " ".join(child.cmdline())]
