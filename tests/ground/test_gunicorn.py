"""What gunicorn.conf.py adds to gunicorn: it ends without waiting for idle connections, and refuses bad settings."""

import socket
import time


def test_an_idle_connection_does_not_delay_the_end(server):
    one = server(provider="none")
    with socket.create_connection(("127.0.0.1", one.port), timeout=10) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - begun < 4


def test_a_connection_stays_usable_for_longer_than_gunicorns_two_seconds(server):
    with server(provider="none").anonymous() as person:
        person.get("/healthz")
        first = person.get("/healthz").extensions["network_stream"].get_extra_info("client_addr")
        time.sleep(3)
        assert person.get("/healthz").extensions["network_stream"].get_extra_info("client_addr") == first


def test_headers_that_trickle_in_are_waited_for_ten_seconds(shared_server):
    with socket.create_connection(("127.0.0.1", shared_server(provider="none").port), timeout=20) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        begun = time.monotonic()
        assert slow.recv(1000) == b""
        assert 8 < time.monotonic() - begun < 15
