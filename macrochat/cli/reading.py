"""The chats of a file, one after the other, in the memory that one of them needs: a file may be a gigabyte.

What is wrong with one of them is found out when it is parsed, not here: the others come all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import click

STEP = 1 << 20
BEFORE = b"\xef\xbb\xbf \t\r\n"  # a byte order mark and white space, before a document

# What changes the place in a document: before the list, between its items, in one of them, in a text.
_BEFORE = re.compile(rb"\[")
_BETWEEN = re.compile(rb'["\[\]{},]')
_IN_ITEM = re.compile(rb'["\[\]{}]')
_IN_TEXT = re.compile(rb'["\\]')


def is_list(source: BinaryIO) -> bool:
    """Whether the file looks like a list of JSON. It is read from its beginning again."""
    start = source.read(STEP).lstrip(BEFORE)
    source.seek(0)
    return start.startswith(b"[")


def lines(source: BinaryIO, most: int) -> Iterator[bytes | None]:
    """The lines; None for one of more than `most` bytes."""
    while line := source.readline(most + 1):
        if len(line) <= most:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(STEP)
        yield None


def items(source: BinaryIO, most: int) -> Iterator[bytes | None]:
    """The items of a JSON list as they stand there; None for one of more than `most` bytes.

    Brackets and texts are followed, nothing else of JSON's rules. A list that does not end has a last item, broken or
    empty. Raises ClickException if it is no list.
    """
    if not source.read(STEP).lstrip(BEFORE).startswith(b"["):
        raise click.ClickException("The file is not a list of conversations")
    source.seek(0)
    splitter = _Splitter(most)
    while chunk := source.read(STEP):
        yield from splitter.feed(chunk)
    if splitter.depth:
        yield splitter.end()


class _Splitter:
    def __init__(self, most: int) -> None:
        self.depth = 0  # 1: between the list's items
        self._most = most
        self._in_text = False
        self._skip = 0  # bytes of the next chunk that a backslash in this one has taken
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        start, position, self._skip = 0, self._skip, 0
        while match := self._pattern().search(chunk, position):
            token, position = match[0], match.end()
            if token == b'"':
                self._in_text = not self._in_text
            elif token == b"\\":
                position += 1
            elif token in (b"[", b"{"):
                self.depth += 1
                start = position if self.depth == 1 else start
            else:
                if self.depth == 1:
                    self._keep(chunk[start : position - 1])
                    item, start = self.end(), position
                    if item != b"" or token == b",":
                        yield item
                self.depth -= token != b","
        self._skip = max(0, position - len(chunk))
        if self.depth:
            self._keep(chunk[start:])

    def end(self) -> bytes | None:
        """What was kept of an item."""
        item = b"".join(self._parts).strip() if self._size <= self._most else None
        self._parts, self._size = [], 0
        return item

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._most:
            self._parts.append(part)
        else:
            self._parts.clear()

    def _pattern(self) -> re.Pattern[bytes]:
        if self._in_text:
            return _IN_TEXT
        return (_BEFORE, _BETWEEN)[self.depth] if self.depth < 2 else _IN_ITEM
