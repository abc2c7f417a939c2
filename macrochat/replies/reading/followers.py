"""Reading a reply from a byte offset to its end.

The end of its body means something: it returns only for a complete or stopped reply; every other end raises BodyCut,
and the HTTP client sees a body without its last chunk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent.socket

from ... import metrics
from ..journal.logs import READ_BYTES, Log, Reader
from ..models import COMPLETE, STOPPED, STREAMING
from . import bodies
from .bodies import BodyCut, Connection, StreamingConnectionManager
from .sender import Sender

TICK_SECONDS = 15.0  # a silent follower yields b"" so often, for heartbeats
CLEAN_ENDS = (COMPLETE, STOPPED)


class Stored:
    """Both lanes of a final reply, read from where they are stored as far as they are asked for.

    `load(offset, trace)` gives some of the text or the trace from a byte offset, nothing at its end.
    """

    def __init__(self, status: str, load: Callable[[int, bool], bytes]) -> None:
        self.status = status
        self.readers: set[Reader] = set()
        self.alive_at = 0.0  # as a log's; nothing here is waited for
        self._text = _Block(lambda offset: load(offset, False))
        self._trace = _Block(lambda offset: load(offset, True))

    def read(self, offset: int) -> bytes:
        """At most READ_BYTES from `offset`; empty at the end."""
        return self._text.read(offset)

    def read_trace(self, offset: int) -> bytes:
        """The same of the trace."""
        return self._trace.read(offset)


class _Block:
    """The part of a lane that was read last."""

    def __init__(self, load: Callable[[int], bytes]) -> None:
        self._load = load
        self._bytes = b""
        self._start = 0  # in the lane

    def read(self, offset: int) -> bytes:
        if not self._start <= offset < self._start + len(self._bytes):
            self._bytes, self._start = self._load(offset), offset
        return self._bytes[offset - self._start :][:READ_BYTES]


class Follower:
    """Iterates over a reply's bytes from an offset: a running one's log, live, or a final one's stored text.

    Yields b"" at the start (which sends the headers) and every TICK_SECONDS of silence. `chunked` is the promise that
    the body goes out in HTTP/1.1's chunks through the connection's socket as it is: a running reply's bytes are then
    sent past WSGI, never yielded.
    """

    chunked = False

    def __init__(
        self,
        manager: StreamingConnectionManager,
        connection: Connection,
        offset: int,
        source: Log | Stored,
        silence_limit: float = 0,
    ) -> None:
        self.offset = offset
        self.connection = connection
        self._manager = manager
        self._source = source
        self._silence_limit = silence_limit
        self._heard = time.monotonic()
        self.position = offset  # after the last byte handed over
        self.end: str | None = None  # why the body ended, once it has
        self.on_open: Callable[[], None] | None = None  # called when the headers are sent

    @property
    def status(self) -> str:
        return self._source.status

    def __iter__(self) -> Iterator[Any]:
        connection, readers = self.connection, self._source.readers
        reason = "disconnected"
        self._count()
        self._manager.register(connection)
        connection.watch()
        try:
            yield b""
            self._opened()
            if self.chunked and isinstance(self._source, Log) and type(connection.socket) is gevent.socket.socket:
                self._send(self._source, connection.socket)
            readers.add(connection.wake)
            for piece in self._pieces():
                connection.sending_since = time.monotonic()
                yield piece
                connection.sending_since = None
            reason = "finished"
            if self.status not in CLEAN_ENDS:
                raise BodyCut(self.status)
        except BodyCut as cut:
            reason = cut.reason
            raise
        except GeneratorExit:
            reason = self._why_gone()
            raise
        finally:
            connection.unwatch()
            self._source.readers.discard(connection.wake)
            self.end = reason
            self._manager.release(connection, reason)

    def _opened(self) -> None:
        if self.on_open:
            self.on_open()
            self.on_open = None

    def _send(self, log: Log, sock: gevent.socket.socket) -> None:
        """Looks after a Sender until it has sent all of a final reply."""
        wake = self.connection.wake
        sender = Sender(sock, log, self.position, wake)
        log.readers.add(sender)
        sender.set()
        try:
            while not sender.finished:
                self.connection.sending_since = sender.blocked_since
                self._heard = sender.heard
                if sender.gone:
                    raise BodyCut(self._why_gone())
                self._check()
                wake.wait(self._patience())
                wake.clear()
        finally:
            self.position = sender.position
            self.connection.sending_since = None
            log.readers.discard(sender)
            sender.close()

    def _pieces(self) -> Iterator[Any]:
        source = self._source
        while True:
            self.connection.wake.clear()
            self._check()
            status = source.status
            if piece := self._next():
                self._heard = time.monotonic()
                yield piece
            elif status != STREAMING:
                return
            elif not self.connection.wake.wait(self._patience()):
                yield b""

    def _next(self) -> Any:
        """What comes next, as far as it is there; false if nothing is."""
        data = self._source.read(self.position)
        self.position += len(data)
        return data

    def _count(self) -> None:
        metrics.FOLLOWED.labels("resumed" if self.offset else "first").inc()
        if isinstance(self._source, Log):
            self._source.reads += 1
            self._source.resumes += self.offset > 0

    def _check(self) -> None:
        now = time.monotonic()
        if self.connection.reason:
            raise BodyCut(self.connection.reason)
        if now - self.connection.opened >= self._manager.limit:
            raise BodyCut("timeout")
        if self._silence_limit and self._silent_for(now) >= self._silence_limit:
            raise BodyCut("silence")
        if self.connection.sending_since and now - self.connection.sending_since >= bodies.SLOW_READER_SECONDS:
            raise BodyCut("slow_reader")

    def _patience(self) -> float:
        """Seconds until something must be looked at even though nobody wakes this follower."""
        now = time.monotonic()
        until = min(TICK_SECONDS, self._manager.limit - (now - self.connection.opened))
        if self._silence_limit:
            until = min(until, self._silence_limit - self._silent_for(now))
        if self.connection.sending_since:
            until = min(until, bodies.SLOW_READER_SECONDS - (now - self.connection.sending_since))
        return max(0.001, until)

    def _silent_for(self, now: float) -> float:
        """Seconds since this body or its reply last gave a sign of life; a provider that thinks gives them too."""
        return now - max(self._heard, self._source.alive_at)

    def _why_gone(self) -> str:
        since = self.connection.sending_since
        if since is not None and time.monotonic() - since >= bodies.SLOW_READER_SECONDS - 1:
            return "slow_reader"
        return self.connection.reason or "disconnected"
