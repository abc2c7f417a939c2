"""Inside a worker: a Unix socket at which the harness arms points and asks how the process is.

One JSON object a line, one answer a line: {"do": "arm", …Arming} · await (until something is held) · release · reset ·
counts · struck · gauges · block (the whole process, for `seconds`).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import greenlet
from gevent import monkey
from gevent.server import StreamServer

from tests.chaos.points import Arming, points

FOLDER = Path(os.environ.get("CHAOS_FOLDER", "."))


def open_door(worker: Any) -> int:
    """Makes gunicorn serve a second port from this worker alone; returns it. Before the worker's loop begins."""
    door = gevent.socket.socket()
    door.bind(("127.0.0.1", 0))
    door.listen(1024)
    worker.sockets.append(door)
    return int(door.getsockname()[1])


def serve(worker: Any, port: int) -> None:
    """Begins to listen, and tells the harness where by a file named after this process."""
    pid = os.getpid()
    listener = gevent.socket.socket(gevent.socket.AF_UNIX)
    listener.bind(str(FOLDER / f"{pid}.sock"))
    listener.listen(16)
    talk = Talk(worker.wsgi.extensions["macrochat"])
    StreamServer(listener, talk.serve).start()
    draft = FOLDER / f".{pid}"
    draft.write_text(json.dumps({"pid": pid, "ppid": os.getppid(), "port": port}))
    draft.rename(FOLDER / f"{pid}.json")


class Talk:
    def __init__(self, room: Any) -> None:
        self.room = room

    def serve(self, sock: Any, _address: Any) -> None:
        for line in sock.makefile("r"):
            asked = json.loads(line)
            answer = getattr(self, asked.pop("do"))(**asked)
            with contextlib.suppress(OSError):  # the harness has lost its patience
                sock.sendall(json.dumps(answer).encode() + b"\n")

    def arm(self, **fields: Any) -> None:
        points.arm(Arming(**fields))

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not any(arming.held for arming in points.armed):
            if time.monotonic() > until:
                return False
            gevent.sleep(0.005)
        return True

    def release(self) -> None:
        points.release()

    def reset(self) -> None:
        points.reset()

    def counts(self) -> dict[str, int]:
        return dict(points.counts)

    def struck(self) -> int:
        return sum(arming.struck for arming in points.armed)

    def block(self, seconds: float) -> None:
        monkey.get_original("time", "sleep")(seconds)

    def gauges(self, *, deep: bool = False) -> dict[str, int]:
        room = self.room
        found = {
            "connections": room.manager.active_count,
            "generations": len(room.worker.generations),
            "tails": len(room.remote_logs),
            "logs": len(room.worker.journal.logs),
            "pending": room.worker.journal._pending_bytes,
            "descriptors": len(os.listdir("/proc/self/fd")),
        }
        if deep:
            gc.collect()
            found["greenlets"] = sum(
                isinstance(thing, greenlet.greenlet) and not thing.dead for thing in gc.get_objects()
            )
        return found
