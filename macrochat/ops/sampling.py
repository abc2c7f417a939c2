"""What is looked at once a second instead of being counted at every change: gauges, and who reads what.

Workers of one gunicorn tell each other their readers through files in the folder of their figures. Readers at other
machines are not known here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from ..config import figures_folder
from ..metrics import FOLLOWERS, GENERATIONS, PENDING_BYTES, STUCK_SECONDS, measure_memory
from ..replies.process import Process

SECONDS = 1.0


def sample(process: Process) -> None:
    """Sets this worker's gauges. Cheap enough for every second and before every answer."""
    if not process.ready:
        return
    pending, stuck = process.worker.journal.waiting()
    GENERATIONS.set(len(process.worker.generations))
    FOLLOWERS.set(process.manager.active_count)
    PENDING_BYTES.set(pending)
    STUCK_SECONDS.set(stuck)
    measure_memory()
    if path := _path(os.getpid()):
        _tell(path, readers_here(process))


def readers_here(process: Process) -> dict[str, int]:
    """Reply id → how many bodies of this process read it."""
    return dict(Counter(str(connection.reply_id) for connection in process.manager.connections()))


def readers(process: Process) -> dict[str, int]:
    """The same of all workers of this gunicorn; theirs are at most a second old."""
    together = Counter(readers_here(process))
    mine = _path(os.getpid())
    for path in mine.parent.glob("readers_*.json") if mine else ():
        if path != mine:
            together.update(_told(path))
    return dict(together)


def _path(pid: int) -> Path | None:
    folder = figures_folder()
    return folder / f"readers_{pid}.json" if folder else None


_last_told: dict[str, int] = {}


def _tell(path: Path, found: dict[str, int]) -> None:
    global _last_told
    if found == _last_told:
        return
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(found))
    draft.replace(path)
    _last_told = found


def _told(path: Path) -> dict[str, int]:
    try:
        return {str(reply_id): int(count) for reply_id, count in json.loads(path.read_text()).items()}
    except (OSError, ValueError):  # its worker is just gone
        return {}
