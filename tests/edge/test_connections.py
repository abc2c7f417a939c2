"""Bytes on the wire against gunicorn as a process: slow, cut, oversized, malformed bodies, and what comes after them.

After every case the same worker answers a fresh request, and nothing was stored.
"""

import time

import pytest

from tests.edge.raw import Connection, chunked, request
from tests.support.patience import Stopwatch

LOGIN = "/api/auth/login"
GOOD = b'{"email": "nobody@example.org", "password": "a wrong password"}'
MIB = 1024 * 1024


@pytest.fixture
def server(shared_server):
    one = shared_server()
    workers = one.worker_pids()
    yield one
    with Connection(one.port) as connection:
        connection.send(request("GET", "/api/health"))
        assert connection.answer().status == 200
    assert one.worker_pids() == workers


@pytest.fixture
def connect(server):
    opened = []

    def connect(**options):
        opened.append(Connection(server.port, **options))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.__exit__()


def healthy(connection):
    """The connection is where it should be: the next request gets its own answer."""
    connection.send(request("GET", "/api/health"))
    return connection.answer().status == 200


def test_several_requests_share_a_connection(connect):
    connection = connect()
    for _ in range(3):
        connection.send(request("POST", LOGIN, GOOD))
        assert connection.answer().code == "INVALID_CREDENTIALS"
    assert healthy(connection)


def test_pipelined_requests_are_answered_in_order(connect):
    connection = connect()
    connection.send(request("POST", LOGIN, b"[]") + request("POST", LOGIN, b"{") + request("GET", "/api/nothing"))
    assert [connection.answer().code for _ in range(3)] == ["VALIDATION_ERROR", "INVALID_JSON", "NOT_FOUND"]


def test_a_chunked_body_is_read_like_any_other(connect):
    connection = connect()
    head = request("POST", LOGIN, Content_Length=None, Transfer_Encoding="chunked")
    connection.send(head + chunked(GOOD[:10], GOOD[10:]))
    assert connection.answer().code == "INVALID_CREDENTIALS"
    assert healthy(connection)


def test_a_chunked_body_over_the_limit_is_refused_and_not_cut(connect):
    """Werkzeug would take the first mebibyte of this for the whole: valid JSON and then a space too many."""
    connection = connect()
    head = request("POST", LOGIN, Content_Length=None, Transfer_Encoding="chunked")
    connection.send(head + chunked(GOOD + b" " * (MIB - len(GOOD)), b" "))
    assert (answer := connection.answer()).status == 413
    assert answer.code == "BODY_TOO_LARGE"
    assert healthy(connection)


def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(connect):
    connection = connect()
    connection.send(request("POST", LOGIN, Content_Length=10**12))
    assert connection.answer().code == "BODY_TOO_LARGE"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ({"Content_Type": "text/plain"}, "UNSUPPORTED_MEDIA_TYPE"),
        ({"Content_Encoding": "gzip"}, "UNSUPPORTED_MEDIA_TYPE"),
        ({"Sec_Fetch_Site": "cross-site"}, "CROSS_ORIGIN"),
        ({"path": "/api/chats"}, "UNAUTHENTICATED"),
        ({"path": "/api/nothing"}, "NOT_FOUND"),
        ({"path": "/api/users/me"}, "METHOD_NOT_ALLOWED"),
        ({"path": "/api/auth/logout"}, None),
    ],
)
def test_what_is_left_of_a_refused_body_is_not_the_next_request(connect, head, code):
    """The body is itself a request: if it were answered, alice's browser could be made to receive bob's answer."""
    smuggled = request("GET", "/api/smuggled") * 2000
    for framing in ({}, {"Content_Length": None, "Transfer_Encoding": "chunked"}):
        connection = connect()
        fields = {"Content_Length": len(smuggled)} | head | framing
        start = request("POST", fields.pop("path", LOGIN), **fields)
        connection.send(start + (chunked(smuggled) if framing else smuggled))
        assert connection.answer().code == code
        connection.send(request("GET", "/api/health"))
        assert b"Health Status: OK" in connection.answer().body


@pytest.mark.parametrize("sent", [0, 1, len(GOOD) - 1])
def test_a_body_that_ends_early_is_incomplete(connect, sent):
    connection = connect()
    connection.send(request("POST", LOGIN, Content_Length=len(GOOD)) + GOOD[:sent])
    connection.end()
    assert connection.answer().code == "BODY_INCOMPLETE"
    assert connection.closed()


