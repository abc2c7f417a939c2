"""The ids of models out of whatever a server lists at /models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from macrochat.errors import UpstreamBadResponse
from macrochat.providers.upstream_errors import from_complaint

MAX_ID_CHARACTERS = 255  # what a reply's row holds
SHOWN_CHARACTERS = 40  # of an id that was left out, in the log
MOST_SHOWN = 5

# Where servers keep their list, the OpenAI API's own place first: Ollama's and llama.cpp's, Cloudflare's.
_LISTS = ("data", "models", "result")
# What calls a model by the name that a request must use; the first that is there decides.
_NAMES = ("id", "model", "name")


def is_model_id(value: object) -> bool:
    """Whether it can go into a request, a database, a log line and a page: printable, whole, not too long."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS:
        return False
    return value.isprintable() and not value.isspace() and "\N{REPLACEMENT CHARACTER}" not in value


def read_model_list(body: bytes) -> tuple[list[str], list[str]]:
    """The ids that can be offered, in the server's order, each once; and what was left out, in words for a log line.

    Raises UpstreamBadResponse for what is no list of models, and what an error means that stands in its place.
    """
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        document = None
    entries = _entries(document)
    if entries is None and isinstance(document, dict) and document.get("error"):
        raise from_complaint(document, "/models")
    if entries is None:
        raise UpstreamBadResponse(detail=f"/models: {len(body)} bytes that are no list of models")
    ids, left_out = dict[str, None](), list[str]()
    for entry in entries:
        name = _name(entry)
        if is_model_id(name):
            ids[name] = None
        else:
            left_out.append(_shown(name))
    return list(ids), left_out


def in_words(left_out: list[str]) -> str:
    """A few of them, and how many more there are."""
    more = len(left_out) - MOST_SHOWN
    return ", ".join(left_out[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _entries(document: Any) -> Iterable[Any] | None:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    lists = [document[name] for name in _LISTS if isinstance(document.get(name), list)]
    return next(filter(None, lists), lists[0] if lists else None)


def _name(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return next((entry[name] for name in _NAMES if name in entry), None)


def _shown(name: Any) -> str:
    """ASCII, whatever it is: an id may hold what breaks a log line or a terminal."""
    if not isinstance(name, str):
        return f"a {type(name).__name__}"
    return ascii(name[:SHOWN_CHARACTERS]) + ("…" if len(name) > SHOWN_CHARACTERS else "")
