"""The journal's rows become chunks of their replies, a second after they were committed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import gevent

from .logs import Log
from .store import Part, store_parts

if TYPE_CHECKING:
    from .writer import Journal

FOLD_SECONDS = 1.0
FOLD_REPLIES = 128  # of one transaction, so that it takes a millisecond or two
HELD_TRIES = 3  # for replies that somebody is changing, in one fold
HELD_SECONDS = 0.05  # between two of them
FOLD_ROWS = 16  # of another; deleting one takes as long as storing eight parts

Ends = tuple[Log, int, int]  # a log, and how much of its text and its trace was committed at some moment


class Folding:
    """Of what one journal commits under one worker id."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._folded_seq = 0
        self._mark: tuple[int, list[Ends]] = (0, [])

    def fold(self, seconds: float = 0.0) -> None:
        """Moves what was committed before the last call into per-reply chunks, in small transactions.

        All of it is stored, spread over so many seconds, before its rows go: what is in both is read once. (As one
        transaction it stopped every stream for 25 ms, once a second.) So a row lives at least for `seconds`, and
        readers elsewhere that look ten times a second meet every row. Raises Fenced, and database errors: what was not
        done then, or is of replies that somebody else has locked, is done by the next call.
        """
        journal = self._journal
        (seq, ends), owner = self._mark, journal.owner
        if seq > self._folded_seq:
            slices = [ends[start : start + FOLD_REPLIES] for start in range(0, len(ends), FOLD_REPLIES)] or [[]]
            held = []
            for some in slices:
                held += self._store(owner, some)
                gevent.sleep(seconds / len(slices))
            for _ in range(HELD_TRIES):  # mostly they are just ending: then nothing of them is left to be stored
                if held:
                    gevent.sleep(HELD_SECONDS)
                    held = self._store(owner, held)
            if held:
                return
            for last in (*range(self._folded_seq + FOLD_ROWS, seq, FOLD_ROWS), seq):
                if journal.owner == owner:
                    journal.delete(owner, self._folded_seq + 1, last)
                if journal.owner == owner:
                    self._folded_seq = last
                gevent.sleep(0)
        if journal.owner == owner:
            self._mark = (journal.seq_committed, [(log, log.end, len(log.trace)) for log in journal.logs.values()])

    def _store(self, owner: uuid.UUID, ends: list[Ends]) -> list[Ends]:
        """Returns those that must be stored once more: somebody is changing their replies."""
        journal = self._journal
        grown = [one for one in ends if _has_grown(*one) and journal.logs.get(one[0].key) is one[0]]
        if not grown or journal.owner != owner:
            return []
        parts = [part for one in grown for part in _unfolded(*one)]
        held = journal.transact(owner, lambda connection: store_parts(connection, owner, parts))
        for log, end, trace_end in grown:
            if log.reply_id not in held:
                log.folded, log.folded_trace = max(log.folded, end), max(log.folded_trace, trace_end)
        return [one for one in grown if one[0].reply_id in held]


def _has_grown(log: Log, end: int, trace_end: int) -> bool:
    return end > log.folded or trace_end > log.folded_trace


def _unfolded(log: Log, end: int, trace_end: int) -> Iterator[Part]:
    if end > log.folded:
        yield Part(log.reply_id, log.folded, bytes(log.data[log.folded : end]))
    if trace_end > log.folded_trace:
        yield Part(log.reply_id, log.folded_trace, bytes(log.trace[log.folded_trace : trace_end]), trace=True)
