"""`make dev`: Macrochat for who works on it. Code is reloaded when it changes, pages and their files at each request.

It has a database of its own (instance/dev.db) with a demo account in it, unless DATABASE_URL says otherwise. All other
settings are those of `make run`.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATABASE = f"sqlite:///{HERE.parent / 'instance' / 'dev.db'}"


def main() -> int:
    os.environ.setdefault("DATABASE_URL", DATABASE)
    os.environ["MACROCHAT_RELOAD"] = "on"
    flask = [str(Path(sys.executable).parent / "flask")]
    for command in (["db", "upgrade"], ["demo"]):
        if code := subprocess.call([*flask, *command], cwd=HERE.parent):
            return code
    run = runpy.run_path(str(HERE / "run.py"))
    code: int = run["main"]()
    return code


if __name__ == "__main__":
    sys.exit(main())
