"""Is it the text that was sent? Two forms: the bare text, and the upstream's events as they were."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.relay.texts import (
    CELL_BYTES,
    EVENT_BYTES,
    EVENT_HEAD,
    EVENT_TAIL,
    FIRST_EVENT,
    LAST_EVENTS,
    MASK,
    NO_STAMP,
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
        if self._rest:
            text, self._rest = self._rest + text, b""
        whole = len(text) - len(text) % CELL_BYTES
        position = self._first + self.cells
        for at in range(0, whole, CELL_BYTES):
            moment = text[at : at + STAMP_BYTES]
            if text[at + STAMP_BYTES : at + CELL_BYTES] != WORDS[position & MASK] or not moment.isdigit():
                self.wrong += CELL_BYTES
            elif moment != NO_STAMP:
                self._note((now - int(moment)) % STAMP_MODULO)
            position += 1
        self.cells = position - self._first
        if whole != len(text):
            self._rest = text[whole:]

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
        end = len(data)
        while end - at >= EVENT_BYTES:
            cell = at + HEAD_BYTES
            if data[at:cell] != EVENT_HEAD or data[cell + CELL_BYTES : at + EVENT_BYTES] != EVENT_TAIL:
                break  # the last events, or a wrong one: `end` compares
            self._text.feed(data[cell : cell + CELL_BYTES], now)
            at += EVENT_BYTES
        self._rest = data[at:]

    def end(self, cells: int) -> None:
        if self._rest != LAST_EVENTS:
            self._text.wrong += max(len(self._rest), 1)
        self._text.end(cells)
