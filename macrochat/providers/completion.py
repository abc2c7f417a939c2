"""An open answer: raw reads of the provider's response in, clean pieces of UTF-8 out.

The connection is owned here from the moment the response's headers arrived, and is gone (or back in the pool, if its
body was read to the end) when `close` returns, whichever way the answer ended.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import httpx2

from macrochat.errors import ProviderError, UpstreamBadResponse, UpstreamEmpty, UpstreamTimeout, UpstreamUnreachable
from macrochat.providers.base import Piece, Usage
from macrochat.providers.chunks import BROKE_OFF, ChunkReader
from macrochat.providers.continuation import OverlapTrimmer
from macrochat.providers.event_stream import EventStream
from macrochat.providers.http_client import trouble_in_words
from macrochat.providers.thoughts import TagSplitter
from macrochat.providers.transport import FOREVER

# After a finish_reason more text may come, since some servers put one on every chunk: the answer ends at [DONE], at the
# body's end, or after so many seconds without news; sooner when the usage has come, which the OpenAI API sends last.
FINISH_SILENCE = 30.0
TALLY_SILENCE = 3.0
# After [DONE] only the body's end is missing, without which the connection cannot be used again.
DONE_SILENCE = 0.5
# Without our own transport: a read that finds data ready does not yield, so a fast server would starve the others.
READS_BETWEEN_YIELDS = 8

# What is said of an answer without a word, by its finish_reason.
EMPTY = {
    "content_filter": ("CONTENT_FILTERED", "The model's server filtered this answer out"),
    "length": ("UPSTREAM_EMPTY", "The model reached its length limit before it wrote a word"),
    "tool_calls": ("TOOL_CALLS_UNSUPPORTED", "The model asked for a tool, and there are none here"),
}
EMPTY["function_call"] = EMPTY["tool_calls"]


class OpenCompletion:
    """A `Completion` over an SDK response whose body has not been read yet.

    `splitter` finds thoughts that stand in the text, `trimmer` takes away what repeats the text it goes on with.
    `on_end` hears what was read when all of it was.
    `goes_on`: it continues a text, which may be all there is to say; without one, an answer without a word is an error.
    """

    def __init__(
        self,
        response: httpx2.Response,
        *,
        splitter: TagSplitter | None = None,
        trimmer: OverlapTrimmer | None = None,
        goes_on: bool = False,
        on_end: Callable[[ChunkReader], None] | None = None,
    ) -> None:
        self._listen, self._hang_up = _body(response)
        self._trimmer = trimmer
        self._goes_on = goes_on
        self._on_end = on_end
        self._events = EventStream()
        self._chunks = ChunkReader(splitter)
        self._began = False  # an event was decoded
        self._ended = False  # the body ended
        self._waiting: list[Piece] = []  # what came and was not handed over yet
        self._closed = False
        self._last_news = self.heard_at = time.monotonic()
        self._trouble: ProviderError | None = None  # what ended the reading

    @property
    def finish_reason(self) -> str | None:
        return self._chunks.finish_reason

    @property
    def usage(self) -> Usage | None:
        return self._chunks.usage

    def wait_for_first_event(self) -> None:
        """Returns once the server has sent an event, with text or not. Raises ProviderError for an error or none."""

        def read(data: bytes) -> bool:
            self._waiting += self._decode(data)
            return not (self._began or self._ended or self._chunks.error)

        self._read(read)
        if self._trouble is not None:
            raise self._trouble
        if not self._began and self._chunks.error is None:
            raise UpstreamBadResponse(detail="the answer ended before the first event")
        if self._chunks.error is not None and not self._waiting:
            raise self._chunks.error

    def __iter__(self) -> Iterator[Piece]:
        try:
            more = True
            while more:
                pieces: list[Piece] = []
                try:
                    more = self.read_into(pieces.append)  # which returns None: one is enough
                except ProviderError:
                    yield from pieces
                    raise
                yield from pieces
        finally:
            self.close()

    def read_into(self, take: Callable[[Piece], object]) -> bool:
        """Hands the pieces to `take`, as they arrive, until it returns something false or the answer has ended.

        Returns whether there may be more. `take` is called in the event loop: it neither waits nor raises. Raises as an
        iteration does, and closes at the end as it does.
        """
        more = False
        try:
            more = self._read_into(take)
        finally:
            if not more:
                self.close()
        return more

    def close(self) -> None:
        """Ends a read that is blocked in another greenlet at once: it raises UpstreamUnreachable (UPSTREAM_CLOSED)."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Exception):  # the pool closes the socket before anything that may fail here
            self._hang_up()

    def _read_into(self, take: Callable[[Piece], object]) -> bool:
        full = False

        def hand_over(pieces: list[Piece]) -> bool:
            nonlocal full
            if len(pieces) == 1 and not self._waiting and self._trimmer is None:
                full = not take(pieces[0])
                return not (full or self._over)
            self._waiting += pieces
            while self._waiting and not full:
                piece = self._trimmed(self._waiting.pop(0))
                full = piece != b"" and not take(piece)
            return not (full or self._over)

        more = hand_over([])
        while more and self._patience > 0:
            more = self._read_on(hand_over)
        if full:
            return True
        for piece in self._held_back():
            take(piece)
        self._conclude()
        return False

    def _trimmed(self, piece: Piece) -> Piece:
        return self._trimmer.feed(piece) if self._trimmer is not None and isinstance(piece, bytes) else piece

    def _read_on(self, hand_over: Callable[[list[Piece]], bool]) -> bool:
        """Reads until `hand_over` has enough, the finish_reason comes, or patience ends. Whether to read on."""
        more = False
        patience = self._patience

        def read(data: bytes) -> bool:
            nonlocal more
            more = hand_over(self._decode(data))
            return more and self._patience == FOREVER

        with gevent.Timeout(None if patience == FOREVER else patience, False):
            self._read(read)
        return more and self._trouble is None

    @property
    def _over(self) -> bool:
        return self._chunks.error is not None or self._ended

    @property
    def _patience(self) -> float:
        """How long the end is waited for now, in seconds. Comments do not prolong it: they may come for ever."""
        if self.finish_reason is None and not self._chunks.done:
            return FOREVER
        silence = DONE_SILENCE if self._chunks.done else TALLY_SILENCE if self._chunks.tallied else FINISH_SILENCE
        return self._last_news + silence - time.monotonic()

    def _conclude(self) -> None:
        """Raises what keeps the answer from being complete.

        How a server hangs up after it said that the model finished does not matter, unless it has said so too early.
        """
        chunks = self._chunks
        if self._on_end is not None:
            self._on_end(chunks)
        if chunks.error is not None:
            raise chunks.error
        if self._trouble is not None and not chunks.done and (self.finish_reason is None or chunks.went_on):
            raise self._trouble
        named = self.finish_reason is not None or self._events.is_document
        if not named and not (chunks.done and chunks.nameless_finish):
            raise UpstreamUnreachable(BROKE_OFF, code="UPSTREAM_INTERRUPTED")
        if not chunks.spoke and not chunks.thought and not self._goes_on:
            code, sentence = EMPTY.get(self.finish_reason or "", (None, None))
            raise UpstreamEmpty(sentence, code=code)

    def _held_back(self) -> list[Piece]:
        rest = [self._trimmed(piece) for piece in self._chunks.flush()]
        if self._trimmer is not None:
            rest.append(self._trimmer.flush())
        return [piece for piece in rest if piece != b""]

    def _read(self, take: Callable[[bytes], bool]) -> None:
        """Listens until `take` returns False. If the connection fails, breaks or falls silent, `_trouble` says so."""
        if not self._closed:
            try:
                self._listen(take)
            except Exception as error:  # noqa: BLE001 - it raises what it cannot explain
                self._trouble = self._explain(error)
        if self._closed:
            self._trouble = _closed_here()

    def _decode(self, read: bytes) -> list[Piece]:
        """What one read brought, often nothing. (Comments are life, for as long as they come.)"""
        self._ended = not read
        events = self._events.feed(read) if read else self._events.end()
        now = self.heard_at = time.monotonic()
        self._began = self._began or bool(events)
        chunks = self._chunks
        news = chunks.news
        pieces = chunks.feed(events, cut=self._ended and not self._events.is_document)
        if chunks.news != news:
            self._last_news = now
        if chunks.error is None:
            chunks.error = self._events.error
        if self._ended and self._events.is_document and not chunks.over:
            self._end_document()
        return pieces

    def _end_document(self) -> None:
        """JSON that is whole is an answer's end, if there was one in it."""
        if self._chunks.spoke or self._chunks.thought or self.finish_reason is not None:
            self._chunks.done = True
        else:
            self._chunks.error = UpstreamBadResponse(detail="a JSON document without an answer")

    def _explain(self, error: Exception) -> ProviderError:
        if isinstance(error, ProviderError):
            return error
        if self._closed:
            return _closed_here()
        if isinstance(error, httpx2.TimeoutException):
            return UpstreamTimeout(detail=trouble_in_words(error))
        if isinstance(error, httpx2.DecodingError):
            return UpstreamBadResponse(detail=trouble_in_words(error))
        if isinstance(error, httpx2.HTTPError | httpx2.StreamError | OSError):
            return UpstreamUnreachable(BROKE_OFF, code="UPSTREAM_INTERRUPTED", detail=trouble_in_words(error))
        raise error


