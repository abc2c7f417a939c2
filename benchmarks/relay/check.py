"""Is it the text that was sent? Two forms: the bare text, and the upstream's events as they were."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.relay.texts import (
    CELL_BYTES,
    EVENT_BYTES,
    EVENT_HEAD,
    EVENT_TAIL,
    FIRST_EVENT,
    FLOOD_EVENTS,
    FLOOD_TEXT,
    LAST_EVENTS,
    MASK,
    NO_STAMP,
    PERIOD,
    STAMP_BYTES,
    STAMP_MODULO,
    WORDS,
    first_word,
)

HEAD_BYTES = len(EVENT_HEAD)
NOTE = Callable[[int], None]


class TextCheck:
    """`feed(text, now)` compares each whole cell and notes its age in microseconds (`now` is in microseconds, too).

    `cells` arrived; `wrong` bytes stood in cells that were others.
    """

    __slots__ = ("_first", "_note", "_rest", "cells", "wrong")

    def __init__(self, stream: int, note: NOTE) -> None:
        self.cells = 0
        self.wrong = 0
        self._first = first_word(stream)
        self._note = note
        self._rest = b""

    def feed(self, text: bytes, now: int) -> None:
        if len(text) == CELL_BYTES and not self._rest:  # paced, by far the most
            self.cell(text, now)
            return
        if self._rest:
            text, self._rest = self._rest + text, b""
        count = len(text) // CELL_BYTES
        whole = count * CELL_BYTES
        start = self.word * CELL_BYTES
        if text.startswith(NO_STAMP) and count <= PERIOD and text[:whole] == FLOOD_TEXT[start : start + whole]:
            self.cells += count
        else:
            for at in range(0, whole, CELL_BYTES):
                self.cell(text[at : at + CELL_BYTES], now)
        if whole != len(text):
            self._rest = text[whole:]

    @property
    def word(self) -> int:
        """The index of the next cell's."""
        return self._first + self.cells & MASK

    def cell(self, cell: bytes, now: int) -> None:
        """One whole cell, or what stands in its place."""
        moment = cell[:STAMP_BYTES]
        if not cell.endswith(WORDS[self._first + self.cells & MASK]) or not moment.isdigit():
            self.wrong += CELL_BYTES
        elif moment != NO_STAMP:
            self._note((now - int(moment)) % STAMP_MODULO)
        self.cells += 1

    def end(self, cells: int) -> None:
        """The body has ended as it should and `cells` had been sent: what is missing is wrong as well."""
        self.wrong += len(self._rest) + abs(cells - self.cells) * CELL_BYTES


class EventCheck:
    """The same for a relay that hands on the upstream's bytes: every byte of every event counts."""

    __slots__ = ("_begun", "_rest", "_text")

    def __init__(self, stream: int, note: NOTE) -> None:
        self._text = TextCheck(stream, note)
        self._begun = False
        self._rest = b""

    @property
    def cells(self) -> int:
        return self._text.cells

    @property
    def wrong(self) -> int:
        return self._text.wrong

    def feed(self, data: bytes, now: int) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        if not self._begun:
            if len(data) < len(FIRST_EVENT):
                self._rest = data
                return
            at, self._begun = len(FIRST_EVENT), True
            if not data.startswith(FIRST_EVENT):
                self._text.wrong += at
        at = self._flood(data, at)
        while len(data) - at >= EVENT_BYTES:
            cell, end = at + HEAD_BYTES, at + EVENT_BYTES
            if not data.startswith(EVENT_HEAD, at) or not data.endswith(EVENT_TAIL, at, end):
                break  # the last events, or a wrong one: `end` compares
            self._text.cell(data[cell : cell + CELL_BYTES], now)
            at = end
        self._rest = data[at:]

    def _flood(self, data: bytes, at: int) -> int:
        """Compares a run of events without stamps at once. Returns where it ends."""
        count = (len(data) - at) // EVENT_BYTES
        if 1 < count <= PERIOD and data.startswith(NO_STAMP, at + HEAD_BYTES):
            start, length = self._text.word * EVENT_BYTES, count * EVENT_BYTES
            if data[at : at + length] == FLOOD_EVENTS[start : start + length]:
                self._text.cells += count
                return at + length
        return at

    def end(self, cells: int) -> None:
        if self._rest != LAST_EVENTS:
            self._text.wrong += max(len(self._rest), 1)
        self._text.end(cells)
