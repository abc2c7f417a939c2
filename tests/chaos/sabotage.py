"""Breaks the product on purpose, so that a test can show that the harness would notice. Never on unless named.

CHAOS_SABOTAGE=  forget       says that text is stored, and stores nothing
                 rewind       takes a reply over a few bytes too early
                 absentminded takes a reply over without its last thought
                 wordy        says that thoughts are stored, and stores words only
                 optimist     calls every reply complete
                 deaf         does not hear stops
                 hoarder      never lets go of a connection that has ended
                 forgetful    does not know idempotency keys
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from macrochat.replies import sending
from macrochat.replies.journal import store, writer
from macrochat.replies.reading import bodies
from macrochat.replies.writing import claims, generation, recovery


def sabotage(name: str) -> None:
    if name:
        globals()[f"_{name}"]()


def _forget() -> None:
    store.Store.commit = lambda self, owner, seq, entries, **options: None


def _rewind() -> None:
    claim = recovery._claim

    def early(*arguments: Any) -> Any:
        return [dataclasses.replace(orphan, text=orphan.text[:-7]) for orphan in claim(*arguments)]

    recovery._claim = early


def _absentminded() -> None:
    """A takeover forgets the last thought, which somebody has seen."""
    claim = recovery._claim

    def forgetting(*arguments: Any) -> Any:
        shorter = [(orphan, orphan.trace.rstrip(b"\n").rpartition(b"\n")) for orphan in claim(*arguments)]
        return [dataclasses.replace(orphan, trace=before + newline) for orphan, (before, newline, _last) in shorter]

    recovery._claim = forgetting


def _wordy() -> None:
    """Says that thoughts are stored, and stores words only."""
    entries = writer.Piece.entries

    def words_only(self: Any) -> Any:
        return [entry for entry in entries(self) if entry[0] == self.log.key] or [(self.log.key, self.log.end, b"")]

    writer.Piece.entries = words_only


def _optimist() -> None:
    finish = claims.finish

    def gladly(*arguments: Any) -> Any:
        changed = [claims.Outcome(status="complete") if isinstance(a, claims.Outcome) else a for a in arguments]
        return finish(*changed)

    claims.finish = gladly


def _deaf() -> None:
    generation.Generation.stop = lambda self: None


def _hoarder() -> None:
    bodies.StreamingConnectionManager.release = lambda self, connection, reason: None


def _forgetful() -> None:
    record = sending.record

    def anew(room: Any, chat: Any, ask: Any) -> Any:
        return record(room, chat, dataclasses.replace(ask, key=uuid.uuid4().hex))

    sending.record = anew
