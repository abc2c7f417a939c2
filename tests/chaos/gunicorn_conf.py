"""The product's gunicorn.conf.py, and for each worker a door of its own beside the common one, and a control socket."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
globals().update({k: v for k, v in runpy.run_path(str(ROOT / "gunicorn.conf.py")).items() if not k.startswith("__")})
_started = globals()["post_worker_init"]


def post_worker_init(worker):
    from tests.chaos import control  # gevent has patched this process by now

    door = control.open_door(worker)
    _started(worker)
    control.serve(worker, door)
