"""py-spy on a relay's worker, if py-spy is installed. The form follows the file's name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

FORMATS = {".svg": "flamegraph", ".txt": "raw", ".json": "speedscope"}


def record(pid: int, seconds: float, file: Path) -> subprocess.Popen[bytes] | None:
    """Begins to look at a process for so long; `finish` waits for the file. None without py-spy."""
    program = shutil.which("py-spy")
    if program is None:
        print("py-spy is not installed: no profile (pip install py-spy)")
        return None
    return subprocess.Popen(
        [
            program,
            *("record", "--pid", str(pid), "--duration", str(max(1, round(seconds))), "--rate", "200"),
            *("--format", FORMATS.get(file.suffix, "flamegraph"), "--output", str(file), "--nonblocking"),
        ],
        stdout=subprocess.DEVNULL,
    )


def finish(recording: subprocess.Popen[bytes] | None) -> None:
    if recording is not None:
        recording.wait(60)
