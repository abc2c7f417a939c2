"""One generation: a greenlet that pulls text out of a provider and appends it to the journal, to the reply's end.

It is nobody's request: readers come and go without it noticing. Its last act is the final claim, one guarded UPDATE.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from gevent.event import AsyncResult, Event
from structlog.contextvars import bind_contextvars, get_contextvars

from ...errors import MacrochatError, ProviderError
from ...logs import get_logger
from ...metrics import StreamingMetrics
from ..journal.logs import Log
from ..journal.store import Fenced
from ..journal.writer import Journal, StorageFailed
from ..models import COMPLETE, FAILED, STOPPED
from .claims import Base, Outcome
from .step import Hurried, Step, Stopped, Task

log_line = get_logger(__name__)


class Generation:
    """`started` is set at the provider's first event; if a refusal came instead, it raises that ProviderError.

    `claim(generation, outcome)` makes the reply final in the database and returns the outcome that stands there now, or
    None if the reply is another's. It is called once, outside the greenlet that a stop interrupts, or never when the
    reply was lost to another worker (`log.error` is Fenced then).
    """

    def __init__(
        self, task: Task, log: Log, journal: Journal, claim: Callable[[Generation, Outcome], Outcome | None]
    ) -> None:
        self.log = log
        self.owner = journal.owner  # the worker id it writes under: another life of this process has another
        self.base = Base(log.end, len(log.trace))
        self.finishing = False
        self.started: AsyncResult[None] = AsyncResult()
        self.ended = Event()
        self._journal = journal
        self._claim = claim
        self._refusal: MacrochatError | None = None
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
        self._step = Step(task, log, journal, self._metrics)
        # Of the request that began it, for its log lines.
        self._request = {name: value for name, value in get_contextvars().items() if name == "request_id"}
        self._greenlet = gevent.Greenlet(self._run)

    @property
    def task(self) -> Task:
        return self._step.task

    @property
    def first_byte_at(self) -> float | None:
        """When the first word came (seconds since 1970)."""
        return self._step.first_byte_at

    def start(self) -> None:
        self._greenlet.start()

    def stop(self) -> None:
        """Ends it as `stopped`, before the first token too. Idempotent; returns at once."""
        if self._step.stop_wanted:
            return
        self._step.stop_wanted = True
        if self._running:
            self._greenlet.kill(Stopped, block=False)

    def hurry(self) -> None:
        """Lets the model answer without another thought, if it has not begun to. Idempotent; returns at once."""
        if self._running and self._step.hurry():
            self._greenlet.kill(Hurried, block=False)

    def pass_life_on(self) -> None:
        """If the provider has given a sign of life since the last text, lets all readers know: an empty piece of text.

        One that is still being opened is alive: its own limit ends a longer silence.
        """
        if self._running and not self._step.stop_wanted:
            completion = self._step.completion
            heard_at = completion.heard_at if completion else time.monotonic()
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
        if self._step.completion is not None:
            self._step.completion.close()
        gevent.spawn(self._finish, outcome)

    def _write_reply(self) -> Outcome:
        try:
            if self._step.stop_wanted:
                raise Stopped
            completion = self._step.run(lambda: self.started.set(None))
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

    def _failed(self, error: MacrochatError) -> Outcome:
        if not self.started.ready():
            self._refusal = error
        return Outcome(
            status=FAILED,
            error_code=error.code,
            error_message=error.message,
            usage=self._step.completion.usage if self._step.completion else None,
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
            chunks=self._step.chunks,
            size=self.log.end - self.base.text,
            usage=outcome.usage,
            readers=self.log.reads,
            resumes=self.log.resumes,
        )

    def _facts(self) -> dict[str, object]:
        return {
            "replyId": str(self.task.reply_id),
            "chatId": str(self.task.chat_id),
            "userId": str(self.task.user_id),
            "chunkCount": self._step.chunks,
            "contentLength": self.log.end,
            "durationMs": round((time.monotonic() - self._began) * 1000),
        }
