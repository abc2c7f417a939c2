"""What a server wants back with the next request: signatures, encrypted reasoning. It comes in pieces, like text.

delta.reasoning_details[]                    OpenRouter
delta.thinking_blocks[]                      LiteLLM
delta.extra_content.google.thought_signature Gemini
"""

from __future__ import annotations

import json
from typing import Any

from macrochat.providers.base import Opaque
from macrochat.providers.clean_text import clean_json

MAX_BYTES = 1 << 20  # of one answer's; more is not kept, and the server thinks anew

_LISTS = ("reasoning_details", "thinking_blocks")
_GROWING = ("text", "summary", "data", "thinking")  # fields that come in pieces
FIELDS = (*_LISTS, "extra_content")


def found_in(delta: dict[str, Any]) -> dict[str, Any]:
    """What is to be kept of a delta or a message."""
    kept: dict[str, Any] = {name: delta[name] for name in _LISTS if isinstance(delta.get(name), list) and delta[name]}
    if signature := google_says(delta, "thought_signature"):
        kept["extra_content"] = {"google": {"thought_signature": signature}}
    return kept


def google_says(delta: dict[str, Any], name: str) -> Any:
    """`extra_content.google.<name>`, None if it is not there."""
    extra = delta.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return google.get(name) if isinstance(google, dict) else None


class Keepsakes:
    """Puts the pieces of one answer together."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}
        self._bytes = 0

    def add(self, found: dict[str, Any]) -> None:
        """`found` is JSON's. Beyond MAX_BYTES all of it is dropped: half a signature is none."""
        self._bytes += len(json.dumps(found))
        if self._bytes > MAX_BYTES:
            self._kept = {}
            return
        for name, value in found.items():
            if name in _LISTS:
                entries = self._kept.setdefault(name, [])
                for entry in value:
                    _join(entries, entry)
            else:
                self._kept[name] = value

    def take(self) -> Opaque | None:
        kept, self._kept = self._kept, {}
        return Opaque(clean_json(kept)) if kept else None


def _join(entries: list[dict[str, Any]], entry: Any) -> None:
    """An entry goes on with the one before if both have the same place; else it is a new one."""
    if not isinstance(entry, dict):
        return
    last = entries[-1] if entries else None
    if last is None or _place(last) != _place(entry) or (last.get("signature") and entry.get("type") == "thinking"):
        entries.append(dict(entry))
        return
    for name, value in entry.items():
        if name in _GROWING and isinstance(value, str) and isinstance(last.get(name), str):
            last[name] += value
        elif value is not None:
            last[name] = value


def _place(entry: dict[str, Any]) -> tuple[Any, Any]:
    return entry.get("type"), entry.get("index")
