"""One step of a reply: a request to a provider, and its answer pulled into the journal, words and thoughts."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import gevent

from ...errors import ContextTooLong, ModelNotFound, ProviderError, UpstreamAuth, UpstreamEmpty, UpstreamQuota
from ...metrics import PROGRESS_EVERY, StreamingMetrics
from ...providers.base import Completion, CompletionRequest, Opaque, Piece, Provider, Reasoning
from ...stacks import call_aside
from ..journal.logs import Log
from ..journal.writer import Journal
from ..trace import ANSWER, OPAQUE, REASONING, RESTART, in_mid_thought
from .conversation import newer_half

# Refusals that no waiting mends; a server that restarts says all others too.
LASTING = (UpstreamAuth, UpstreamQuota, ModelNotFound, UpstreamEmpty, ContextTooLong)
MAX_PAUSE_SECONDS = 8.0  # between two questions to a provider that is away
OPAQUE_BYTES = 256  # what an opaque line counts for before it is encoded; providers bound them


class Stopped(BaseException):
    """Thrown into a generation that waits for its provider. No Exception: nothing on the way may swallow it."""


class Hurried(BaseException):
    """Thrown in when somebody wants the answer now."""


class Held(NamedTuple):
    """What a reply holds already: all of it is committed."""

    text: bytes = b""
    trace: bytes = b""

    def begins_with(self, log: Log) -> bool:
        """Whether it is what the log has, or goes on from there."""
        return self.text.startswith(log.data) and self.trace.startswith(log.trace)


NOTHING = Held()


@dataclass(frozen=True, slots=True)
class Task:
    """What a generation works on. `request.prefix` is the text that the reply holds already."""

    reply_id: uuid.UUID
    chat_id: uuid.UUID
    user_id: uuid.UUID
    provider: Provider
    request: CompletionRequest
    max_bytes: int  # of the text, and of the trace
    attempt: int = 1  # generations of this reply begun so far, this one included
    patience: float = 0.0  # seconds in which a provider that is away is asked again; nobody waits for its refusal

    @property
    def may_hurry(self) -> bool:
        """Whether the model can be asked to answer without more thoughts."""
        return bool(self.provider.efforts(self.request.model))


class Step:
    """`completion` is the open answer, `first_byte_at` when its first word came (seconds since 1970)."""

    def __init__(self, task: Task, log: Log, journal: Journal, metrics: StreamingMetrics) -> None:
        self.task = task
        self.completion: Completion | None = None
        self.first_byte_at: float | None = None
        self.chunks = 0
        self.stop_wanted = False
        self.hurried = task.request.hurried
        self._log = log
        self._journal = journal
        self._metrics = metrics
        self._size = log.end  # with what waits for its commit
        self._trace_size = len(log.trace)
        self._thought = False  # it has thought, since the step was begun
        self._thinks = False  # it does so now

    def run(self, on_open: Callable[[], None]) -> Completion:
        """The answer, written to its end. Before its first piece a provider that is away may be asked again.

        `on_open` is called when it has begun to answer. Raises ProviderError, Stopped, StorageFailed and Fenced.
        """
        if self._log.trace and in_mid_thought(bytes(self._log.trace), self._log.end):
            self._restart()
        while True:
            try:
                return self._ask_until_it_speaks(on_open)
            except Hurried:
                self._close()
                self._restart()
                self.task = replace(self.task, request=replace(self.task.request, hurried=True))

    def _ask_until_it_speaks(self, on_open: Callable[[], None]) -> Completion:
        until, pause = time.monotonic() + self.task.patience, 0.5
        while True:
            try:
                self.completion = call_aside(self._open, self.task.request)
                if not self.task.patience and not self.task.may_hurry:
                    self._forget_request()
                self._metrics.answered()
                on_open()
                self._pump(self.completion)
                return self.completion
            except ProviderError as error:
                left = until - time.monotonic()
                if self.first_byte_at or self._thought or isinstance(error, LASTING) or left <= 0:
                    raise
                self._metrics.provider_failed(error.code)
                pause = min(MAX_PAUSE_SECONDS, max(pause, error.retry_after or 0))
            self._close()
            gevent.sleep(min(left, pause * random.uniform(0.8, 1.2)))  # hundreds may be waiting
            pause *= 2

    def hurry(self) -> bool:
        """Whether what comes from now on shall be dropped, and Hurried thrown in. Not once it has begun to answer."""
        if self.hurried or self.first_byte_at or self.stop_wanted:
            return False
        self.hurried = True
        return True

    def _restart(self) -> None:
        self._journal.note(self._log, RESTART, hurried=self.hurried)
        self._thought = self._thinks = False

    def _close(self) -> None:
        if self.completion is not None:
            self.completion.close()
            self.completion = None

    def _forget_request(self) -> None:
        """It may hold a long history, and answers may be waited for for minutes."""
        self.task = replace(self.task, request=replace(self.task.request, messages=[], thoughts=()))

    def _open(self, request: CompletionRequest) -> Completion:
        """Opens the answer. A conversation that is too long for the model is asked again without its older half."""
        while True:
            try:
                return self.task.provider.open(request)
            except ContextTooLong:
                shorter = newer_half(request.messages)
                if len(shorter) == len(request.messages):
                    raise
                request = replace(request, messages=shorter)

    def _pump(self, completion: Completion) -> None:
        more = True
        while more:
            more = completion.read_into(self._take)
            if self.stop_wanted:  # a piece was faster than the interruption
                raise Stopped
            while self._is_late:  # the interruption is on its way
                gevent.sleep(1)
            if max(self._size, self._trace_size) > self.task.max_bytes:
                raise ProviderError("The reply grew too long and was cut", code="REPLY_TOO_LONG")
            self._journal.wait_for_room(self._log)

    @property
    def _is_late(self) -> bool:
        """Whether what comes now is no longer wanted."""
        return self.hurried and not self.task.request.hurried

    def _take(self, piece: Piece) -> bool:
        """Whether another piece may come at once. Runs in the event loop."""
        if self.stop_wanted or (self.hurried and self._is_late):
            return False
        if type(piece) is not bytes:
            return self._note(piece)
        if self.first_byte_at is None:
            self.first_byte_at = time.time()
            self._forget_request()
            self._metrics.first_byte()
        if self._thinks:
            self._thinks = False
            self._journal.note(self._log, ANSWER)
        self._size += len(piece)
        if self._size > self.task.max_bytes:
            return False
        self.chunks += 1
        if self.chunks % PROGRESS_EVERY == 0:
            self._metrics.progress(self.chunks, self._size)
        return self._journal.put(self._log, piece)

    def _note(self, piece: Piece) -> bool:
        if isinstance(piece, Reasoning):
            self._thought = self._thinks = True
            self._trace_size += len(piece.text)
            kind: dict[str, object] = {"kind": REASONING, "text": piece.text}
        elif isinstance(piece, Opaque):
            self._trace_size += OPAQUE_BYTES
            kind = {"kind": OPAQUE, "value": piece.value}
        else:
            return True
        if self._trace_size > self.task.max_bytes:
            return False
        return self._journal.note(self._log, **kind)  # type: ignore[arg-type]