@pytest.mark.parametrize(
    "rest",
    [
        b"", b"5\r\n{\"ema", b"5\r\n{\"emai", chunked(GOOD, end=b""), chunked(GOOD, end=b"0\r\n"),
        b"zz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n",
        b"2\r\n{}XX0\r\n\r\n", b"2;\r\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", b"\r\n{}",
        b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n", b"f" * 20_000, b"fffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ],
    ids=range(16),
)  # fmt: skip
def test_malformed_chunks_are_refused_and_end_the_connection(connect, rest):
    connection = connect()
    connection.send(request("POST", LOGIN, Content_Length=None, Transfer_Encoding="chunked") + rest)
    connection.end()
    answer = connection.answer()
    assert answer.status == 400
    assert answer.code == "BODY_INCOMPLETE"
    assert connection.closed()


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 2_0\r\n",
        "Content-Length: \u0662\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "Content-Length : 2\r\n",
        " Content-Length: 2\r\n",
        "X: a\rb\r\n",
        "X: a\0b\r\n",
        "X\0Y: a\r\n",
        "X(): a\r\n",
        "X: " + "a" * 9000 + "\r\n",
        "".join(f"X{n}: a\r\n" for n in range(200)),
    ],
    ids=range(23),
)
def test_ambiguous_framing_is_refused_and_ends_the_connection(connect, head):
    connection = connect()
    body = b"2\r\n{}\r\n0\r\n\r\n" + request("GET", "/api/smuggled")
    lines = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}\r\n"
    connection.send(lines.encode("utf-8") + body)
    connection.end()
    answer = connection.answer()
    assert 400 <= answer.status <= 501
    assert answer.status != 500
    assert connection.closed()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["nothing", "no path", "another version", "TLS", "a long address"],
)
def test_what_is_no_request_is_not_answered_as_one(connect, line):
    connection = connect()
    connection.send(line)
    connection.end()
    if line.endswith(b"\n"):
        assert 400 <= connection.answer().status < 506
    assert connection.closed()


def test_an_odd_path_is_a_404_of_ours(connect):
    connection = connect()
    for path in [
        "/api/%00",
        "/api/..%2f..",
        "/api/%ff%fe",
        "/api//",
        "/api/chats/%2e%2e/x",
        "/api/x" * 500,
    ]:
        connection.send(request("GET", path))
        answer = connection.answer()
        assert (answer.status, answer.code) == (404, "NOT_FOUND"), path


@pytest.mark.slow
def test_what_comes_too_slowly_is_given_up_after_ten_seconds(connect, server):
    """Heads that never end, bodies that trickle in, and one that stalls inside a chunk.

    That one is dangerous: a reader that is interrupted there and reads on would take data for chunk sizes. Meanwhile
    others are served: a slow body holds no database connection, of which there are five.
    """
    head, trickles, stall = connect(seconds=50), [connect(seconds=50) for _ in range(8)], connect(seconds=50)
    watch = Stopwatch()
    head.send(f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    stall.send(request("POST", LOGIN, Content_Length=None, Transfer_Encoding="chunked") + b"400\r\n{")
    for connection in trickles:
        connection.send(request("POST", LOGIN, Content_Length=1000))
    while watch.wall_seconds < 9:
        for connection in trickles:
            connection.send(b" ")
        with Connection(server.port) as other:
            other.send(request("POST", LOGIN, GOOD))
            assert other.answer().code == "INVALID_CREDENTIALS"
        time.sleep(1)
    for connection in [*trickles, stall]:
        answer = connection.answer()
        assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")
    assert watch.seconds < 13
    assert watch.wall_seconds > 9
    stall.send(b" " * 0x3FF + b"\r\n0\r\n\r\n" + request("GET", "/api/smuggled"))
    assert all(connection.closed() for connection in [head, *trickles, stall])


def test_expect_100_continue_is_answered(connect):
    connection = connect()
    connection.send(request("POST", LOGIN, Expect="100-continue", Content_Length=len(GOOD)))
    assert connection.answer().status == 100
    connection.send(GOOD)
    assert connection.answer().code == "INVALID_CREDENTIALS"
    assert healthy(connection)


def test_a_header_with_underscores_is_not_the_one_with_hyphens(connect):
    """WSGI writes both alike: a proxy that removes `X-Forwarded-For` would let `X_Forwarded_For` through."""
    connection = connect()
    connection.send(b"GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nX_API_KEY: mck_wrong\r\n\r\n")
    assert connection.answer().code == "UNAUTHENTICATED"
    connection.send(b"GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: mck_wrong\r\n\r\n")
    assert connection.answer().code == "INVALID_API_KEY"


@pytest.mark.parametrize(
    "start",
    [
        "GET //evil.example/login HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://evil.example/settings HTTP/1.1\r\nHost: localhost\r\n",
        "GET /settings HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET /settings HTTP/1.1\r\nHost: evil.example\r\n",
        "GET /settings HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n",
        "GET /settings HTTP/1.1\r\nHost: evil.example/x?\r\n",
    ],
    ids=range(6),
)
def test_no_name_that_a_caller_made_up_is_sent_to(connect, start):
    connection = connect()
    connection.send(f"{start}\r\n")
    answer = connection.answer()
    assert answer.status in (302, 400, 404)
    assert answer.headers.get("location", "/login").startswith("/login")
    assert "strict-transport-security" not in answer.headers
