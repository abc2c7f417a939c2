"""As much of HTTP/1.1 as a load client needs to read an answer: status, framing, and whether its end was an end."""

from __future__ import annotations

import re

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ZERO = 0x30


class Malformed(Exception):
    """Not HTTP/1.1, or an answer other than 200: the sentence says which."""


class Body:
    """`feed(data)` gives what it holds of the answer's body; afterwards `ended` says whether that was all of it.

    Raises Malformed.
    """

    __slots__ = ("_chunked", "_head", "_left", "_rest", "ended")

    def __init__(self) -> None:
        self.ended = False
        self._head = True
        self._chunked = False
        self._left = 0  # of the current chunk or of the whole, in bytes; -1: until the connection's end
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        if self._chunked and not self._left and not self._rest:  # by far the most: exactly one whole chunk
            line = data.find(b"\r\n", 0, 8)
            if line > 0 and data[0] != ZERO and len(data) == line + _size(data[:line]) + 4 and data.endswith(b"\r\n"):
                return data[line + 2 : -2]
        if self._head:
            return self._read_head(data)
        return self._chunks(data) if self._chunked else self._counted(data)

    def closed(self) -> None:
        """The connection was closed in the regular way."""
        if not self._head and self._left == -1:
            self.ended = True

    def _read_head(self, data: bytes) -> bytes:
        data, self._rest = self._rest + data, b""
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            return b""
        status = STATUS.match(head)
        if status is None:
            raise Malformed(f"no HTTP: {head[:80]!r}")
        if status[1] != b"200":
            raise Malformed(f"status {int(status[1])}: {body[:200].decode(errors='replace')}")
        self._head = False
        self._chunked = CHUNKED.search(head) is not None
        if not self._chunked:
            length = LENGTH.search(head)
            self._left = int(length[1]) if length else -1
        return self.feed(body) if body else b""

    def _counted(self, data: bytes) -> bytes:
        if self._left >= 0:
            data = data[: self._left]
            self._left -= len(data)
            self.ended = self._left == 0
        return data

    def _chunks(self, data: bytes) -> bytes:
        """`_left` counts the line break after a chunk's data too: between two chunks it is 0, before the line is whole."""
        data, self._rest = self._rest + data, b""
        pieces: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if not self._left:
                line = data.find(b"\r\n", at)
                if line < 0:
                    break
                size = _size(data[at:line])
                if size == 0:
                    if data[line : line + 4] != b"\r\n\r\n":
                        break
                    self.ended = True
                    return b"".join(pieces)
                at, self._left = line + 2, size + 2
            taken = min(self._left, end - at)
            pieces.append(data[at : at + min(taken, max(0, self._left - 2))])
            at += taken
            self._left -= taken
        self._rest = data[at:]
        return b"".join(pieces)


def _size(line: bytes) -> int:
    try:
        return int(line if b";" not in line else line.partition(b";")[0], 16)
    except ValueError:
        raise Malformed(f"not the size of a chunk: {line[:20]!r}") from None
