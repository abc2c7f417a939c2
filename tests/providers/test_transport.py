"""HTTP/1.1 as servers really speak it, byte for byte, against our transport."""

import contextlib
import ssl

import gevent
import gevent.server
import httpx2
import pytest
import trustme

from macrochat.providers.transport import MOST_BYTES, DirectTransport
from tests.support.patience import Stopwatch

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def client():
    transport = DirectTransport(max_idle=2, idle_seconds=5)
    with httpx2.Client(transport=transport, timeout=20, trust_env=False) as client:
        yield client


class Server:
    """Answers each request with the next of `answers`: bytes to be sent, a number of seconds to wait, or None to hang up."""

    def __init__(self, **tls):
        self.answers, self.requests, self.connections = [], [], 0
        self._server = gevent.server.StreamServer(("127.0.0.1", 0), self._serve, **tls)
        self._server.start()
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://localhost:{self._server.server_port}/"

    def stop(self):
        self._server.stop()

    def _serve(self, sock, _address):
        self.connections += 1
        with contextlib.suppress(OSError):
            while request := self._receive(sock):
                self.requests.append(request)
                for step in self.answers.pop(0):
                    if step is None:
                        return
                    sock.sendall(step) if isinstance(step, bytes) else gevent.sleep(step)

    def _receive(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(1)
            if not data:
                return b""
            head += data
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        body = b""
        while len(body) < length:
            body += sock.recv(length - len(body))
        return head + body


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def test_a_request_goes_out_as_it_is_and_comes_back_whole(client, server):
    server.answers = [[CHUNKED + b"5\r\nhello\r\n", 0.05, b"1;x=y\r\n \r\n5\r\nthere\r\n0\r\nTrailer: 1\r\n\r\n"]]
    answer = client.post(server.url + "a%20b?c=d", json={"e": "é"}, headers={"X-Test": "yes"})
    assert (answer.status_code, answer.content) == (200, b"hello there")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b?c=d HTTP/1.1\r\n")
    assert b"X-Test: yes" in head
    assert body == '{"e":"é"}'.encode()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            + CHUNKED
            + b"1\r\na\r\n0\r\n\r\n",
            b"a",
        ),
        (CHUNKED + b"".join(b"1\r\n%d\r\n" % (k % 10) for k in range(1000)) + b"0\r\n\r\n", b"0123456789" * 100),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_whole_answer_leaves_its_connection_for_the_next(client, server, answer, body, step):
    pieces = [answer[k : k + step] for k in range(0, len(answer), step)]
    server.answers = [pieces, pieces]
    for _ in range(2):
        assert client.get(server.url).content == body
    assert server.connections == 1


def test_a_body_without_a_length_ends_with_its_connection(client, server):
    server.answers = [
        [OK + b"\r\nabc", 0.05, b"def", None],
        [OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx"],
        [OK + b"\r\n", None],
    ]
    assert [client.get(server.url).content for _ in range(3)] == [b"abcdef", b"x", b""]
    assert server.connections == 3


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([None], httpx2.RemoteProtocolError),
        ([OK[:9], None], httpx2.RemoteProtocolError),
        ([OK + b"Content-Length: 10\r\n\r\nabc", None], httpx2.RemoteProtocolError),
        ([CHUNKED + b"3\r\nabc\r\n", None], httpx2.RemoteProtocolError),
        ([CHUNKED + b"zz\r\nabc\r\n"], httpx2.RemoteProtocolError),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], httpx2.RemoteProtocolError),
        (
            [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
            httpx2.RemoteProtocolError,
        ),
        ([OK + b"X: y\r\n" * 20_000], httpx2.RemoteProtocolError),
        ([60.0], httpx2.ReadTimeout),
        ([CHUNKED + b"3\r\nabc\r\n", 60.0], httpx2.ReadTimeout),
    ],
)
def test_trouble_is_told_by_its_name_and_spoils_only_its_own_connection(client, server, steps, error):
    server.answers = [steps, [OK + b"Content-Length: 2\r\n\r\nok"]]
    with pytest.raises(error):
        client.get(server.url, timeout=0.5 if error is httpx2.ReadTimeout else 20)
    assert client.get(server.url).content == b"ok"
    assert server.connections == 2


