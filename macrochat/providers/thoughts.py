"""Thoughts that stand in the text of an answer, between tags, where a server does not tell them apart itself.

Only at the start of an answer: the same tags later on, or in code, are text. They may be cut anywhere. A table per
quirk: TAGS, and the channels of gpt-oss. Some servers open the thought in their template, so that only its closing tag
comes: the words before it have been handed over as text by then. `Habits` remembers that of the model, and the next
answer begins as a thought.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

# opening → closing
TAGS = {
    "<think>": "</think>",  # Qwen, DeepSeek, GLM and most
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",  # Gemini
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",  # Magistral
    "<seed:think>": "</seed:think>",
    "◁think▷": "◁/think▷",  # Kimi
}
CHANNEL = "<|channel|>"  # gpt-oss: <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…
_CHANNEL_STARTS = (CHANNEL, "<|start|>assistant<|channel|>")
_CHANNEL_TOKEN = re.compile(r"<\|(start|channel|message|end|return|call|constrain)\|>")
_LONGEST_TOKEN = len("<|constrain|>")
ANSWER_CHANNEL = "final"
WATCHED_CHARACTERS = 64 << 10  # of an answer: a closing tag behind them is text, until the model's habit is known

BARE_CLOSING = "</think>"
_OPENING = "<think>"

# Whose template opens the thought: their first answer is known to begin with one before any was seen.
_OPENS_IN_TEMPLATE = re.compile(r"deepseek-r1|\bqwq\b|-thinking-25\d\d", re.IGNORECASE)

Kind = Literal["text", "thought"]
Piece = tuple[Kind, str]


@dataclass(slots=True)
class Habits:
    """What was seen of the models of one server: by model, whether its answers begin in a thought without a tag."""

    _begins_in_thought: dict[str, bool] = field(default_factory=dict)

    def begins_in_thought(self, model: str) -> bool:
        return self._begins_in_thought.get(model, bool(_OPENS_IN_TEMPLATE.search(model)))

    def learn(self, model: str, begins_in_thought: bool) -> None:
        self._begins_in_thought[model] = begins_in_thought


class TagSplitter:
    """Takes the text of an answer in pieces and tells its thoughts from its words. What may be a tag is held back.

    `begins_in_thought` is the model's habit; `bare_closing` says afterwards what this answer has shown of it, None if
    nothing.
    """

    def __init__(self, begins_in_thought: bool = False, *, plain: bool = False) -> None:
        self.bare_closing: bool | None = None
        self.plain = plain  # all that comes now is text
        self._assumed = begins_in_thought
        self._unclosed: list[str] = []  # of a thought that was only assumed: all of it may turn out to be the answer
        self._held = ""
        self._closing = ""
        self._ending = False
        self._watches = False  # for a closing tag that nothing opened
        self._so_far = _SoFar()
        self._channel = ""
        self._read = self._plain if plain else self._start

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are certain now; none is empty."""
        if not text:
            return []
        if self.plain:
            return [("text", text)]
        if self._watches and not self._held and "<" not in text:
            self._remember(text)
            return [("text", text)]
        self._held += text
        return list(self._pieces())

    def told(self) -> None:
        """The server tells thoughts from words itself: what stands in its text is text."""
        if self._read in (self._start, self._until_bare_closing) or self._assumed:
            self._assumed = self._watches = False
            self.bare_closing = False
            self._read = self._plain

    def flush(self) -> list[Piece]:
        """What is still held back, at the answer's end. A thought that was only assumed and never ended is an answer.

        It has been told as a thought by then, and is told once more.
        """
        self._ending = True
        if self._read == self._until_bare_closing:
            return [*self._pieces(), *self._plain()]
        held, self._held = self._held, ""
        thinks = self._read in (self._thought, self._after_thought) or (
            self._read == self._channel_body and self._channel != ANSWER_CHANNEL
        )
        if self._read == self._thought and self._assumed:
            self.bare_closing = False
            said = "".join(self._unclosed) + held
            rest: list[Piece] = [("thought", held)] if held else []
            return [*rest, ("text", said)] if said.strip() else rest
        if self._read in (self._channel_header, self._after_thought):
            return []
        return [("thought" if thinks else "text", held)] if held else []

    def _pieces(self) -> Iterator[Piece]:
        while True:
            read = self._read
            yield from read()
            if self._read == read:
                return

    def _start(self) -> Iterator[Piece]:
        begun = self._held.lstrip()
        if not begun:
            return
        for opening, closing in TAGS.items():
            if begun.startswith(opening):
                self._held, self._closing, self._read = begun[len(opening) :], closing, self._thought
                self._assumed = False
                self.bare_closing = False
                return
        if begun.startswith(_CHANNEL_STARTS):
            self._held, self._read = begun, self._channel_header
            return
        if any(opening.startswith(begun) for opening in (*TAGS, *_CHANNEL_STARTS)):
            return
        if self._assumed:
            self._closing, self._read = BARE_CLOSING, self._thought
        else:
            self._read, self._watches = self._until_bare_closing, True
        yield from ()

    def _thought(self) -> Iterator[Piece]:
        before, found, after = self._held.partition(self._closing)
        if found:
            self._held, self._read = after, self._after_thought
            if self._assumed:
                self.bare_closing = True
        else:
            keep = _begun(before, self._closing)
            before, self._held = before[: len(before) - keep], before[len(before) - keep :]
        if self._assumed:
            self._unclosed.append(before)
        if before:
            yield "thought", before

    def _after_thought(self) -> Iterator[Piece]:
        """White space between a thought and the answer belongs to neither."""
        self._held = self._held.lstrip()
        if self._held:
            self._read = self._plain
        yield from ()

    def _until_bare_closing(self) -> Iterator[Piece]:
        """Text, until a closing tag that nothing opened says that it was a thought."""
        before, found, after = self._held.partition(BARE_CLOSING)
        if not found:
            keep = _begun(before, BARE_CLOSING)
            self._held = before[len(before) - keep :]
            yield from self._say(before[: len(before) - keep])
        elif after or self._ending:
            yield from self._say(before)
            self._held = after
            if self._so_far.closes(after):
                self.bare_closing, self._read, self._watches = True, self._after_thought, False
            else:
                yield from self._say(found)
                if self._watches:
                    yield from self._until_bare_closing()
        else:  # what comes after it decides
            self._held = found
            yield from self._say(before)

    def _say(self, text: str) -> Iterator[Piece]:
        self._remember(text)
        if text:
            yield "text", text

    def _remember(self, text: str) -> None:
        self._so_far.add(text)
        if self._so_far.size > WATCHED_CHARACTERS:
            self._read, self._watches = self._plain, False

    def _plain(self) -> Iterator[Piece]:
        held, self._held, self.plain = self._held, "", True
        if held:
            yield "text", held

    def _channel_header(self) -> Iterator[Piece]:
        header, found, after = self._held.partition("<|message|>")
        if found:
            self._channel = header.rpartition(CHANNEL)[2].split("<|")[0].strip().split(" ")[0]
            self._held, self._read = after, self._channel_body
        yield from ()

    def _channel_body(self) -> Iterator[Piece]:
        kind: Kind = "text" if self._channel == ANSWER_CHANNEL else "thought"
        token = _CHANNEL_TOKEN.search(self._held)
        if token:
            body, self._held = self._held[: token.start()], self._held[token.start() :]
            if token[1] in ("start", "channel"):
                self._read = self._channel_header
            else:
                self._held = self._held[len(token[0]) :]
                self._read = self._channel_gap
        else:
            keep = _open_token(self._held)
            body, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        if body:
            yield kind, body

    def _channel_gap(self) -> Iterator[Piece]:
        """Between two messages: nothing, or text of a model that forgets how to begin one."""
        begun = self._held.lstrip()
        if begun.startswith(("<|start|>", CHANNEL)):
            self._held, self._read = begun, self._channel_header
        elif begun and not any(token.startswith(begun) for token in ("<|start|>", CHANNEL, "<|return|>", "<|end|>")):
            self._channel, self._read = ANSWER_CHANNEL, self._channel_body
        yield from ()


class _SoFar:
    """The text before a closing tag, and what it tells of the tag."""

    def __init__(self) -> None:
        self.size = 0  # characters
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        self._texts.append(text)
        self.size += len(text)

    def closes(self, after: str) -> bool:
        """Whether the tag ends a thought: it is not in code, and not spoken of in a sentence."""
        text = "".join(self._texts)
        fences = sum(line.lstrip().startswith("```") for line in text.split("\n"))
        line = text.rpartition("\n")[2]
        in_sentence = line.endswith((" ", "(", '"', "'")) and after[:1] in " .,;:!?)\"'"
        return not (fences % 2 or line.count("`") % 2 or in_sentence or _OPENING in text)


def _begun(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0


def _open_token(text: str) -> int:
    """The same for the tokens of channels."""
    start = text.rfind("<", max(0, len(text) - _LONGEST_TOKEN))
    rest = text[start:] if start >= 0 else ""
    names = ("start", "channel", "message", "end", "return", "call", "constrain")
    return len(rest) if rest and any(f"<|{name}|>".startswith(rest) for name in names) else 0
