"""The harness's end of the control sockets: one JSON object a line there, one back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gevent import socket


class NoControl(Exception):
    """The process at the other end is gone, stopped, or busy for too long."""


def ask(path: Path, question: dict[str, Any], seconds: float = 10.0) -> Any:
    """Raises NoControl."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(seconds)
    try:
        sock.connect(str(path))
        sock.sendall(json.dumps(question).encode() + b"\n")
        line = sock.makefile("r").readline()
    except OSError as error:
        raise NoControl(str(error)) from None
    finally:
        sock.close()
    if not line:
        raise NoControl("ended")
    return json.loads(line)