# encode/httpx#327
def test_a_connection_that_was_closed_while_idle_is_not_used(client, server):
    server.answers = [[OK + b"Content-Length: 1\r\n\r\na", None], [OK + b"Content-Length: 1\r\n\r\nb"]]
    assert client.get(server.url).content == b"a"
    gevent.sleep(0.05)
    assert client.get(server.url).content == b"b"


def test_a_body_that_is_left_half_read_takes_its_connection_with_it(client, server):
    server.answers = [[CHUNKED + b"3\r\nabc\r\n", 60.0], [OK + b"Content-Length: 1\r\n\r\nb"]]
    with client.stream("GET", server.url) as answer:
        assert next(answer.iter_raw()) == b"abc"
    assert client.get(server.url).content == b"b"
    assert server.connections == 2


def test_nobody_listens_and_nobody_knows_the_name(client, server):
    server.stop()
    with pytest.raises(httpx2.ConnectError):
        client.get(server.url)
    with pytest.raises(httpx2.ConnectError):
        client.get("http://name.invalid/")


def test_a_line_break_cannot_be_smuggled_into_the_head(client, server):
    with pytest.raises(httpx2.LocalProtocolError):
        client.get(server.url, headers=[(b"X-A", b"1\r\nX-B: 2")])
    assert server.connections <= 1
    assert not server.requests


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls_server(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server = Server(ssl_context=context)
    yield server
    server.stop()


@pytest.fixture
def trusting(client, authority, monkeypatch):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    monkeypatch.setattr(httpx2, "create_ssl_context", lambda: context)
    return client


@pytest.mark.parametrize("records", [1, 50, 1000])
def test_over_tls_every_record_is_read_and_none_is_waited_for(trusting, tls_server, records):
    """What is decrypted already makes no socket readable: a turn takes all of it, or the rest would come a tick late."""
    record = b"400\r\n" + bytes(1024) + b"\r\n"
    tls_server.answers = [[CHUNKED, *[record] * records, b"0\r\n\r\n"]]
    watch = Stopwatch()
    assert trusting.get(tls_server.url).content == bytes(1024 * records)
    turns = 1024 * records / MOST_BYTES
    assert watch.seconds < 1.0 + turns * 0.1


def test_a_warm_connection_is_the_one_that_is_used(trusting, tls_server):
    """Over TLS 1.3 the server's tickets wait in it, unread: they must not look like an answer out of turn."""
    transport = trusting._transport
    for _ in range(3):
        transport.warm(httpx2.URL(tls_server.url), 1.0)
        gevent.sleep(0.05)
    assert tls_server.connections == 1
    tls_server.answers = [[OK + b"Content-Length: 2\r\n\r\nok"]] * 2
    assert [trusting.get(tls_server.url).content for _ in range(2)] == [b"ok", b"ok"]
    assert tls_server.connections == 1


def test_a_stranger_s_certificate_is_refused(client, tls_server):
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        client.get(tls_server.url)


def test_a_read_can_be_ended_from_another_greenlet(client, server):
    server.answers = [[CHUNKED + b"3\r\nabc\r\n", 60.0]]
    answer = client.send(client.build_request("GET", server.url, extensions={"timeout": {"read": 30}}), stream=True)
    reads = answer.iter_raw()
    assert next(reads) == b"abc"
    reader = gevent.spawn(next, reads, None)
    gevent.sleep(0.05)
    answer.close()
    with gevent.Timeout(20), pytest.raises(httpx2.ReadError):
        reader.get()


# anthropics/claude-code#89608
def test_a_request_that_meets_a_connection_just_closed_is_sent_once_more(client, server):
    """Its server hung up an idle connection while it was on its way: nothing of an answer was heard."""
    whole = OK + b"Content-Length: 2\r\n\r\nhi"
    server.answers = [[whole], [None], [whole]]
    assert client.post(server.url, json=1).text == "hi"
    assert client.post(server.url, json=2).text == "hi"
    assert [request[-1:] for request in server.requests] == [b"1", b"2", b"2"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "answers",
    [
        [[None]],  # a connection of its own
        [[OK + b"Content-Length: 2\r\n\r\nhi"], [b"H", None]],  # something was heard
        [[OK + b"Content-Length: 2\r\n\r\nhi"], [None], [None]],  # the second try fails too
    ],
)
def test_no_other_request_is_ever_sent_twice(client, server, answers):
    server.answers = list(answers)
    for _ in range(min(len(answers), 2) - 1):
        client.post(server.url, json=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        client.post(server.url, json=2)
    assert len(server.requests) == len(answers)
