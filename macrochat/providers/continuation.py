"""Going on with a text begun earlier: by another worker before it died, or before the user pressed Continue."""

from __future__ import annotations

from typing import Any

from macrochat.providers.base import CompletionRequest, ContinueMode

CONTINUE_INSTRUCTION = (
    "Your last message was cut off. Continue it exactly where it stopped: your answer is appended to it as it is. "
    "Begin with the very next character, even in the middle of a word. "
    "Do not repeat anything, do not apologise, do not comment on this."
)

# How much of the prefix's end is looked at for a repetition, in characters.
OVERLAP_WINDOW = 200
# Below this an overlap may be chance ("hel" + "lo"), in characters; unless it repeats the word that was being written.
MIN_OVERLAP = 8
MIN_WORD_OVERLAP = 3


def conversation(request: CompletionRequest, mode: ContinueMode) -> list[dict[str, Any]]:
    """The messages to send so that the answer goes on after `request.prefix`. ValueError if `mode` cannot."""
    if not request.prefix:
        return request.messages
    if mode == "none":
        raise ValueError("this provider cannot go on with a text")
    begun: dict[str, Any] = {"role": "assistant", "content": request.prefix}
    if request.thoughts:
        begun["trace"] = request.thoughts
    if mode == "prefill":
        return [*request.messages, begun]
    return [*request.messages, begun, {"role": "user", "content": CONTINUE_INSTRUCTION}]


def overlap(prefix: str, answer: str) -> int:
    """How many characters at the start of `answer` repeat the end of `prefix`: the longest that is no accident."""
    if prefix and answer.startswith(prefix):
        return len(prefix)  # it began again from the start
    for length in range(min(len(prefix), len(answer)), MIN_WORD_OVERLAP - 1, -1):
        if prefix.endswith(answer[:length]) and (length >= MIN_OVERLAP or _begins_word(prefix, length)):
            return length
    return 0


def _begins_word(prefix: str, length: int) -> bool:
    """Whether the last `length` characters of `prefix` start where a word starts."""
    before, first = prefix[-length - 1 : -length], prefix[-length]
    return first.isalnum() and not before.isalnum()


class OverlapTrimmer:
    """Takes an answer's pieces and gives them back without what repeats the end of the prefix.

    Holds the answer's beginning back for as long as it stands somewhere in the prefix's last OVERLAP_WINDOW characters,
    and so may yet repeat the end of them: mostly a word.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix[-OVERLAP_WINDOW:]
        self._held: str | None = ""

    def feed(self, piece: bytes) -> bytes:
        """`piece` is UTF-8 whole in itself, as is what comes back; b"" while holding back."""
        if self._held is None:
            return piece
        self._held += piece.decode()
        return b"" if self._held in self._prefix else self.flush()

    def flush(self) -> bytes:
        """What is still held back, once no more pieces come."""
        held, self._held = self._held or "", None
        return held[overlap(self._prefix, held) :].encode()
