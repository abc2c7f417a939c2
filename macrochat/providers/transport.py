"""HTTP/1.1 over our own sockets: httpx2's transport, for answers that stream.

httpx2's own builds an event object for every chunk and hands over one chunk at a time, which is most of what a token
costs. Here a read is one system call (providers/poller.py says when), and everything that it brought is handed over as
one piece, in the event loop: nobody is woken for it. Parsing is httptools', the parser of Node; what this module adds
is sockets, time-outs and a small pool.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping

import gevent
import gevent.socket
import httptools
import httpx2

from macrochat.providers.poller import PlainPoller, Poller, WaitTimeout, poller

READ_BYTES = 64 << 10  # of one system call
MOST_BYTES = 256 << 10  # of one turn, before others have theirs
MAX_HEAD_BYTES = 64 << 10
FOREVER = 1e9  # seconds
_HUNG_UP = (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError)

_buffer = bytearray(READ_BYTES)
_view = memoryview(_buffer)
Origin = tuple[str, str, int]  # scheme, host, port
Take = Callable[[bytes], object]  # returns something true to be given more


class DirectTransport(httpx2.BaseTransport):
    """Talks to servers directly, not through a proxy. Safe to share between greenlets of one thread.

    Keeps at most `max_idle` connections, each for at most `idle_seconds`. Raises httpx2's transport errors.
    """

    def __init__(self, *, max_idle: int, idle_seconds: float) -> None:
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._idle: list[_Connection] = []  # the one used last at the end
        self._context: ssl.SSLContext | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        seconds = request.extensions.get("timeout", {})
        request.read()
        connection = self._take(request, seconds.get("connect"))
        try:
            status, headers = connection.exchange(request, seconds)
        except _HUNG_UP:
            # Its server closed an idle connection while the request was on its way: nobody has heard of an answer.
            if not connection.was_idle or connection.heard:
                raise
            connection = _Connection(connection.origin, self._tls(request.url), seconds.get("connect"))
            status, headers = connection.exchange(request, seconds)
        body = _Body(self, connection, seconds.get("read"))
        extensions = {"http_version": b"HTTP/1.1", "body": body}
        return httpx2.Response(status, headers=headers, stream=body, extensions=extensions)

    def warm(self, url: httpx2.URL, seconds: float) -> None:
        """Makes sure that a connection to the server of `url` waits for the next request. Raises as a request does."""
        self._drop_old()
        origin = _origin(url)
        if not any(connection.origin == origin and connection.usable() for connection in self._idle):
            self._keep(_Connection(origin, self._tls(url), seconds))

    def close(self) -> None:
        """Closes what is idle."""
        while self._idle:
            self._idle.pop().close()

    def give_back(self, connection: _Connection) -> None:
        """Its answer was read to the end."""
        connection.release()
        if not connection.reusable:
            connection.close()
            return
        self._keep(connection)

    def _keep(self, connection: _Connection) -> None:
        connection.idle_since, connection.was_idle = time.monotonic(), True
        self._idle.append(connection)
        self._drop_old()

    def _take(self, request: httpx2.Request, seconds: float | None) -> _Connection:
        self._drop_old()
        origin = _origin(request.url)
        for connection in reversed(self._idle):
            if connection.origin == origin:
                self._idle.remove(connection)
                if connection.usable():
                    return connection
                connection.close()
        return _Connection(origin, self._tls(request.url), seconds)

    def _drop_old(self) -> None:
        old = time.monotonic() - self._idle_seconds
        while self._idle and (len(self._idle) > self._max_idle or self._idle[0].idle_since < old):
            self._idle.pop(0).close()

    def _tls(self, url: httpx2.URL) -> ssl.SSLContext | None:
        if url.scheme != "https":
            return None
        if self._context is None:
            self._context = httpx2.create_ssl_context()
        return self._context


class _Connection:
    """One socket, used for one exchange after the other. `seconds` bound TCP and TLS each."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, seconds: float | None) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.was_idle = False
        self.heard = False  # anything of the answer to the last request
        with _errors(httpx2.ConnectTimeout, httpx2.ConnectError):
            self.socket = _connect(origin, context, seconds)
        self.socket.settimeout(0)
        # Of a plain socket the system's own: gevent's would be asked only to find that it need not wait.
        self._recv_into: Callable[[bytearray], int] = getattr(self.socket, "_sock", self.socket).recv_into
        self._pending: Callable[[], int] | None = None
        if isinstance(self.socket, ssl.SSLSocket):
            self._recv_into, self._pending = self.socket.recv_into, self.socket.pending
        self._fd = self.socket.fileno()
        self._poller: Poller | PlainPoller | None = None
        self._answer = _Answer()

    def exchange(
        self, request: httpx2.Request, seconds: Mapping[str, float | None]
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Sends a request and receives its answer's head: status and headers. Closes the connection if that fails."""
        self.heard = False
        try:
            self._send(_head(request) + request.content, seconds.get("write"))
            return self._receive_head(seconds.get("read"))
        except BaseException:
            self.close()
            raise

    def _send(self, data: bytes, seconds: float | None) -> None:
        with _errors(httpx2.WriteTimeout, httpx2.WriteError):
            self.socket.settimeout(seconds)
            self.socket.sendall(data)
            self.socket.settimeout(0)

    def _receive_head(self, seconds: float | None) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Begins a new answer. Its body comes from `listen`, the first of it perhaps with the head."""
        answer = self._answer = _Answer()
        received = 0

        def read(data: bytes) -> bool:
            nonlocal received
            if not data:
                raise httpx2.RemoteProtocolError("the server closed the connection without an answer")
            self.heard = True
            answer.feed(data)
            received += len(data)
            if received > MAX_HEAD_BYTES and not answer.has_head:
                raise httpx2.RemoteProtocolError(f"a head of more than {MAX_HEAD_BYTES} bytes")
            return answer.has_head

        self._read(seconds, read)
        headers, answer.headers = answer.headers, []
        return answer.status, headers

    def listen(self, take: Take, seconds: float | None) -> bool:
        """Hands what comes of the body to `take` until that returns False. Returns whether there is no more instead."""
        answer = self._answer
        wanted: object = True

        def enough() -> bool:
            nonlocal wanted
            if piece := answer.take():
                wanted = take(piece)
            return answer.complete or not wanted

        def read(data: bytes) -> bool:
            if data:
                answer.feed(data)
            else:
                answer.end()
            return enough()

        if not enough():
            self._read(seconds, read)
        return bool(wanted)

    @property
    def reusable(self) -> bool:
        return self._answer.keep_alive

    def release(self) -> None:
        """The exchange is over: nobody reads the socket until the next."""
        if self._poller is not None:
            self._poller.unregister(self._fd)
            self._poller = None

    def usable(self) -> bool:
        """Whether an idle connection is still open, as far as can be seen: its server has nothing to say."""
        try:
            self.socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """The peer knows at once; a greenlet that waits for the socket finds it ended. Idempotent."""
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: it drops the TLS state that a waiting reader is still using.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        self.release()
        self.socket.close()

    def _read(self, seconds: float | None, done: Callable[[bytes], bool]) -> None:
        """Hands each read's bytes, b"" at the connection's end, to `done`, in the event loop, until it returns True."""
        if self._poller is None:
            self._poller = poller()
            self._poller.register(self._fd)

        def ready() -> bool:
            try:
                data = self._receive()
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            except OSError as error:
                raise httpx2.ReadError(repr(error)) from error
            return done(data)

        try:
            self._poller.wait(self._fd, FOREVER if seconds is None else seconds, ready)
        except WaitTimeout:
            raise httpx2.ReadTimeout(f"silent for {seconds} s") from None
        except gevent.socket.cancel_wait_ex as error:
            raise httpx2.ReadError(repr(error)) from error

    def _recv(self) -> bytes:
        """Through one buffer for all: a new one of READ_BYTES for every few words costs more than the system call."""
        return bytes(_view[: self._recv_into(_buffer)])

    def _receive(self) -> bytes:
        data = self._recv()
        pending = self._pending
        if len(data) < READ_BYTES and pending is None:
            return data
        # More may be there. TLS gives one record a call, and what is decrypted already makes no socket readable.
        reads, size = [data], len(data)
        with contextlib.suppress(OSError):  # trouble is met again at the next turn; what came before it counts
            while data and (size < MOST_BYTES or (pending and pending())):
                data = self._recv()
                reads.append(data)
                size += len(data)
        return b"".join(reads)


class _Answer:
    """One message from the server: what httptools calls as it reads."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        self.complete = False
        self.keep_alive = False
        self._bounded = False  # its end is told by a length or by chunks, not by the connection's
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises RemoteProtocolError for what is no HTTP, after which nothing more can be read."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise httpx2.RemoteProtocolError(repr(error)) from error

    def end(self) -> None:
        """The connection ended. For a body without a length that is its end; any other is cut."""
        if self._bounded:
            raise httpx2.RemoteProtocolError("the server closed the connection in the middle of its answer")
        self.complete = True

    def take(self) -> bytes:
        """The body's bytes that came since the last call."""
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        return pieces

    # Called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_head = self.status >= 200  # before that it is only news: 100 Continue, 103 Early Hints
        self.keep_alive = self._parser.should_keep_alive()
        self._bounded = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _value in self.headers)

    def on_message_complete(self) -> None:
        if self.has_head:
            self.complete = True
        else:
            self.headers = []


