"""Filling a disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def fill(path: Path) -> None:
    """Writes a file at `path` until its disk is full to the last byte."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(file, b"x" * 4096)
    os.close(file)
