"""What is left of a body that nobody wants is read in passing: it costs its bytes, and a moment for each mebibyte."""

import psutil
import pytest

from tests.edge.raw import Connection, chunked, request

MIB = 1 << 20


@pytest.fixture(scope="module")
def site(shared_server):
    return shared_server()


def cpu_seconds(site):
    used = psutil.Process(site.worker_pids()[0]).cpu_times()
    return used.user + used.system


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_refused_body_of_20_mib_costs_no_more_than_reading_it(site, framing):
    """0.04 s; by the KiB, out of a MiB that was copied each time, it was 0.37 s of everybody's, without a break."""
    body = b"x" * (20 * MIB)
    fields = {} if framing == "length" else {"Content_Length": None, "Transfer_Encoding": "chunked"}
    if framing == "length":
        fields["Content_Length"] = len(body)
    before = cpu_seconds(site)
    with Connection(site.port, seconds=60) as connection:
        connection.send(request("POST", "/api/nothing", **fields))
        connection.send(
            body if framing == "length" else chunked(*(body[k : k + MIB] for k in range(0, len(body), MIB)))
        )
        assert connection.answer().code == "NOT_FOUND"
        connection.send(request("GET", "/api/health"))
        assert b"Health Status: OK" in connection.answer().body
    assert cpu_seconds(site) - before < 0.2


def test_a_body_that_goes_on_and_on_ends_the_connection(site):
    with Connection(site.port, seconds=60) as connection:
        connection.send(request("POST", "/api/nothing", Content_Length=10**12))
        assert connection.answer().code == "NOT_FOUND"
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            connection.send(b"x" * (200 * MIB))
