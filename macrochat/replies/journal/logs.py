"""One reply's committed bytes in this process, and the readers that wait for more."""

from __future__ import annotations

import time
import uuid
from typing import Protocol

READ_BYTES = 64 << 10


class Reader(Protocol):
    """An Event, or what else wants to know that a log has grown or ended. `set` neither blocks nor raises."""

    def set(self) -> None: ...


class Log:
    """A reply's committed text from its first byte. `end` is the offset after the last one; offsets are bytes.

    `status` is `streaming` until the log is finished; `grown_at` is when bytes last came (seconds since 1970),
    `alive_at` when bytes or a sign of life without any did (time.monotonic()).
    """

    def __init__(self, reply_id: uuid.UUID, text: bytes = b"") -> None:
        self.reply_id = reply_id
        self.key = reply_id.bytes  # in journal rows; put together once, not for every commit
        self.data = bytearray(text)
        self.end = len(text)
        self.status = "streaming"
        self.grown_at = time.time()
        self.alive_at = time.monotonic()
        self.readers: set[Reader] = set()
        self.folded = len(text)
        self.pending: list[bytes] = []
        self.pending_bytes = 0  # of `pending`
        self.committing = False  # a piece of it is in the row that is being committed
        self.error: Exception | None = None
        self.reads = 0  # bodies of this process that read it, and how many of them began at an offset
        self.resumes = 0

    def read(self, offset: int) -> bytes:
        """At most READ_BYTES from `offset`; empty when nothing more is there yet."""
        return bytes(memoryview(self.data)[offset : offset + READ_BYTES])

    def grow(self, data: bytes) -> None:
        self.alive_at = time.monotonic()
        if not data:
            return
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
