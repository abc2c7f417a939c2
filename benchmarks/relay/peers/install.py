"""What peers need, installed once into an ignored folder, from pinned lists. A step that was interrupted is done again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.relay.peers.base import NotAvailable


def virtual_environment(folder: Path, requirements: Path) -> Path:
    """The folder of its programs. Raises NotAvailable."""
    if _is_of(folder, requirements):
        return folder / "bin"
    print(f"Installing {requirements.name} …", flush=True)
    _run([sys.executable, "-m", "venv", "--clear", folder])
    _run([folder / "bin/python", "-m", "pip", "install", *PIP, "-r", requirements])
    _stamp(folder, requirements)
    return folder / "bin"


def npm_folder(tools: Path, programs: Path) -> Path:
    """A folder with node_modules as package-lock.json says. Raises NotAvailable."""
    folder, lock = tools / "node", programs / "package-lock.json"
    if _is_of(folder, lock):
        return folder
    if shutil.which("npm") is None:
        raise NotAvailable("npm is not installed")
    print("Installing node packages …", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (lock, programs / "package.json"):
        shutil.copy(file, folder)
    _run(["npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
    _stamp(folder, lock)
    return folder


PIP = ("--quiet", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--no-deps")


def _is_of(folder: Path, pins: Path) -> bool:
    stamp = folder / ".installed"
    return stamp.exists() and stamp.read_bytes() == pins.read_bytes()


def _stamp(folder: Path, pins: Path) -> None:
    (folder / ".installed").write_bytes(pins.read_bytes())


def _run(argv: Sequence[object]) -> None:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAvailable(f"{argv[0]} failed: {done.stderr[-500:]}")
