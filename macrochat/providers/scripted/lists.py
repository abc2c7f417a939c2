"""What the scripted server answers to `GET /lists/NAME/v1/models`: an error for a number, else a list by its name."""

from __future__ import annotations

import json
import re
from typing import Any

_GOOD = {"id": "good"}

LISTS: dict[str, Any] = {
    "null-entry": {"data": [None, _GOOD]},
    "bare": [_GOOD],
    "bare-names": ["good"],
    "ollama": {"models": [{"name": "good", "model": "good", "size": 1}]},
    "both": {"data": None, "models": [{"name": "good"}]},
    "odd-ids": {
        "data": [17, {"id": 17}, {"id": None}, {"id": ["x"]}, {"id": True}, {}, {"id": ""}, {"id": "  "}, [], _GOOD]
    },
    "half-emoji": {"data": [{"id": "half \ud83d"}, _GOOD]},
    "nul": {"data": [{"id": "nul \0"}, {"id": "line\nbreak"}, {"id": "\x1b[31mred"}, {"id": "\u202egpt"}, _GOOD]},
    "long-id": {"data": [{"id": "x" * 10_000}, {"id": "x" * 256}, _GOOD]},
    "twice": {"data": [_GOOD, _GOOD, "good"]},
    "many": {"data": [{"id": f"maker/model-{k}:free"} for k in range(9_999)] + [_GOOD]},
    "empty": {"data": []},
    "nothing-usable": {"data": [None, {"id": 17}]},
    "no-list": {"object": "list"},
    "null": None,
    "error-401": {"error": {"message": "no", "code": 401}},
    "error-402": {"error": "Insufficient credits"},
    "data-object": {"data": {"good": {}}},
}
_RAW = {
    "page": b"<!doctype html><title>Welcome</title>",
    "bom": b"\xef\xbb\xbf" + json.dumps({"data": [_GOOD]}).encode(),
    "bad-utf8": b'{"data":[{"id":"bad \xff"},{"id":"good"}]}',
    "deep": b"[" * 100_000,
    "nobody": b"",
}


def list_asked_for(path: str) -> tuple[int, bytes] | None:
    """Status and body, or None if the path asks for the usual list."""
    match = re.match(r"/lists/([\w-]+)/", path)
    if match is None:
        return None
    name = match[1]
    if name.isdigit():
        return int(name), json.dumps({"error": {"message": f"You asked for a {name}"}}).encode()
    return 200, _RAW[name] if name in _RAW else json.dumps(LISTS[name]).encode()
