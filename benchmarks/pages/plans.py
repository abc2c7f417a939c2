"""How the database finds the rows of a page: every SELECT of a request, explained with the values it had."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.support.processes import ROOT, clean_environment


def explain(environment: Mapping[str, object], cookie: str, paths: Sequence[str]) -> str:
    """As Markdown. In a process of its own, which gevent can patch as the server's."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pages.explain", cookie, *paths],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"explain: {done.stderr[-2000:]}")
    found: list[tuple[str, list[str], list[str]]] = json.loads(done.stdout)
    return "\n\n".join(
        f"{', '.join(f'`{_without_id(path)}`' for path in paths)}\n\n```\n{sql}\n\n{chr(10).join(plan)}\n```"
        for sql, paths, plan in found
    )


def _without_id(path: str) -> str:
    return "/".join("…" if len(part) == 36 else part for part in path.split("/"))
