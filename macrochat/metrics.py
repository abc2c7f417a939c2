"""Every figure Macrochat keeps about itself: counters, gauges and histograms by name, and one stream's own account.

Several workers share one answer at /metrics: gunicorn.conf.py gives them a folder in memory (PROMETHEUS_MULTIPROC_DIR)
where each keeps its figures in files of its own, and whoever is asked adds them up. What a worker counted stays when it
dies; its gauges go. Without that folder (tests, `flask run`) there is one process and nothing to add.

An increment costs 2–6 µs, so none is made per token: the journal reports commits, a generation its end. No label holds
an id, a model's name or anything else that people can invent.
"""

from __future__ import annotations

import platform
import resource
import time
import uuid
from collections.abc import Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from .config import VERSION, figures_folder
from .logs import get_logger

log_line = get_logger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PROGRESS_EVERY = 10  # chunks between two debug lines (S19, S49)
BYTES_PER_TOKEN = 4  # of English prose; other scripts take more bytes a character and more tokens
SHORTEST_SECONDS = 0.001  # what is faster counts as this: rates stay finite (W21)
SUCCESSES = ("complete", "stopped")

_registry = CollectorRegistry()
_MOMENTS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
_WAITS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_LENGTHS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


def _counter(name: str, what: str, *labels: str) -> Counter:
    return Counter(f"macrochat_{name}", what, labels, registry=_registry)


def _gauge(name: str, what: str, mode: str = "livesum") -> Gauge:
    return Gauge(f"macrochat_{name}", what, registry=_registry, multiprocess_mode=mode)  # type: ignore[arg-type]


def _histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"macrochat_{name}", what, labels, buckets=buckets, registry=_registry)


# Replies, counted when their generation ends
REPLIES = _counter("replies_total", "Generations that ended", "provider", "status", "code")
REPLY_SECONDS = _histogram("reply_duration_seconds", "From the send to the reply's end", _LENGTHS, "status")
FIRST_BYTE_SECONDS = _histogram("first_byte_seconds", "From the send to the first text", _WAITS, "provider")
TOKENS = _counter("tokens_total", "Tokens; counted by the provider, or estimated from bytes", "kind", "source")
CHUNKS = _counter("chunks_total", "Pieces of text that providers sent")
TOKEN_RATE = _histogram("tokens_per_second", "Tokens a second of one reply", (1, 5, 10, 20, 40, 80, 160, 320, 640))
# Providers
PROVIDER_SECONDS = _histogram("provider_latency_seconds", "From the request to the first event", _WAITS, "provider")
PROVIDER_ERRORS = _counter("provider_errors_total", "What providers refused or broke", "provider", "code")
# The journal
COMMIT_SECONDS = _histogram("commit_seconds", "How long a commit of the journal took", _MOMENTS)
COMMIT_STREAMS = _histogram("commit_streams", "Replies in one commit", (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000))
COMMIT_BYTES = _counter("commit_bytes_total", "Bytes of text committed")
COMMIT_FAILURES = _counter("commit_failures_total", "Commits the database refused", "reason")
JOURNAL_LAG = _histogram("journal_lag_seconds", "The longest that text of a commit had waited for it", _MOMENTS)
PENDING_BYTES = _gauge("journal_pending_bytes", "Text that waits for its commit")
STUCK_SECONDS = _gauge("journal_stuck_seconds", "For how long the oldest such text has waited", "livemax")
# Who works and who reads now
GENERATIONS = _gauge("generations_active", "Replies being written")
FOLLOWERS = _gauge("followers_active", "Open bodies that read a reply")
FOLLOWED = _counter("follows_total", "Bodies begun, from the first byte or resumed at an offset", "kind")
CLOSED = _counter("connections_closed_total", "Bodies ended", "reason")
# Workers
TAKEOVERS = _counter("takeovers_total", "Replies of lost workers: continued, or ended as interrupted", "kind")
FENCED = _counter("fenced_total", "Times a worker found its lease taken away")
# HTTP
REQUESTS = _counter("http_requests_total", "Requests by route and status", "method", "route", "status")
REQUEST_SECONDS = _histogram("http_request_seconds", "To the end of the body; reply bodies left out", _MOMENTS)


# This process
BUILD = Gauge(
    "macrochat_build_info",
    "1, with the version as a label",
    ("version", "python"),
    registry=_registry,
    multiprocess_mode="livemax",
)
MEMORY = _gauge("process_resident_memory_bytes", "Memory of all workers")
STARTED = _gauge("process_start_time_seconds", "When the oldest worker began, since 1970", "livemin")

_CLOSED_REASONS = ("finished", "disconnected", "timeout", "silence", "slow_reader", "shutdown", "revoked", "deleted")