Listen = Callable[[Callable[[bytes], bool]], None]


def _body(response: httpx2.Response) -> tuple[Listen, Callable[[], None]]:
    """Two functions. One hands the body, decompressed, to another until that returns False; b"" is its end.

    The other closes the connection; it is idempotent. Of our own transport's body they are all that is kept for as long
    as a reply lasts: the request and the response with their headers are several kB.
    """
    if "content-encoding" not in response.headers and (body := response.extensions.get("body")):
        return body.listen, body.close
    reads, ended = filter(None, response.iter_bytes()), False

    def listen(take: Callable[[bytes], bool]) -> None:
        nonlocal ended
        for count, read in enumerate(reads, 1):
            if not take(read):
                return
            if count % READS_BETWEEN_YIELDS == 0:
                gevent.sleep(0)
        ended = True
        take(b"")

    def hang_up() -> None:
        if not ended:
            _shut_down(response)
        response.close()

    return listen, hang_up


def _shut_down(response: httpx2.Response) -> None:
    """Shuts the TCP connection down under its reader: the peer knows at once, and a blocked reader wakes.

    Closing alone would not do: gevent puts off closing a socket that is being watched until the next event.
    """
    stream: Any = response.extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    if sock is not None:
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: it drops the TLS state that a blocked reader is still using.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _closed_here() -> UpstreamUnreachable:
    return UpstreamUnreachable("The answer was closed before it was finished", code="UPSTREAM_CLOSED")
