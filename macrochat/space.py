"""Whether the database has room to grow. A full one goes on for a while with what needs no new page, such as leases."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

from .config import Settings

LEAST_BYTES = 1_000_000
BELIEVED_SECONDS = 30.0  # after a refusal, so that a full server is asked again now and then
DISK_FULL = "53100"  # of PostgreSQL

_refused_at = -BELIEVED_SECONDS  # time.monotonic()
_refusal = ""


def notice(error: BaseException) -> None:
    """Remembers a refusal for want of room. To be told of every error of the database."""
    global _refused_at, _refusal
    sqlite_full = isinstance(error, sqlite3.OperationalError) and "full" in str(error)
    if sqlite_full or getattr(error, "pgcode", None) == DISK_FULL:
        _refused_at, _refusal = time.monotonic(), str(error).partition("\n")[0]


def trouble(settings: Settings) -> str:
    """What says that there is no room, or nothing."""
    if settings.sqlite:
        free = shutil.disk_usage(Path(settings.database_url.removeprefix("sqlite:///")).parent).free
        return f"{free} bytes are free on its disk" if free < LEAST_BYTES else ""
    return _refusal if time.monotonic() - _refused_at < BELIEVED_SECONDS else ""
