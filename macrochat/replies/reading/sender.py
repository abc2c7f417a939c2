"""The fast way from a log to a client: straight to its socket, when the journal says that there is more.

A follower that is woken costs a switch of greenlets, a walk through WSGI and gunicorn's writer, for every piece and
reader. Here the journal itself calls `set` (as it would an Event's), and one non-blocking `send` carries all that is
new, framed as one chunk of HTTP/1.1. The log is the send queue: a slow reader holds an offset, not a copy. (Figures:
docs/performance.md.)
"""

from __future__ import annotations

import time
from typing import Any

import gevent
import gevent.socket
from gevent.event import Event

from ..journal.logs import Log
from ..models import STREAMING

SLICES_AT_ONCE = 4  # of READ_BYTES each, before others get their turn
WRITABLE = 2


class Sender:
    """Sends a running reply's bytes from `position`. `wake` is set when somebody should look at it again.

    `sock` is gevent's, and nothing else writes to it meanwhile.
    """

    def __init__(self, sock: Any, log: Log, position: int, wake: Event) -> None:
        self.position = position  # after the last byte handed over to the kernel, or waiting in `_rest`
        self.gone = False  # the client's end of the connection is
        self.heard = time.monotonic()  # when bytes last were there to be sent
        self.blocked_since: float | None = None  # the kernel takes no more since then (time.monotonic())
        self._raw = sock._sock  # the system's socket, non-blocking
        self._log = log
        self._wake = wake
        self._rest = b""
        self._writable = gevent.get_hub().loop.io(sock.fileno(), WRITABLE)

    @property
    def finished(self) -> bool:
        """Whether all of a final reply is sent."""
        return self._log.status != STREAMING and self.position == self._log.end and not self._rest

    def set(self) -> None:
        """Sends what is new. Called by the journal, in whatever greenlet: it neither blocks nor raises."""
        if self.blocked_since is None and not self.gone:
            self._send()
        if self._log.status != STREAMING:
            self._wake.set()

    def close(self) -> None:
        self._writable.stop()
        self._writable.close()

    def _send(self) -> None:
        for _ in range(SLICES_AT_ONCE):
            frame = self._rest or self._next_frame()
            if not frame:
                return
            try:
                sent = self.write(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.gone = True
                self._wake.set()
                return
            self._rest = frame[sent:]
            if self._rest:
                break
            if self.position == self._log.end:
                return
        self._wait(blocked=bool(self._rest))

    def write(self, data: bytes) -> int:
        """How many bytes the kernel took. Raises OSError."""
        return self._raw.send(data)  # type: ignore[no-any-return]

    def _next_frame(self) -> bytes:
        data = self._log.read(self.position)
        if not data:
            return b""
        self.position += len(data)
        self.heard = time.monotonic()
        return b"%X\r\n%b\r\n" % (len(data), data)

    def _wait(self, *, blocked: bool) -> None:
        """Goes on when the socket takes more: at once, if it was only somebody else's turn."""
        self.blocked_since = time.monotonic()
        self._writable.start(self._go_on)
        if blocked:
            self._wake.set()  # whoever looks after this connection counts the seconds from now

    def _go_on(self) -> None:
        self._writable.stop()
        self.blocked_since = None
        self.set()
