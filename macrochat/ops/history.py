"""The last hour, minute by minute, read off the replies themselves: it is the same whichever worker is asked, on any
number of machines, and survives restarts. No other record is kept.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import gevent
import sqlalchemy as sa

from ..database import now
from ..extensions import OnePerApp, db
from ..metrics import estimated_tokens
from ..replies.models import FAILED, INTERRUPTED, STREAMING, Reply

MINUTES = 60
STEP = 60  # seconds
LONGEST_REPLY_SECONDS = 3600  # replies begun earlier than this before the hour are not looked for
MOST_ROWS = 10_000  # of the newest
ROWS_AT_ONCE = 200  # then others have their turn
BELIEVED_SECONDS = 5.0

COLUMNS = (
    Reply.status, Reply.started_at, Reply.first_byte_at, Reply.finished_at, Reply.bytes, Reply.completion_tokens,
)  # fmt: skip


class History:
    """`hour()` is made at most every BELIEVED_SECONDS, however many look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}
        self._made_at = -BELIEVED_SECONDS

    def hour(self) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() - self._made_at >= BELIEVED_SECONDS:
                until = now().timestamp()
                self._made = series(_rows(until), until)
                self._made_at = time.monotonic()
            return self._made


histories: OnePerApp[History] = OnePerApp("macrochat.history")


def series(rows: Iterable[Any], until: float) -> dict[str, Any]:
    """Lists of MINUTES figures, oldest first; the last minute is the running one. Times are seconds since 1970.

    A reply's tokens count evenly over the time from its first byte to its end; active streams are a minute's mean.
    """
    first = (until // STEP - MINUTES + 1) * STEP
    minutes = [_Minute() for _ in range(MINUTES)]
    for count, row in enumerate(rows):
        if count % ROWS_AT_ONCE == 0:
            gevent.sleep(0)
        _add(minutes, row, first, until)
    lasted = [float(STEP)] * (MINUTES - 1) + [max(1.0, until - first - STEP * (MINUTES - 1))]
    return {
        "from": int(first),
        "step": STEP,
        "tokensPerSecond": [round(m.tokens / s, 2) for m, s in zip(minutes, lasted, strict=True)],
        "activeStreams": [round(m.busy / s, 2) for m, s in zip(minutes, lasted, strict=True)],
        "firstByteP50Ms": [percentile(minute.waits, 50) for minute in minutes],
        "firstByteP95Ms": [percentile(minute.waits, 95) for minute in minutes],
        "replies": [minute.replies for minute in minutes],
        "errors": [minute.errors for minute in minutes],
    }


def percentile(values: Sequence[int], percent: int) -> int | None:
    """By the nearest rank; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


class _Minute:
    def __init__(self) -> None:
        self.tokens = self.busy = 0.0
        self.waits: list[int] = []
        self.replies = self.errors = 0


def _add(minutes: list[_Minute], row: Any, first: float, until: float) -> None:
    began = row.started_at.timestamp()
    end = row.finished_at.timestamp() if row.finished_at else until
    heard = row.first_byte_at.timestamp() if row.first_byte_at else end
    if minute := _at(minutes, began, first):
        minute.replies += 1
        if row.first_byte_at:
            minute.waits.append(round((heard - began) * 1000))
    if row.status in (FAILED, INTERRUPTED) and (minute := _at(minutes, end, first)):
        minute.errors += 1
    tokens = estimated_tokens(row.bytes) if row.completion_tokens is None else row.completion_tokens
    pace = tokens / max(end - heard, 0.001)
    for index, since, to in _slices(began, end, first):
        minutes[index].busy += to - since
    for index, since, to in _slices(heard, max(end, heard + 0.001), first):
        minutes[index].tokens += pace * (to - since)


def _at(minutes: list[_Minute], moment: float, first: float) -> _Minute | None:
    index = int((moment - first) // STEP)
    return minutes[index] if 0 <= index < len(minutes) else None


def _slices(since: float, to: float, first: float) -> Iterable[tuple[int, float, float]]:
    """A stretch of time cut at the minutes: (minute's index, from, to)."""
    since = max(since, first)
    while since < to:
        index = int((since - first) // STEP)
        if index >= MINUTES:
            return
        edge = min(to, first + (index + 1) * STEP)
        yield index, since, edge
        since = edge


def _rows(until: float) -> list[Any]:
    """Newest first. Ids begin with their time (UUIDv7), so the primary key finds them."""
    since = until - MINUTES * STEP - LONGEST_REPLY_SECONDS
    oldest = uuid.UUID(int=int(since * 1000) << 80)
    begun = Reply.started_at >= dt.datetime.fromtimestamp(since, dt.UTC)
    recent = sa.select(*COLUMNS).where(Reply.id >= oldest, begun).order_by(Reply.id.desc()).limit(MOST_ROWS)
    older = sa.select(*COLUMNS).where(Reply.status == STREAMING, Reply.id < oldest).limit(MOST_ROWS)
    return [*db.session.execute(recent), *db.session.execute(older)]
