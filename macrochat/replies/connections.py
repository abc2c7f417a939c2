"""Open followers of this process: who reads, for how long, and how their bodies end.

A follower reads a log from a byte offset until the reply is final. The end of its body means something: it returns only
for a complete or stopped reply; every other end raises BodyCut, and the HTTP client sees a body without its last chunk.
"""

from __future__ import annotations

import errno
import itertools
import socket as sockets
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.socket
from gevent.event import Event

from .. import metrics
from ..logs import get_logger
from .journal import READ_BYTES, Log, Reader
from .models import COMPLETE, STOPPED, STREAMING
from .sender import Sender

log_line = get_logger(__name__)

SLOW_READER_SECONDS = 30.0  # a reader that takes nothing for so long is cut
TICK_SECONDS = 15.0  # a silent follower yields b"" so often, for heartbeats
CLEAN_ENDS = (COMPLETE, STOPPED)
DELETED = "deleted"  # why a body ended, and a log's status, when there is no such reply any more


class BodyCut(OSError):
    """Breaks a response body. As ECONNRESET gunicorn closes the connection without a word in its log."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNRESET, reason)
        self.reason = reason


class Connection:
    """One open body. `credential` is what its request was signed with; it is looked at again while the body lives."""

    _ids = itertools.count(1)

    def __init__(self, reply_id: uuid.UUID, user_id: uuid.UUID, credential: Any, sock: Any = None) -> None:
        self.id = next(self._ids)
        self.reply_id = reply_id
        self.user_id = user_id
        self.credential = credential
        self.wake = Event()
        self.reason: str | None = None
        self.opened = time.monotonic()
        self.sending_since: float | None = None
        self.socket = sock
        self._patience = sock.gettimeout() if sock is not None else None  # the server's own, for what it sends
        self._watcher: Any = None

    def close(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.wake.set()

    def watch(self) -> None:
        """Notices a client that hangs up while there is nothing to send; nobody else reads its socket now."""
        if self.socket is None:
            return
        self.socket.settimeout(SLOW_READER_SECONDS)
        self._watcher = gevent.get_hub().loop.io(self.socket.fileno(), 1)
        self._watcher.start(self._peek)

    def unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self.socket is not None and self.socket.fileno() >= 0:
            self.socket.settimeout(self._patience)

    def _peek(self) -> None:
        try:
            gone = self.socket._sock.recv(1, sockets.MSG_PEEK) == b""
        except BlockingIOError:
            return
        except OSError:
            gone = True
        self._watcher.stop()  # gone, or a pipelined request waits: neither needs another look
        if gone:
            self.close("disconnected")


class StreamingConnectionManager:
    """Registers each follower and ends it after `limit` seconds. Reasons: `timeout`, `shutdown`, `manual`,

    `disconnected`, `slow_reader`, `silence`, `revoked`, `deleted`, and `finished` for a body that came to its end.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._open: dict[int, Connection] = {}
        self._of_user: Counter[Any] = Counter()

    def register(self, connection: Connection) -> None:
        self._open[connection.id] = connection
        self._of_user[connection.user_id] += 1

    def close(self, connection_id: int, reason: str = "manual") -> None:
        """Ends one body. Unknown ids are those that have ended already."""
        if connection := self._open.get(connection_id):
            connection.close(reason)

    def close_all(self, reason: str = "shutdown") -> None:
        for connection in list(self._open.values()):
            connection.close(reason)

    @property
    def active_count(self) -> int:
        return len(self._open)

    def count_of(self, user_id: uuid.UUID) -> int:
        """How many of them are one person's."""
        return self._of_user[user_id]

    def connections(self) -> list[Connection]:
        return list(self._open.values())

    def release(self, connection: Connection, reason: str) -> None:
        """Forgets a connection whose body has ended."""
        if self._open.pop(connection.id, None):
            self._of_user[connection.user_id] -= 1
            if not self._of_user[connection.user_id]:
                del self._of_user[connection.user_id]
            metrics.CLOSED.labels(reason).inc()
            log_line.debug(
                "streaming_connection_closed",
                connectionId=connection.id,
                replyId=str(connection.reply_id),
                reason=reason,
                activeConnections=len(self._open),
            )


class Stored:
    """The text of a final reply, read from where it is stored as far as it is asked for.

    `load` gives some of it from a byte offset, nothing at its end.
    """

    def __init__(self, status: str, load: Callable[[int], bytes]) -> None:
        self.status = status
        self.readers: set[Reader] = set()
        self.alive_at = 0.0  # as a log's; nothing here is waited for
        self._load = load
        self._block = b""
        self._start = 0  # of the block, in the text

    def read(self, offset: int) -> bytes:
        """At most READ_BYTES from `offset`; empty at the end."""
        if not self._start <= offset < self._start + len(self._block):
            self._block, self._start = self._load(offset), offset
        return self._block[offset - self._start :][:READ_BYTES]


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

    def __iter__(self) -> Iterator[bytes]:
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

    def _pieces(self) -> Iterator[bytes]:
        source = self._source
        while True:
            self.connection.wake.clear()
            self._check()
            status = source.status
            if data := source.read(self.position):
                self.position += len(data)
                self._heard = time.monotonic()
                yield data
            elif status != STREAMING:
                return
            elif not self.connection.wake.wait(self._patience()):
                yield b""

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
        if self.connection.sending_since and now - self.connection.sending_since >= SLOW_READER_SECONDS:
            raise BodyCut("slow_reader")

    def _patience(self) -> float:
        """Seconds until something must be looked at even though nobody wakes this follower."""
        now = time.monotonic()
        until = min(TICK_SECONDS, self._manager.limit - (now - self.connection.opened))
        if self._silence_limit:
            until = min(until, self._silence_limit - self._silent_for(now))
        if self.connection.sending_since:
            until = min(until, SLOW_READER_SECONDS - (now - self.connection.sending_since))
        return max(0.001, until)

    def _silent_for(self, now: float) -> float:
        """Seconds since this body or its reply last gave a sign of life; a provider that thinks gives them too."""
        return now - max(self._heard, self._source.alive_at)

    def _why_gone(self) -> str:
        since = self.connection.sending_since
        if since is not None and time.monotonic() - since >= SLOW_READER_SECONDS - 1:
            return "slow_reader"
        return self.connection.reason or "disconnected"
