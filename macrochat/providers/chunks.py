"""Chat completion chunks out of server-sent events: text, thoughts, finish_reason, usage.

No pydantic: building the SDK's chunk objects costs about 400 µs each, these structs 1–2 µs. They know the one shape
that nearly all chunks have; chunk_shapes.py reads the others.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from macrochat.errors import ProviderError, UpstreamBadResponse, UpstreamBusy, UpstreamRefused, UpstreamUnreachable
from macrochat.providers.base import Piece, Reasoning, Usage
from macrochat.providers.chunk_shapes import read_chunk
from macrochat.providers.clean_text import TextCleaner
from macrochat.providers.event_stream import Event
from macrochat.providers.keepsakes import Keepsakes
from macrochat.providers.thoughts import TagSplitter
from macrochat.providers.upstream_errors import from_complaint

BROKE_OFF = "The model's answer broke off before it was finished"

MAX_DIGITS = 300  # of a number


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: Any = None
    text: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None
    message: Any = None
    text: Any = None
    error: Any = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


NOTHING_SAID = (None, None)
_decode = msgspec.json.Decoder(_Chunk).decode

# Ends that are none: the server gave up.
_FAILURES: dict[str, type[ProviderError]] = {
    "error": UpstreamRefused,  # OpenRouter
    "abort": UpstreamRefused,  # SGLang
    "insufficient_system_resource": UpstreamBusy,  # DeepSeek
}


class ChunkReader:
    """Feed it the events of one answer; it gives their text and thoughts, and remembers how the answer stands.

    `splitter` tells thoughts from words in the text itself.
    """

    def __init__(self, splitter: TagSplitter | None = None) -> None:
        self.splitter = splitter or TagSplitter()
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.nameless_finish = False  # there was a finish_reason that is no word; with [DONE] that is an end
        self.done = False  # `[DONE]` was seen
        self.error: ProviderError | None = None  # what the server reported, or what was wrong with an event
        self.spoke = False  # there was text, and not only white space
        self.kept = False  # there was something that the server wants back
        self.thought = False  # there was a thought, and not only white space
        self.went_on = False  # there was text after a finish_reason, which proves nothing then
        self.tallied = False  # the last that came was the usage, by itself, after a finish_reason
        self.news = 0  # grows with text, finish_reason, usage and [DONE]
        self._in_deltas = False  # the text comes in pieces: what else stands in `message` repeats it
        self._pieces: list[Piece] = []  # what the events that are being fed have said
        self._run: list[str] = []  # the last of it, of one kind
        self._run_thinks = False
        self._text, self._thoughts = TextCleaner(), TextCleaner()
        self._keepsakes = Keepsakes()

    @property
    def over(self) -> bool:
        """What follows is no text. A finish_reason does not say so: some servers put one on every chunk."""
        return self.done or self.error is not None

    def feed(self, events: list[Event], *, cut: bool = False) -> list[Piece]:
        """What `events` say, in order, in as few pieces as that takes.

        Never raises: trouble goes to `error`, after the text before it was taken, and ends the reading. `cut`: the body
        ended before the last event did, which may be whole all the same.
        """
        for event in events:
            if self.done or self.error is not None:
                break
            try:
                self._take(event)
            except UpstreamBadResponse as error:
                self.error = _broken_off(event) if cut else error
        return self._take_pieces()

    def flush(self) -> list[Piece]:
        """What was held back: half a tag, half a character, and what the server wants back. Nothing comes after it."""
        for kind, text in self.splitter.flush():
            self._add(text, thinks=kind == "thought")
        pieces = self._take_pieces()
        if half := self._text.flush():
            pieces.append(half)
        if opaque := self._keepsakes.take():
            pieces.append(opaque)
            self.kept = True
        return pieces

    def _take_pieces(self) -> list[Piece]:
        self._end_run()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _take(self, event: Event) -> None:
        """Raises UpstreamBadResponse for what is no chunk."""
        if not event.name:
            try:
                quick = _read_quickly(_decode(event.data))
            except (ValueError, RecursionError):  # msgspec refuses lone surrogates, which servers do send
                quick = None
            if quick is not None:
                thought, text = quick
                if thought:
                    self._think(thought)
                if text:
                    self._in_deltas = True
                    self._hear(text)
                return
        data = event.data.strip()
        if event.name == b"error":
            self.error = from_complaint(data.decode(errors="replace"), "error event")
            return
        if data.strip(b'"').upper() == b"[DONE]":
            self.done = True
            self.news += 1
        if not self.done and data:
            self._take_odd(data, event.name)

    def _take_odd(self, data: bytes, name: bytes) -> None:
        if (name or self.finish_reason) and not data.startswith((b"{", b"[{")):
            return  # a ping, or a server's own way to say good-bye
        try:
            value = _parse(data)
        except UpstreamBadResponse:
            if b"\n" not in data:
                raise
            for line in data.split(b"\n"):  # events without a blank line between them
                if not self.over:
                    self._take(Event(line, name))
            return
        is_list = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        for chunk in value if is_list else [value]:
            self._take_chunk(chunk)

    def _take_chunk(self, value: Any) -> None:
        said = read_chunk(value)
        for kind, text in said.pieces or (() if self._in_deltas else said.whole):
            self._think(text) if kind == "thought" else self._hear(text)
        self._in_deltas = self._in_deltas or bool(said.pieces)
        if said.keepsakes:
            self._keepsakes.add(said.keepsakes)
        self.tallied = self.tallied or (said.is_tally and self.finish_reason is not None)
        if said.usage is not None:
            self.usage = said.usage
            self.news += 1
        self.nameless_finish = self.nameless_finish or said.nameless_finish
        if said.finish_reason is not None:
            self.finish_reason = said.finish_reason
            self.news += 1
        if said.trouble is not None:
            self.error = from_complaint(said.trouble, "error in an event")
        elif failure := _FAILURES.get((said.finish_reason or "").lower()):
            self.error = failure(detail=f"finish_reason {said.finish_reason}")

    def _hear(self, text: str) -> None:
        self._is_news()
        if self.splitter.plain:
            self._add(text, thinks=False)
        else:
            for kind, piece in self.splitter.feed(text):
                self._add(piece, thinks=kind == "thought")

    def _think(self, text: str) -> None:
        """What the server itself calls a thought. Then no tag in the text is one."""
        self._is_news()
        if not self.splitter.plain:
            self.splitter.told()
        self._add(text, thinks=True)

    def _add(self, text: str, *, thinks: bool) -> None:
        if thinks is not self._run_thinks:
            self._end_run()
            self._run_thinks = thinks
        self._run.append(text)

    def _end_run(self) -> None:
        whole = "".join(self._run)
        self._run = []
        if not whole:
            return
        if self._run_thinks:
            self.thought = self.thought or not whole.isspace()
            if thought := self._thoughts.feed(whole):
                self._pieces.append(Reasoning(thought.decode()))
        else:
            self.spoke = self.spoke or not whole.isspace()
            if text := self._text.feed(whole):
                self._pieces.append(text)

    def _is_news(self) -> None:
        self.news += 1
        self.tallied = False
        if self.finish_reason is not None:
            self.went_on = True


def _read_quickly(chunk: _Chunk) -> tuple[str | None, str | None] | None:
    """Thought and text, perhaps none, of a chunk that holds nothing else that matters, as nearly all do."""
    choices = chunk.choices
    if choices is None or len(choices) != 1 or chunk.usage is not None or chunk.error is not None:
        return None
    choice = choices[0]
    delta = choice.delta
    if delta is None or choice.finish_reason is not None or choice.index or choice.error or delta.refusal:
        return None
    if delta.reasoning_details or delta.thinking_blocks or delta.extra_content:
        return None
    thought = delta.reasoning_content or delta.reasoning
    if delta.content or thought:
        return thought, delta.content
    return None if choice.message or choice.text or delta.text else NOTHING_SAID


def _parse(data: bytes) -> Any:
    """JSON, with U+FFFD for what is not UTF-8, as the standard for event streams decodes them."""
    try:
        return json.loads(data.decode(errors="replace"), strict=False, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        raise UpstreamBadResponse(detail=f"an event of {len(data)} bytes is no JSON from {error.pos} on") from None
    except (ValueError, RecursionError) as error:
        raise UpstreamBadResponse(detail=f"an event of {len(data)} bytes: {type(error).__name__}") from None


def _whole_number(digits: str) -> float:
    """A number that Python would refuse to read is none that means anything; the event around it may."""
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def _broken_off(event: Event) -> ProviderError | None:
    """For half an event at the body's end."""
    if b"[DONE]".startswith(event.data.strip()):
        return None
    detail = f"the body ended in an event, after {len(event.data)} bytes of it"
    return UpstreamUnreachable(BROKE_OFF, code="UPSTREAM_INTERRUPTED", detail=detail)
