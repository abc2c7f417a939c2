"""What every scripted behaviour works with: the request, the words left to say, and the ways to refuse."""

from __future__ import annotations

import json
from typing import Any

from macrochat.providers.scripted.state import State
from macrochat.providers.scripted.stream import Stream
from macrochat.providers.scripted.texts import Messages, begun_text, expected_text, in_words, name_and_arguments

REPEATED_CHARACTERS = 20  # how much a model that is asked to go on says twice


class Refusal(Exception):
    """An HTTP answer instead of a stream."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.status = status
        self.body = body
        self.headers = {"Content-Type": content_type, **{k.replace("_", "-"): v for k, v in headers.items()}}


def refuse(status: int, message: str, code: str | None = None, kind: str = "error", **headers: str) -> Refusal:
    """A refusal in the words of OpenAI."""
    return Refusal(status, json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode(), **headers)


class Script:
    """One request being answered. A behaviour sends it all, or raises Refusal, Hang or Broken."""

    def __init__(self, stream: Stream, state: State) -> None:
        self.stream = stream
        self.state = state
        self.body: dict[str, Any] = stream.record.body
        self.model = stream.record.model
        self.messages: Messages = stream.record.messages
        self.name, self.arguments = name_and_arguments(self.model)
        self.repeated, self.left, self.words_begun = self._left_to_say()

    def number(self, position: int, default: int = 0) -> int:
        return int(self.arguments[position]) if len(self.arguments) > position else default

    def say(self, text: str, ms: float = 0) -> None:
        self.stream.begin()
        self.stream.words(in_words(text), ms)

    def say_the_rest(self) -> None:
        """What a model without trouble does."""
        self.say(self.left)
        self.end()

    def end(self, reason: str = "stop") -> None:
        self.stream.finish(reason)
        self.stream.usage(self.messages)
        self.stream.done()
        self.stream.end()

    def words_until(self, word: int) -> int:
        """How many words of `left` come before the text's word number `word`; 0 or less if the prefix held it."""
        return word - self.words_begun + len(in_words(self.repeated))

    def _left_to_say(self) -> tuple[str, str, int]:
        text = expected_text(self.model, self.messages)
        begun, in_words_of_the_user = begun_text(self.messages)
        if not text.startswith(begun):
            raise refuse(400, "The text to go on with is not the beginning of this model's text", "prefix_mismatch")
        repeated = begun[-REPEATED_CHARACTERS:] if in_words_of_the_user else ""
        return repeated, repeated + text[len(begun) :], len(begun.split())
