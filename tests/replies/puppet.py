"""A provider whose strings a test pulls: it says what it is told, when it is told, and remembers who listens."""

from __future__ import annotations

from collections.abc import Callable

from gevent.queue import Queue

from macrochat.errors import UpstreamUnreachable
from macrochat.providers.base import EFFORTS, CompletionRequest, ContinueMode, Effort, Piece, Reasoning, Usage
from macrochat.providers.condition import OK, Condition
from macrochat.replies.writing.conversation import BETWEEN

MODEL = "puppet"


class Line:
    """One open answer. `prefix` is the text it was asked to continue."""

    usage: Usage | None = None
    heard_at = 0.0

    def __init__(self, request: CompletionRequest) -> None:
        said = next(m["content"] for m in reversed(request.messages) if m["role"] == "user")
        self.question = said.rpartition(BETWEEN)[2]  # questions that were never answered stand before it
        self.prefix = request.prefix
        self.request = request
        self.finish_reason: object = None
        self.closed = False
        self._reason: object = "stop"
        self._orders: Queue[Piece | Exception | None] = Queue()

    def say(self, text: str) -> None:
        self._orders.put(text.encode())

    def think(self, text: str) -> None:
        self._orders.put(Reasoning(text))

    def bring(self, piece: Piece) -> None:
        self._orders.put(piece)

    def finish(self, reason: object = "stop") -> None:
        self._reason = reason
        self._orders.put(None)

    def fail(self) -> None:
        self._orders.put(UpstreamUnreachable("The line went dead", code="UPSTREAM_INTERRUPTED"))

    def read_into(self, take: Callable[[Piece], object]) -> bool:
        while (order := self._orders.get()) is not None:
            if isinstance(order, Exception):
                raise order
            if not take(order):
                return True
        self.finish_reason = self._reason
        return False

    def close(self) -> None:
        self.closed = True


class Puppet:
    """The provider, and as much of a registry as the application asks for."""

    name = MODEL

    def __init__(self, continue_mode: ContinueMode = "prefill") -> None:
        self.continue_mode: ContinueMode = continue_mode
        self.lines: list[Line] = []
        self.refusing = False

    @property
    def providers(self) -> list[Puppet]:
        return [self]

    def resolve(self, _model: str | None = None) -> tuple[Puppet, str]:
        return self, MODEL

    def efforts(self, _model: str) -> tuple[Effort, ...]:
        return EFFORTS

    def wants_thoughts(self, _model: str) -> bool:
        return True

    def open(self, request: CompletionRequest) -> Line:
        if self.refusing:
            raise UpstreamUnreachable("Nobody is there")
        self.lines.append(Line(request))
        return self.lines[-1]

    def warm(self):
        pass

    def check(self, timeout: float = 5.0) -> Condition:
        return OK

    def line_for(self, question: str) -> Line | None:
        """The open answer to a question. Raises AssertionError when there are two: ONE GENERATION."""
        open_now = [line for line in self.lines if line.question == question and not line.closed]
        assert len(open_now) <= 1, f"{len(open_now)} generations of one reply"
        return open_now[0] if open_now else None
