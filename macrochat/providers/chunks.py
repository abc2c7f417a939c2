"""Chat completion chunks out of server-sent events: text, finish_reason, usage.

No pydantic: building the SDK's chunk objects costs about 400 µs each, these structs 1–2 µs.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from macrochat.errors import ProviderError, UpstreamBadResponse
from macrochat.providers.base import Usage
from macrochat.providers.event_stream import Event
from macrochat.providers.upstream_errors import from_complaint

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class _Part(msgspec.Struct, gc=False):
    text: str | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | list[_Part | str] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ChunkReader:
    """Feed it the events of one answer; it gives their text and remembers how the answer stands."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.done = False  # `[DONE]` was seen
        self.error: ProviderError | None = None  # what the server reported, or what was wrong with an event
        self.over = False  # one of them is set: what follows is no text, or hardly
        self._text = TextCleaner()

    def feed(self, events: list[Event]) -> bytes:
        """The text of `events` as one piece of UTF-8 without NUL; b"" if they hold none.

        Never raises: trouble goes to `error`, after the text before it was taken, and ends the reading.
        """
        texts: list[str] = []
        for event in events:
            if self.done or self.error is not None:
                break
            if not event.data.startswith(b"{") and event.data.strip() == b"[DONE]":
                self.done = True
                break
            try:
                texts.append(self._take(event))
            except ProviderError as error:
                self.error = error
        text = self._text.feed("".join(texts))
        self.over = self.done or self.error is not None or self.finish_reason is not None
        return text + self._text.flush() if self.done or self.error is not None else text

    def flush(self) -> bytes:
        """What was held back of a character that never became whole."""
        return self._text.flush()

    def _take(self, event: Event) -> str:
        try:
            chunk = _decode(event.data)
        except (ValueError, RecursionError) as error:
            chunk = _parse_leniently(event.data, error)
        if not event.name and (text := _plain_text(chunk)) is not None:
            return text
        if chunk.error is not None:
            raise from_complaint(chunk.error, "error in an event")
        if event.name == b"error":
            raise from_complaint(event.data.decode(errors="replace"), "error event")
        if chunk.usage is not None:
            self.usage = Usage(chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0)
        texts = [self._take_choice(choice) for choice in chunk.choices or () if not choice.index]
        return texts[0] if len(texts) == 1 else "".join(texts)

    def _take_choice(self, choice: _Choice) -> str:
        if choice.finish_reason:
            self.finish_reason = choice.finish_reason
        delta = choice.delta
        if delta is None:
            return ""
        content = delta.content
        if isinstance(content, list):
            content = "".join(part if isinstance(part, str) else part.text or "" for part in content)
        return (content or "") + (delta.refusal or "")


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


def _plain_text(chunk: _Chunk) -> str | None:
    """The text of a chunk that holds nothing else that matters, as nearly all do."""
    choices = chunk.choices
    if choices is None or len(choices) != 1 or chunk.usage is not None or chunk.error is not None:
        return None
    choice = choices[0]
    delta = choice.delta
    if delta is None or choice.finish_reason or choice.index or delta.refusal:
        return None
    return delta.content if isinstance(delta.content, str) else None


def _parse_leniently(data: bytes, trouble: Exception) -> _Chunk:
    """msgspec refuses lone surrogates, which servers do send when they cut an emoji in two. The stdlib takes them."""
    if b"\\u" not in data:
        raise UpstreamBadResponse(detail=f"{trouble}: {data[:200]!r}") from None
    try:
        return msgspec.convert(_parse_anything(data), _Chunk)
    except msgspec.ValidationError as error:
        raise UpstreamBadResponse(detail=f"{error}: {data[:200]!r}") from None


def _parse_anything(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UpstreamBadResponse(detail=f"{error}: {data[:200]!r}") from None
