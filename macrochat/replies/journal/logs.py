"""One reply's committed bytes in this process, both lanes of them, and the readers that wait for more."""

from __future__ import annotations

import time
import uuid
from typing import NamedTuple, Protocol

from ..trace import Line

READ_BYTES = 64 << 10
TRACE_MARK = 0x80  # of the byte that begins with the version of an id: no id of ours has such a version


class Cursor(NamedTuple):
    """A place in a reply: after so many bytes of its text and so many of its trace."""

    text: int = 0
    trace: int = 0

    def __str__(self) -> str:
        return f"{self.text}.{self.trace}"


START = Cursor()


def trace_key(key: bytes) -> bytes:
    """The name of a reply's trace in journal rows, where `key` is that of its text; and the other way round.

    A server that knows no traces takes it for the id of a reply that does not exist, and passes it over.
    """
    return key[:6] + bytes((key[6] ^ TRACE_MARK,)) + key[7:]


def is_trace(key: bytes) -> bool:
    return key[6] >= TRACE_MARK


class Reader(Protocol):
    """An Event, or what else wants to know that a log has grown or ended. `set` neither blocks nor raises."""

    def set(self) -> None: ...


class Log:
    """A reply's committed text and trace from their first bytes. `end` is the offset after the text's last one.

    Offsets are bytes. The trace holds whole lines. `written` is `end` and what of the text waits for its commit.
    `status` is `streaming` until the log is finished; `grown_at` is when bytes last came (seconds since 1970),
    `alive_at` when bytes or a sign of life without any did (time.monotonic()).
    """

    def __init__(self, reply_id: uuid.UUID, text: bytes = b"", trace: bytes = b"") -> None:
        self.reply_id = reply_id
        self.key = reply_id.bytes  # in journal rows; put together once, not for every commit
        self.data = bytearray(text)
        self.end = len(text)
        self.trace = bytearray(trace)
        self.written = len(text)
        self.status = "streaming"
        self.grown_at = time.time()
        self.alive_at = time.monotonic()
        self.readers: set[Reader] = set()
        self.folded = len(text)
        self.folded_trace = len(trace)
        self.pending: list[bytes] = []
        self.pending_lines: list[Line] = []
        self.pending_bytes = 0  # of both; of the lines, characters
        self.committing = False  # a piece of it is in the row that is being committed
        self.error: Exception | None = None
        self.reads = 0  # bodies of this process that read it, and how many of them began at an offset
        self.resumes = 0

    def read(self, offset: int) -> bytes:
        """At most READ_BYTES from `offset`; empty when nothing more is there yet."""
        return bytes(memoryview(self.data)[offset : offset + READ_BYTES])

    def read_trace(self, offset: int) -> bytes:
        """The same of the trace."""
        return bytes(memoryview(self.trace)[offset : offset + READ_BYTES])

    def grow(self, data: bytes, trace: bytes = b"") -> None:
        """Takes what a commit has brought for both lanes; their readers see it together."""
        self.alive_at = time.monotonic()
        if not data and not trace:
            return
        if trace:
            self.trace += trace
        self.data += data
        self.end += len(data)
        self.grown_at = time.time()
        self.wake()

    def finish(self, status: str) -> None:
        self.status = status
        self.wake()

    def wake(self) -> None:
        for reader in self.readers:
            reader.set()
