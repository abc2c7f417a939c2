"""One generation: a greenlet that pulls text out of a provider and appends it to the journal, to the reply's end.

It is nobody's request: readers come and go without it noticing. Its last act is the final claim, one guarded UPDATE.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import gevent
from gevent.event import AsyncResult, Event
from structlog.contextvars import bind_contextvars, get_contextvars

from ...errors import (
    ContextTooLong,
    MacrochatError,
    ModelNotFound,
    ProviderError,
    UpstreamAuth,
    UpstreamEmpty,
    UpstreamQuota,
)
from ...logs import get_logger
from ...metrics import PROGRESS_EVERY, StreamingMetrics
from ...providers.base import Completion, CompletionRequest, Provider
from ...stacks import call_aside
from ..journal.logs import Log
from ..journal.store import Fenced
from ..journal.writer import Journal, StorageFailed
from ..models import COMPLETE, FAILED, STOPPED
from .claims import Outcome
from .conversation import newer_half

log_line = get_logger(__name__)

# Refusals that no waiting mends; a server that restarts says all others too.
LASTING = (UpstreamAuth, UpstreamQuota, ModelNotFound, UpstreamEmpty, ContextTooLong)
MAX_PAUSE_SECONDS = 8.0  # between two questions to a provider that is away


class Stopped(BaseException):
    """Thrown into a generation that waits for its provider. No Exception: nothing on the way may swallow it."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a generation works on. `request.prefix` is the text that the reply holds already."""

    reply_id: uuid.UUID
    chat_id: uuid.UUID
    user_id: uuid.UUID
    provider: Provider
    request: CompletionRequest
    max_bytes: int
    attempt: int = 1  # generations of this reply begun so far, this one included
    patience: float = 0.0  # seconds in which a provider that is away is asked again; nobody waits for its refusal