def begin(providers: Iterable[str], codes: Iterable[str]) -> None:
    """Shows what is counted before its first time, as 0: a rate over a counter that appears with 1 misses that one.

    `codes` are those of providers' errors. To be called once, by a process that is about to serve.
    """
    for provider in providers:
        REPLIES.labels(provider, "complete", "")
        REPLIES.labels(provider, "stopped", "")
        FIRST_BYTE_SECONDS.labels(provider)
        PROVIDER_SECONDS.labels(provider)
        for code in codes:
            REPLIES.labels(provider, "failed", code)
            PROVIDER_ERRORS.labels(provider, code)
    for reason in _CLOSED_REASONS:
        CLOSED.labels(reason)
    for source in ("provider", "estimate"):
        TOKENS.labels("completion", source)
    TOKENS.labels("prompt", "provider")
    for counter, kinds in (
        (COMMIT_FAILURES, "outage error"),
        (FOLLOWED, "first resumed"),
        (TAKEOVERS, "continued ended"),
    ):
        for kind in kinds.split():
            counter.labels(kind)
    BUILD.labels(VERSION, platform.python_version()).set(1)
    STARTED.set(time.time())


def measure_memory() -> None:
    """Sets MEMORY, where the system tells (Linux)."""
    try:
        with open("/proc/self/statm") as statm:
            MEMORY.set(int(statm.read().split()[1]) * resource.getpagesize())
    except OSError:
        return


def expose() -> bytes:
    """All figures of all workers of this machine's gunicorn, in Prometheus' text format."""
    if figures_folder() is None:
        return generate_latest(_registry)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def committed(streams: int, size: int, seconds: float, lag: float) -> None:
    """One row of the journal: how many replies and bytes it held, how long it took, and what the oldest had waited."""
    COMMIT_SECONDS.observe(seconds)
    COMMIT_STREAMS.observe(streams)
    COMMIT_BYTES.inc(size)
    JOURNAL_LAG.observe(lag)


def rate(count: float, seconds: float) -> float:
    """`count` per second, finite for any duration."""
    return round(count / max(seconds, SHORTEST_SECONDS), 2)


def estimated_tokens(size: int) -> int:
    """How many tokens a text of `size` bytes has, roughly; 0 only for an empty one."""
    return -(-size // BYTES_PER_TOKEN)


class Usage(Protocol):
    """As the provider counted; `providers.base.Usage` is one."""

    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def completion_tokens(self) -> int | None: ...


class StreamingMetrics:
    """The account of one generation (S47–S49). It is told turning points only, so that chunks cost nothing.

    `attempt` is which generation of this reply it is, the first being 1.
    """

    def __init__(
        self, *, reply_id: uuid.UUID, chat_id: uuid.UUID, user_id: uuid.UUID, provider: str, model: str, attempt: int
    ) -> None:
        self._ids = {"replyId": str(reply_id), "chatId": str(chat_id), "userId": str(user_id)}
        self._provider, self._model, self._attempt = provider, model, attempt
        self._began = time.monotonic()
        self._first_byte: float | None = None

    def answered(self) -> None:
        """The provider's first event has come."""
        PROVIDER_SECONDS.labels(self._provider).observe(self._age())

    def first_byte(self) -> None:
        self._first_byte = self._age()
        FIRST_BYTE_SECONDS.labels(self._provider).observe(self._first_byte)

    def progress(self, chunks: int, size: int) -> None:
        """A debug line; called every PROGRESS_EVERY chunks."""
        pace = rate(chunks, self._age())
        log_line.debug("chunk_processing_metrics", chunkIndex=chunks, bytes=size, chunksPerSecond=pace, **self._ids)

    def provider_failed(self, code: str) -> None:
        PROVIDER_ERRORS.labels(self._provider, code).inc()

    def completed(
        self, *, status: str, code: str | None, chunks: int, size: int, usage: Usage | None, readers: int, resumes: int
    ) -> None:
        """The end: counts it all and writes the one line. `size` is in bytes, of this generation's text only.

        `readers` is how many bodies of this process read the reply, `resumes` how many of them from an offset.
        """
        seconds = self._age()
        counted = usage.completion_tokens if usage else None
        tokens = estimated_tokens(size) if counted is None else counted
        prompt_tokens = usage.prompt_tokens if usage else None
        self._count(status, code, chunks, seconds)
        self._count_tokens(tokens, prompt_tokens, seconds, estimated=counted is None)
        log_line.info(
            "streaming_session_completed",
            **self._ids,
            provider=self._provider,
            model=self._model,
            success=status in SUCCESSES,
            status=status,
            code=code,
            durationMs=round(seconds * 1000),
            firstByteMs=None if self._first_byte is None else round(self._first_byte * 1000),
            chunksReceived=chunks,
            bytes=size,
            totalTokens=tokens,
            tokensEstimated=counted is None,
            promptTokens=prompt_tokens,
            tokensPerSecond=rate(tokens, seconds),
            chunksPerSecond=rate(chunks, seconds),
            attempts=self._attempt,
            resumes=resumes,
            readers=readers,
        )

    def _count(self, status: str, code: str | None, chunks: int, seconds: float) -> None:
        REPLIES.labels(self._provider, status, code or "").inc()
        REPLY_SECONDS.labels(status).observe(seconds)
        CHUNKS.inc(chunks)

    def _count_tokens(self, tokens: int, prompt_tokens: int | None, seconds: float, *, estimated: bool) -> None:
        TOKENS.labels("completion", "estimate" if estimated else "provider").inc(tokens)
        if prompt_tokens is not None:
            TOKENS.labels("prompt", "provider").inc(prompt_tokens)
        if tokens:
            TOKEN_RATE.observe(rate(tokens, seconds))

    def _age(self) -> float:
        return time.monotonic() - self._began
