"""The promise every source of text keeps. No Flask, no database, no HTTP of ours in this package.

A provider turns a conversation into a `Completion`: an open stream of pieces. How it is used:

    completion = provider.open(request)      # returns once the provider's first event arrived, or raises ProviderError
    try:
        for piece in completion:             # bytes of the answer, or what belongs to its trace: Reasoning, Opaque
            ...
        completion.finish_reason             # the iteration ended without raising: what the server called its end
    finally:
        completion.close()                   # idempotent; the upstream connection is gone when it returns
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from macrochat.providers.condition import Condition

# How a provider goes on with a text that it began earlier.
#   prefill  it continues a last assistant message; the stream holds only what is new
#   prompt   it is asked to go on; it may repeat the end of what it wrote, so the overlap is trimmed
#   none     it cannot; an unfinished reply stays `interrupted`
ContinueMode = Literal["prefill", "prompt", "none"]

# How long a model shall think, the least first. Which of them a model takes its provider says.
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of what the model thinks: never empty, text that encodes as UTF-8, no NUL."""

    text: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """What the provider wants back with the conversation (a signature, encrypted reasoning). Nobody is shown it.

    `value` is JSON's, and has no NUL in it.
    """

    value: dict[str, Any]


Trace = Reasoning | Opaque
Piece = bytes | Reasoning | Opaque  # the bytes: never empty, each valid UTF-8 on its own, no NUL


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What is asked of a model. `messages` are {"role", "content"} with roles system, user, assistant, oldest first.

    An assistant's message may have `trace` too: the Trace pieces that came before its content, in their order. Only a
    provider whose `wants_thoughts` says so gets them.
    `prefix` is the text (already shown and stored) that the answer must continue; empty for a fresh answer.
    With a prefix the completion yields only what comes after it, and `thoughts` is what was thought before it.
    `effort` is None for the model's own. `hurried`: somebody waits; the model shall answer now and think no more.
    """

    model: str
    messages: list[dict[str, Any]]
    prefix: str = ""
    thoughts: tuple[Trace, ...] = ()
    effort: Effort | None = None
    hurried: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counted them: 0 ≤ n < 2^31, None where it did not say so."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None = None  # of the prompt's
    reasoning_tokens: int | None = None  # of the completion's
    cost: float | None = None  # in the provider's currency, mostly US dollars: finite, not negative


class Completion(Protocol):
    """An open answer. Belongs to one greenlet, but `close` may be called from any."""

    @property
    def finish_reason(self) -> str | None:
        """What ended the answer ("stop", "length", …): at most 64 characters of printable ASCII.

        None until then, and for a server whose reason is no word.
        """
        ...

    @property
    def usage(self) -> Usage | None:
        """None if the provider does not count."""
        ...

    @property
    def heard_at(self) -> float:
        """time.monotonic() when the server last sent anything: text, thoughts, a comment that only says it is there."""
        ...

    def __iter__(self) -> Iterator[Piece]:
        """Pieces as they arrive, everything of one kind that one read brought in a row joined into one.

        Ends normally only after the provider sent a finish_reason, and if there was a word or a thought. Raises
        ProviderError for everything else, after the pieces that came before the trouble were yielded. Two more codes
        than in `errors.py` tell apart: UPSTREAM_INTERRUPTED, the answer broke off; UPSTREAM_CLOSED, `close` was called,
        here or in another greenlet.
        """
        ...

    def read_into(self, take: Callable[[Piece], object]) -> bool:
        """The same for who has many answers to read: hands each piece to `take` instead.

        Returns once `take` has returned something false, or the answer has ended: whether there may be more. `take` is
        called in the event loop: it neither waits nor raises. Raises as an iteration does.
        """
        ...

    def close(self) -> None:
        """Ends the upstream connection at once, also under a greenlet that is blocked reading it. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model people can choose. `id` is what goes to the provider, `provider` the provider's name."""

    id: str
    name: str
    provider: str
    default: bool = field(default=False)
    efforts: tuple[Effort, ...] = ()


class Provider(Protocol):
    name: str
    continue_mode: ContinueMode

    def efforts(self, model: str) -> tuple[Effort, ...]:
        """The efforts that can be asked of a model, the least first; none if nobody knows of any. Never blocks."""
        ...

    def wants_thoughts(self, model: str) -> bool:
        """Whether earlier answers' `trace` goes back to this model. Never blocks."""
        ...

    def open(self, request: CompletionRequest) -> Completion:
        """Blocks until the provider's first event, often without text. Raises ProviderError, leaving nothing open."""
        ...

    def warm(self) -> None:
        """Says that a request is likely to come soon. Returns at once, never raises."""
        ...

    def check(self, timeout: float = 5.0) -> Condition:
        """How the provider is, found out without a paid call. `timeout` in seconds. Never raises."""
        ...
