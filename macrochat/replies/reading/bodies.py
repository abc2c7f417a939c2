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
from typing import Any

import gevent
import gevent.socket
from gevent.event import Event

from ... import metrics
from ...logs import get_logger

log_line = get_logger(__name__)

SLOW_READER_SECONDS = 30.0  # a reader that takes nothing for so long is cut
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
