"""What a model server says about its trouble, out of whatever shape it says it in.

    {"error": {"message", "type", "code"}}     OpenAI and most
    {"object": "error", "message", "code"}     vLLM
    {"detail": …}  {"message": …}              FastAPI and gateways
    [{"error": {"status", "details": […]}}]    Gemini
    {"error": {"message": "…", "metadata": {"raw": "{…}"}}}   OpenRouter, and others that pass on what they were told
    plain words

A server's words may repeat what people said to it. They serve to tell one trouble from another and go nowhere else:
what a log may show is `Complaint.facts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_WORDS = 4000  # characters that are looked at, of all that it says
MAX_DEPTH = 8
MAX_ITEMS = 20  # of a list or an object

# Where troubles are told. Anything else in a body (the request, sent back) tells nothing.
_NESTED = ("error", "errors", "err", "detail", "details", "metadata", "raw", "innererror", "cause")
_WORDS = ("message", "msg", "Message", "error_msg", "errorMessage", "error_message", "error_description", "title")
_CODES = (
    "code",
    "type",
    "status",
    "status_code",
    "statusCode",
    "http_status",
    "reason",
    "__type",
    "error_code",
    "param",
)
_DELAYS = ("retryDelay", "retry_after", "retry_after_seconds")

_PLAIN_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:[\]-]{0,63}")
_STATUS_IN_WORDS = re.compile(r"\b(?:error code|status code|status|http)(?: error)?\W{0,3}([45]\d\d)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Complaint:
    """`codes` as the server wrote them, `status` an HTTP status that it names (0: none), `words` without addresses."""

    status: int
    codes: tuple[str, ...]
    words: str
    retry_after: str | None = None

    @property
    def facts(self) -> str:
        """For the log: identifiers and figures, nobody's words."""
        named = [f"status {self.status}"] if self.status else []
        return ", ".join([*named, *self.codes, f"{len(self.words)} characters"])


def read_complaint(said: Any) -> Complaint:
    """`said` is JSON's value, or text that may be JSON."""
    found = list(_find(said, 0))
    codes = [value for kind, value in found if kind == "code"]
    words = " ".join(value for kind, value in found if kind == "words")[:MAX_WORDS]
    status = next((number for code in codes if (number := _as_status(code))), 0)
    if not status and (named := _STATUS_IN_WORDS.search(words)):
        status = int(named[1])
    plain = dict.fromkeys(code for code in codes if isinstance(code, str) and _PLAIN_CODE.fullmatch(code))
    delay = next((str(value) for kind, value in found if kind == "delay"), None)
    return Complaint(status, tuple(plain)[:6], _ADDRESS.sub("", words), delay)


def _find(said: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """("words", text), ("code", text or number) and ("delay", …), the outermost first."""
    if depth > MAX_DEPTH:
        return
    if isinstance(said, str):
        yield from _find_in_text(said, depth)
    elif _is_code(said):
        yield "code", said
    elif isinstance(said, list):
        for item in said[:MAX_ITEMS]:
            yield from _find(item, depth + 1)
    elif isinstance(said, dict):
        codes = [said[name] for name in _CODES if _is_code(said.get(name))]
        yield from (("code", code) for code in codes)
        yield from (("words", code[:MAX_WORDS]) for code in codes if isinstance(code, str) and " " in code)
        yield from (("delay", said[name]) for name in _DELAYS if isinstance(said.get(name), str | int | float))
        for name in (*_WORDS, *_NESTED):
            if said.get(name):
                yield from _find(said[name], depth + 1)


def _find_in_text(text: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Words, or JSON that somebody passes on as text; a proxy's HTML page about itself tells nothing."""
    text = text.strip()
    if text.startswith(("{", "[")):
        try:
            yield from _find(json.loads(text), depth + 1)
            return
        except (ValueError, RecursionError):
            pass
    if text and not text.startswith("<"):
        yield "words", text[:MAX_WORDS]


def _is_code(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _as_status(code: Any) -> int:
    """`code` if it can be an HTTP status, else 0. Servers send numbers, numbers as text, and words."""
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:4])
    return code if isinstance(code, int) and 400 <= code <= 599 else 0
