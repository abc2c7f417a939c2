"""Server-sent events of a reply, as a browser decodes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple


class Event(NamedTuple):
    """`id` as it was sent."""

    name: str
    id: str
    data: dict[str, Any]

    @property
    def cursor(self) -> tuple[int, int]:
        text, _, trace = self.id.partition(".")
        return int(text), int(trace)


def events(body: bytes) -> list[Event]:
    """The whole events of a body, comments left out."""
    found = []
    for block in body.decode(errors="ignore").split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            found.append(Event(fields["event"], fields["id"], json.loads(fields["data"])))
    return found


def parts_of(found: Iterable[Event]) -> list[tuple[str, str]]:
    """What a page makes of them: (kind, text), neighbours of a kind joined; a restart is ("restart", "")."""
    parts: list[tuple[str, str]] = []
    for event in found:
        kind = {"delta": "text"}.get(event.name, event.name)
        text = event.data.get("text", "")
        if kind in ("done", "error"):
            continue
        if parts and parts[-1][0] == kind and kind != "restart":
            parts[-1] = (kind, parts[-1][1] + text)
        else:
            parts.append((kind, text))
    return parts


def parts_of_message(message: dict[str, Any]) -> list[tuple[str, str]]:
    """The same of a message's `parts`."""
    return [(part["type"], part.get("text", "")) for part in message["parts"]]
