"""Following a reply's trace, or both its lanes in the one order that `at` gives them."""

from __future__ import annotations

from collections.abc import Callable

from ..journal.logs import Cursor
from ..models import STREAMING
from ..trace import Line, decode
from .followers import Follower


class TraceFollower(Follower):
    """Iterates over the trace's bytes, as a Follower does over the text's."""

    def _next(self) -> bytes:
        data = self._source.read_trace(self.position)
        self.position += len(data)
        return data


class LanesFollower(Follower):
    """Iterates over text (bytes) and lines of the trace, each line after the text that was there before it.

    `position` counts the text, `trace_position` the trace: always the end of a line. `begin` sets the latter.
    """

    trace_position = 0
    _waiting: Line | None = None  # read, but text comes before it
    _waiting_bytes = 0

    def begin(self, cursor: Cursor) -> LanesFollower:
        """Goes on behind `cursor`. Inside a line, that line comes once more."""
        self.trace_position = _start_of_line(self._source.read_trace, cursor.trace)
        return self

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.position, self.trace_position)

    def _next(self) -> Line | bytes:
        line = self._line()
        if line is None:
            return super()._next()  # type: ignore[no-any-return]
        if line.at > self.position:
            data: bytes = self._source.read(self.position)[: line.at - self.position]
            self.position += len(data)
            if data or self._source.status == STREAMING:
                return data
        self.trace_position += self._waiting_bytes
        self._waiting = None
        return line

    def _line(self) -> Line | None:
        """The next line of the trace, if it is there."""
        while self._waiting is None:
            raw = _read_line(self._source.read_trace, self.trace_position)
            if raw is None:
                return None
            self._waiting_bytes = len(raw) + 1
            try:
                self._waiting = decode(raw)
            except ValueError:  # of no format that is known here
                self.trace_position += self._waiting_bytes
        return self._waiting


def _read_line(read: Callable[[int], bytes], offset: int) -> bytes | None:
    """The line that begins at `offset`, without its newline; None at the end."""
    pieces: list[bytes] = []
    while data := read(offset):
        end = data.find(b"\n")
        if end >= 0:
            return b"".join([*pieces, data[:end]])
        pieces.append(data)
        offset += len(data)
    return None


def _start_of_line(read: Callable[[int], bytes], offset: int) -> int:
    """Where the line begins that byte `offset` is in; `offset` itself between two lines, or where nothing is yet.

    (Another worker's log may be a moment behind what the client has seen already.)
    """
    if offset == 0 or read(offset - 1)[:1] in (b"\n", b""):
        return offset
    start = 0
    while (line := _read_line(read, start)) is not None and start + len(line) + 1 <= offset:
        start += len(line) + 1
    return start