class _Body(httpx2.SyncByteStream):
    def __init__(self, transport: DirectTransport, connection: _Connection, seconds: float | None) -> None:
        self._transport = transport
        self._connection: _Connection | None = connection
        self._seconds = seconds

    def __iter__(self) -> Iterator[bytes]:
        while self._connection is not None:
            pieces: list[bytes] = []
            self.listen(pieces.append)  # which returns None: one is enough
            yield from filter(None, pieces)

    def listen(self, take: Take) -> None:
        """Hands what each read brings to `take` until that returns False or the body ends: b"" is its end.

        As the response's extension `body` this spares httpx2's layers in between. `take` is called in the event loop
        and must not wait; what it raises is raised here. Raises httpx2's errors.
        """
        connection = self._connection
        if connection is None:
            take(b"")
        elif connection.listen(take, self._seconds):
            self._connection = None
            self._transport.give_back(connection)
            take(b"")

    def close(self) -> None:
        """Idempotent. A body that was not read to its end takes its connection with it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _origin(url: httpx2.URL) -> Origin:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _connect(origin: Origin, context: ssl.SSLContext | None, seconds: float | None) -> socket.socket:
    _scheme, host, port = origin
    with gevent.Timeout(seconds, httpx2.ConnectTimeout(f"no connection within {seconds} s")):
        sock = socket.create_connection((host, port))
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return context.wrap_socket(sock, server_hostname=host) if context else sock
        except BaseException:
            sock.close()
            raise


def _head(request: httpx2.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx2.LocalProtocolError("a line break in a header")
    return b"\r\n".join([*lines, b"", b""])


@contextlib.contextmanager
def _errors(timeout: type[httpx2.TransportError], other: type[httpx2.TransportError]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(repr(error)) from error
    except OSError as error:
        raise other(repr(error)) from error
