"""Server-sent events out of bytes, however the network cut them (WHATWG HTML, §9.2.6: interpreting an event stream)."""

from __future__ import annotations

from typing import NamedTuple

from macrochat.errors import UpstreamBadResponse

# A model's longest honest line is a few kB. Past this a server is broken or hostile, and its line fills our memory.
MAX_LINE_BYTES = 8 * 1024 * 1024

BOM = b"\xef\xbb\xbf"
BLANK = BOM + b" \t\r\n"


class Event(NamedTuple):
    """One dispatched event. `data` is its data lines joined by LF; `name` is b"" unless the server named it."""

    data: bytes
    name: bytes


class EventStream:
    """Feed it reads, get events. The events do not depend on where the reads were cut.

    Lines end in LF, CR or CRLF. `id`, `retry` and unknown fields are skipped. Nothing is dispatched any more once
    `error` is set. A body that begins as JSON does is no stream: it becomes an event, or one for each line, at its end.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._partial: list[bytes] = []  # pieces of the line that has not ended yet: joined once, so never quadratic
        self._partial_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = b""
        self._first_line = True
        self.error: UpstreamBadResponse | None = None
        self.is_document = False  # JSON instead of a stream
        self._begun = False  # more than white space was read
        self._skip_lf = False  # the last read ended in CR: an LF at the start of the next one belongs to it

    def feed(self, read: bytes) -> list[Event]:
        """The events that `read` completed. A line or event over the limit sets `error`, after those before it."""
        if (events := self._whole_events(read)) is not None:
            return events
        if not self._begun:
            self._look_at_the_beginning(read)
        if self.is_document:
            self._keep(read)
            return []
        lines = self._split(read)
        events = []
        for line in lines:
            if self._first_line:
                self._first_line = False
                line = line.lstrip(BOM)
            if line.startswith(b"data: "):
                self._add_data(line[6:])
            elif line:
                self._add_field(line)
            else:
                if self._data and self.error is None:
                    events.append(Event(b"\n".join(self._data), self._name))
                self._data, self._data_bytes, self._name = [], 0, b""
        if self._partial_bytes > self._max_line_bytes:
            self._give_up("a line")
        return events

    def end(self) -> list[Event]:
        """What the body's end completes: the document, or an event whose blank line never came – perhaps half of it.

        (The standard drops that one; but servers leave a newline out, and the answer's end stands in it.)
        """
        if self.error is not None:
            return []
        rest = b"".join(self._partial)
        self._partial, self._partial_bytes = [], 0
        if self.is_document:
            rest = rest.lstrip(BLANK)
            lines = [line for line in rest.splitlines() if line.strip()]
            each = all(line.strip().startswith(b"{") and line.strip().endswith(b"}") for line in lines)
            return [Event(line, b"") for line in (lines if each else [rest])]
        if rest:
            self._add_field(rest)
        return [Event(b"\n".join(self._data), self._name)] if self._data else []

    def _look_at_the_beginning(self, read: bytes) -> None:
        """No line of a stream begins as JSON or a web page do: its fields have names."""
        begun = read.lstrip(BLANK)
        if not begun:
            return
        self._begun = True
        self.is_document = begun.startswith((b"{", b"["))
        if begun.startswith(b"<"):
            self.error = UpstreamBadResponse(detail="a page instead of a stream")

    def _keep(self, read: bytes) -> None:
        self._partial.append(read)
        self._partial_bytes += len(read)
        if self._partial_bytes > self._max_line_bytes and self.error is None:
            self._partial = []
            self._give_up("a document")

    def _whole_events(self, read: bytes) -> list[Event] | None:
        """The events of a read that is nothing but whole events of one `data: ` line each, as most are; else None."""
        if not read.startswith(b"data: ") or not read.endswith(b"\n\n") or len(read) > self._max_line_bytes:
            return None
        if self._partial or self._data or self._name or self._skip_lf or self._first_line or self.error is not None:
            return None
        data = read[6:-2].split(b"\n\ndata: ")
        if read.count(b"\n") != 2 * len(data) or b"\r" in read:
            return None
        return [Event(line, b"") for line in data]

    def _split(self, read: bytes) -> list[bytes]:
        """The lines that end in `read`, without their ends. What follows the last end is kept for the next read."""
        if self._skip_lf and read:
            self._skip_lf = False
            read = read.removeprefix(b"\n")
        if b"\r" in read:
            self._skip_lf = read.endswith(b"\r")
            read = read.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = read.split(b"\n")
        if lines and self._partial:
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial, self._partial_bytes = [], 0
        if rest:
            self._partial.append(rest)
            self._partial_bytes += len(rest)
        return lines

    def _add_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")  # a comment has the empty name
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add_data(value)
        elif name == b"event":
            self._name = value

    def _add_data(self, value: bytes) -> None:
        if self.error is not None:
            return
        self._data.append(value)
        self._data_bytes += len(value)
        if self._data_bytes > self._max_line_bytes:
            self._give_up("an event")

    def _give_up(self, what: str) -> None:
        self.error = UpstreamBadResponse(detail=f"{what} of more than {self._max_line_bytes} bytes")
