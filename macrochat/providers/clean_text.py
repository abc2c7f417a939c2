"""Text of strangers' servers, as every database and every reader can take it."""

from __future__ import annotations

from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MAX_DEPTH = 20


class TextCleaner:
    """Turns deltas into text that every database and every reader can take.

    NUL and lone surrogate halves become U+FFFD; a surrogate pair that was split over two deltas becomes its character.
    """

    def __init__(self) -> None:
        self._half = ""  # a high surrogate whose other half may come with the next delta

    def feed(self, text: str) -> bytes:
        if not text:
            return b""
        text, self._half = self._half + text, ""
        try:
            clean = text.encode()
        except UnicodeEncodeError:
            if "\ud800" <= text[-1] <= "\udbff":
                text, self._half = text[:-1], text[-1]
            clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
        return clean.replace(b"\0", REPLACEMENT.encode()) if b"\0" in clean else clean

    def flush(self) -> bytes:
        half, self._half = self._half, ""
        return REPLACEMENT.encode() if half else b""


def clean_json(value: Any, depth: int = 0) -> Any:
    """JSON's value, its texts cleaned. What lies deeper than MAX_DEPTH becomes null."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        cleaner = TextCleaner()
        return (cleaner.feed(value) + cleaner.flush()).decode()
    if isinstance(value, list):
        return [clean_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean_json(str(name)): clean_json(item, depth + 1) for name, item in value.items()}
    return value
