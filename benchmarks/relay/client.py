"""The load client: many streams at once, a plain socket each, every byte compared and every chunk's age taken."""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.relay.check import EventCheck, TextCheck
from benchmarks.relay.http1 import Body, Malformed
from benchmarks.relay.loop import WRITE, Loop
from benchmarks.relay.texts import now_us
from benchmarks.relay.upstream import Upstream

READ_BYTES = 262_144
OPENING_AT_ONCE = 8  # requests that wait for their first byte: opening must not be what is measured
Check = type[TextCheck] | type[EventCheck]


@dataclass(frozen=True, slots=True)
class Request:
    """What opens a stream at a relay: `data` is the whole HTTP request; `stream` the number its prompt names."""

    port: int
    stream: int
    data: bytes


class Client:
    """`ages` are the microseconds from each chunk's sending to its arrival here, in the order of arrival."""

    def __init__(self, loop: Loop, upstream: Upstream, check: Check) -> None:
        self.streams: list[Stream] = []
        self.running = 0  # streams that have their first byte and not their last
        self.errors: Counter[str] = Counter()
        self.ages: list[int] = []
        self._loop, self._upstream, self._check = loop, upstream, check
        self._waiting: deque[Request] = deque()
        self._opening = 0

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._opening or self.running)

    @property
    def all_open(self) -> bool:
        return not (self._waiting or self._opening)

    @property
    def wrong_bytes(self) -> int:
        return sum(stream.check.wrong for stream in self.streams)

    @property
    def cells(self) -> int:
        return sum(stream.check.cells for stream in self.streams)

    def open(self, requests: Sequence[Request]) -> None:
        """Opens them one after the other, a few of them waiting for their first byte at a time."""
        self._waiting.extend(requests)
        self._open_more()

    def hang_up(self, *, missed: bool = True) -> None:
        """Closes what is still open; each counts as an error if its end is missed."""
        self._waiting.clear()
        for stream in self.streams:
            if stream.close() and missed:
                self.errors["unfinished"] += 1

    def _open_more(self) -> None:
        while self._waiting and self._opening < OPENING_AT_ONCE:
            self._opening += 1
            request = self._waiting.popleft()
            self.streams.append(Stream(self, self._loop, request, self._check(request.stream, self.ages.append)))

    def first_byte(self) -> None:
        self._opening -= 1
        self.running += 1
        self._open_more()

    def ended(self, stream: Stream, error: str | None) -> None:
        if error is not None:
            self.errors[error] += 1
        else:
            reply = self._upstream.replies.get(stream.number)
            stream.check.end(reply.cells if reply else 0)
        if stream.first_byte_at:
            self.running -= 1
        else:
            self._opening -= 1
            self._open_more()


class Stream:
    """One request and its answer. Moments are microseconds of the monotonic clock, 0 while they have not come."""

    __slots__ = (
        "_body",
        "_client",
        "_fd",
        "_loop",
        "_recv",
        "_request",
        "_sock",
        "check",
        "first_byte_at",
        "number",
        "sent_at",
    )

    def __init__(self, client: Client, loop: Loop, request: Request, check: TextCheck | EventCheck) -> None:
        self.number = request.stream
        self.check = check
        self.sent_at = self.first_byte_at = 0
        self._client, self._loop, self._request = client, loop, request
        self._body = Body()
        self._sock = sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._recv: Callable[[int], bytes] = sock.recv
        self._fd = sock.fileno()
        sock.connect_ex(("127.0.0.1", request.port))
        loop.add(self._fd, self._connected, WRITE)

    def close(self) -> bool:
        """Whether it was open."""
        if self._fd < 0:
            return False
        self._loop.remove(self._fd)
        self._sock.close()
        self._fd = -1
        return True

    def _connected(self, _mask: int) -> None:
        self.sent_at = now_us()
        try:
            self._sock.sendall(self._request.data)
        except OSError as error:
            self._end(f"not sent: {error.strerror}")
            return
        self._loop.remove(self._fd)
        self._loop.add(self._fd, self._ready)

    def _ready(self, _mask: int) -> None:
        try:
            data = self._recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"broken: {error.strerror}")
            return
        now = now_us()
        body = self._body
        if not data:
            body.closed()
            self._end(None if body.ended else "cut")
            return
        try:
            text = body.feed(data)
        except Malformed as error:
            self._end(str(error))
            return
        if text:
            self.check.feed(text, now)
            if not self.first_byte_at:
                self.first_byte_at = now
                self._client.first_byte()
        if body.ended:
            self._end(None)

    def _end(self, error: str | None) -> None:
        self.close()
        self._client.ended(self, error)