class Generation:
    """`started` is set at the provider's first event; if a refusal came instead, it raises that ProviderError.

    `claim(generation, outcome)` makes the reply final in the database and returns the outcome that stands there now, or
    None if the reply is another's. It is called once, outside the greenlet that a stop interrupts, or never when the
    reply was lost to another worker (`log.error` is Fenced then).
    """

    def __init__(
        self, task: Task, log: Log, journal: Journal, claim: Callable[[Generation, Outcome], Outcome | None]
    ) -> None:
        self.task = task
        self.log = log
        self.owner = journal.owner  # the worker id it writes under: another life of this process has another
        self.base = log.end  # what the message holds already, in bytes
        self.finishing = False
        self.started: AsyncResult[None] = AsyncResult()
        self.ended = Event()
        self.first_byte_at: float | None = None  # seconds since 1970
        self.chunks = 0
        self._size = log.end  # with what waits for its commit
        self._journal = journal
        self._claim = claim
        self._completion: Completion | None = None
        self._refusal: MacrochatError | None = None
        self._stop_wanted = False
        self._abandoned = False
        self._running = False
        self._began = time.monotonic()
        self._metrics = StreamingMetrics(
            reply_id=task.reply_id,
            chat_id=task.chat_id,
            user_id=task.user_id,
            provider=task.provider.name,
            model=task.request.model,
            attempt=task.attempt,
        )
        # Of the request that began it, for its log lines.
        self._request = {name: value for name, value in get_contextvars().items() if name == "request_id"}
        self._greenlet = gevent.Greenlet(self._run)

    def start(self) -> None:
        self._greenlet.start()

    def stop(self) -> None:
        """Ends it as `stopped`, before the first token too. Idempotent; returns at once."""
        if self._stop_wanted:
            return
        self._stop_wanted = True
        if self._running:
            self._greenlet.kill(Stopped, block=False)

    def pass_life_on(self) -> None:
        """If the provider has given a sign of life since the last text, lets all readers know: an empty piece of text.

        One that is still being opened is alive: its own limit ends a longer silence.
        """
        if self._running and not self._stop_wanted:
            heard_at = self._completion.heard_at if self._completion else time.monotonic()
            if heard_at > self.log.alive_at:
                self._journal.put(self.log, b"")

    def abandon(self) -> None:
        """Ends it without a claim: the reply belongs to another worker now, or is gone."""
        self._abandoned = True
        self._journal.give_up(self.log, Fenced())
        self.stop()

    def _run(self) -> None:
        """Everything here may be interrupted by `stop`; what must not be is left to `_finish`."""
        self._running = True
        bind_contextvars(**self._request)
        try:
            outcome = self._write_reply()
        except Stopped:
            outcome = Outcome(status=STOPPED)
        except BaseException:  # whatever it was, the reply must become final
            log_line.exception("stream_processing_error", **self._facts())
            outcome = self._failed(MacrochatError())
        self._running = False
        self.finishing = True
        if self._completion is not None:
            self._completion.close()
        gevent.spawn(self._finish, outcome)

    def _write_reply(self) -> Outcome:
        try:
            if self._stop_wanted:
                raise Stopped
            completion = self._ask_until_it_speaks()
            return Outcome(status=COMPLETE, finish_reason=completion.finish_reason, usage=completion.usage)
        except (Fenced, StorageFailed):
            return Outcome(status=STOPPED)  # `_finish` meets it again and decides
        except ProviderError as error:
            self._metrics.provider_failed(error.code)
            log_line.warning("stream_processing_error", code=error.code, detail=error.detail[:500], **self._facts())
            return self._failed(error)
        except Exception:
            log_line.exception("stream_processing_error", **self._facts())
            return self._failed(MacrochatError())

    def _ask_until_it_speaks(self) -> Completion:
        """The answer, written to its end. Before its first byte a provider that is away may be asked again."""
        until, pause = time.monotonic() + self.task.patience, 0.5
        while True:
            try:
                self._completion = call_aside(self._open, self.task.request)
                if not self.task.patience:
                    self._forget_request()
                self._metrics.answered()
                self.started.set(None)
                self._pump(self._completion)
                return self._completion
            except ProviderError as error:
                left = until - time.monotonic()
                if self.first_byte_at or isinstance(error, LASTING) or left <= 0:
                    raise
                self._metrics.provider_failed(error.code)
                pause = min(MAX_PAUSE_SECONDS, max(pause, error.retry_after or 0))
            if self._completion is not None:
                self._completion.close()
                self._completion = None
            gevent.sleep(min(left, pause * random.uniform(0.8, 1.2)))  # hundreds may be waiting
            pause *= 2

    def _forget_request(self) -> None:
        """It may hold a long history, and answers may be waited for for minutes."""
        self.task = replace(self.task, request=replace(self.task.request, messages=[]))

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
            more = completion.pour(self._take)
            if self._stop_wanted:  # a piece was faster than the interruption
                raise Stopped
            if self._size > self.task.max_bytes:
                raise ProviderError("The reply grew too long and was cut", code="REPLY_TOO_LONG")
            self._journal.wait_for_room(self.log)

    def _take(self, piece: bytes) -> bool:
        """Whether another piece may come at once. Runs in the event loop."""
        if self.first_byte_at is None:
            self.first_byte_at = time.time()
            self._forget_request()
            self._metrics.first_byte()
        self._size += len(piece)
        if self._stop_wanted or self._size > self.task.max_bytes:
            return False
        self.chunks += 1
        if self.chunks % PROGRESS_EVERY == 0:
            self._metrics.progress(self.chunks, self._size)
        return self._journal.put(self.log, piece)

    def _failed(self, error: MacrochatError) -> Outcome:
        if not self.started.ready():
            self._refusal = error
        return Outcome(
            status=FAILED,
            error_code=error.code,
            error_message=error.message,
            usage=self._completion.usage if self._completion else None,
        )

    def _finish(self, outcome: Outcome) -> None:
        bind_contextvars(**self._request)
        try:
            self._journal.flush(self.log)
            if self._abandoned:
                raise Fenced
        except StorageFailed:
            self.log.error = None
            outcome = Outcome(
                status=FAILED,
                error_code="STORAGE_UNAVAILABLE",
                error_message="The database could not store the rest of this reply",
            )
        except Fenced:
            outcome = Outcome(status="lost")
        if outcome.status != "lost":
            outcome = self._claim(self, outcome) or outcome
        if not self.started.ready():
            # After the claim: a POST that waits answers with what the database says.
            self.started.set_exception(self._refusal) if self._refusal else self.started.set(None)
        self.ended.set()
        self._account(outcome)

    def _account(self, outcome: Outcome) -> None:
        self._metrics.completed(
            status=outcome.status,
            code=outcome.error_code,
            chunks=self.chunks,
            size=self.log.end - self.base,
            usage=outcome.usage,
            readers=self.log.reads,
            resumes=self.log.resumes,
        )

    def _facts(self) -> dict[str, object]:
        return {
            "replyId": str(self.task.reply_id),
            "chatId": str(self.task.chat_id),
            "userId": str(self.task.user_id),
            "chunkCount": self.chunks,
            "contentLength": self.log.end,
            "durationMs": round((time.monotonic() - self._began) * 1000),
        }
