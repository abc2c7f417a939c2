"""The trace lane: how a reply came about, as JSON Lines.

Each line says `at`, how many bytes of text were there before it, and `t`, when it came (seconds since 1970):

    {"at":0,"t":1764150000.123,"kind":"reasoning","text":"…"}    a piece of what the model thought
    {"at":0,"t":…,"kind":"opaque","value":{…}}                   what the provider wants back; nobody is shown it
    {"at":0,"t":…,"kind":"answer"}                               the model began to answer what it had thought about
    {"at":0,"t":…,"kind":"restart","hurried":false}              this step was begun again

By `at` both lanes merge into one order, the same for everybody and at any time: that of a message's `parts`. Lines of
other kinds are those of a later version; who does not know one passes it over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from ..database import iso

REASONING, OPAQUE, ANSWER, RESTART = "reasoning", "opaque", "answer", "restart"
LINE_CHARACTERS = 32 << 10  # of thoughts in one line: readers hold a line, never all of them


class Line(msgspec.Struct, gc=False, omit_defaults=True):
    """One line. Nothing of it that says nothing is written."""

    at: int
    t: float
    kind: str
    text: str = ""
    value: dict[str, Any] | None = None
    hurried: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


@dataclass(frozen=True, slots=True)
class Read:
    """A line that was read, and its length in bytes with the newline."""

    line: Line
    size: int


def encode(lines: Iterable[Line]) -> bytes:
    """JSON Lines. What was thought in a row, with no word of text in between, becomes one line, or a few if long."""
    return b"".join(_encode(line) + b"\n" for line in _joined(lines))


def _joined(lines: Iterable[Line]) -> Iterator[Line]:
    run: list[Line] = []
    for line in lines:
        if run and (line.kind != REASONING or line.at != run[0].at):
            yield from _split(run)
            run = []
        if line.kind == REASONING:
            run.append(line)
        else:
            yield line
    yield from _split(run)


def _split(run: list[Line]) -> Iterator[Line]:
    text = "".join(line.text for line in run)
    for start in range(0, len(text), LINE_CHARACTERS):
        yield Line(run[0].at, run[0].t, REASONING, text[start : start + LINE_CHARACTERS])


def clean(line: Line) -> Line:
    """The line as it can be written: what no encoding takes (halves of surrogate pairs) is replaced, or left out."""
    try:
        _encode(line)
    except (TypeError, ValueError, RecursionError):
        return Line(line.at, line.t, line.kind, line.text.encode(errors="replace").decode(), None, line.hurried)
    return line


def decode(line: bytes) -> Line:
    """A line without its newline. Raises ValueError for what is none."""
    return _decode(line)


def lines(trace: bytes) -> list[Line]:
    """All lines. What is no line tells nothing."""
    found = []
    for line in trace.split(b"\n"):
        try:
            found.append(_decode(line))
        except ValueError:
            continue
    return found


def in_mid_thought(trace: bytes, size: int) -> bool:
    """Whether the reply broke off while the model was thinking, after `size` bytes of text."""
    told = next((line for line in reversed(lines(trace)) if line.kind in (REASONING, ANSWER, RESTART)), None)
    return told is not None and told.kind == REASONING and told.at >= size


def parts(text: str, trace: bytes) -> list[dict[str, Any]]:
    """The merge of both lanes, as the API shows it: reasoning, text, and where a step was begun again."""
    if not trace:
        return [{"type": "text", "text": text}] if text else []
    merge = _Merge(text.encode())
    for line in lines(trace):
        merge.add(line)
    return merge.finish()


class _Merge:
    def __init__(self, text: bytes) -> None:
        self._text = text
        self._shown = 0
        self._parts: list[dict[str, Any]] = []
        self._thought: list[Line] = []

    def add(self, line: Line) -> None:
        if line.at > self._shown:
            self._end_thought(None)
            self._say(line.at)
        if line.kind == REASONING:
            self._thought.append(line)
        elif line.kind in (ANSWER, RESTART):
            self._end_thought(line)
        if line.kind == RESTART:
            self._parts.append({"type": RESTART, "at": line.at, "hurried": line.hurried})

    def finish(self) -> list[dict[str, Any]]:
        self._end_thought(None)
        self._say(len(self._text))
        return self._parts

    def _say(self, end: int) -> None:
        if said := self._text[self._shown : end]:
            self._parts.append({"type": "text", "text": said.decode(errors="replace")})
        self._shown = max(self._shown, end)

    def _end_thought(self, by: Line | None) -> None:
        if thought := self._thought:
            self._parts.append(
                {
                    "type": REASONING,
                    "text": "".join(line.text for line in thought),
                    "startedAt": _time(thought[0].t),
                    "durationMs": max(0, round(((by or thought[-1]).t - thought[0].t) * 1000)),
                }
            )
            self._thought = []


def _time(seconds: float) -> str | None:
    try:
        return iso(dt.datetime.fromtimestamp(seconds, dt.UTC))
    except (OverflowError, ValueError, OSError):
        return None
