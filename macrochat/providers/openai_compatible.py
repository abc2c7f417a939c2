"""Any server that speaks the OpenAI HTTP API, through the `openai` SDK.

What comes before the first byte (address, credentials, time-outs, refusals) is the SDK's; the stream's bytes are ours.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gevent
import httpx2
import openai

from macrochat.errors import ModelNotFound, ProviderError, UpstreamTimeout, UpstreamUnreachable
from macrochat.logs import get_logger
from macrochat.providers import condition
from macrochat.providers.base import Completion, CompletionRequest, ContinueMode, Effort
from macrochat.providers.chunks import ChunkReader
from macrochat.providers.complaints import read_complaint
from macrochat.providers.completion import OpenCompletion
from macrochat.providers.concessions import (
    EFFORT,
    LAST_ASSISTANT,
    MEMORIES,
    SYSTEM_ROLE,
    USAGE,
    Concession,
    refused,
    without_system_role,
)
from macrochat.providers.condition import Condition
from macrochat.providers.continuation import OverlapTrimmer, conversation
from macrochat.providers.efforts import efforts_of, options
from macrochat.providers.http_client import LimitedClient, read_up_to, trouble_in_words
from macrochat.providers.memories import remembering
from macrochat.providers.model_list import in_words, read_model_list
from macrochat.providers.thoughts import Habits, TagSplitter
from macrochat.providers.upstream_errors import from_response

log = get_logger(__name__)

MAX_LIST_BYTES = 16 * 1024 * 1024  # of a list of models; 10,000 with long descriptions are half of it

# vLLM and SGLang need to be told that the last assistant message is to be continued; llama.cpp does it unasked.
PREFILL_OPTIONS = {"continue_final_message": True, "add_generation_prompt": False}

# Streams are read as they come: a compressing proxy would hold words back.
HEADERS = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}


class OpenAICompatibleProvider:
    """`timeout` bounds the seconds of silence between two reads, `connect_timeout` the making of a connection.

    Safe to share between greenlets. Keeps its connections: make one per server and process, after the fork.
    """

    def __init__(
        self,
        name: str,
        api_key: str,
        base_url: str,
        *,
        timeout: float = 600.0,
        connect_timeout: float = 5.0,
        continue_mode: ContinueMode = "prompt",
    ) -> None:
        if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ValueError("an API key must be plain ASCII without white space, to fit into an HTTP header")
        self.name = name
        self.base_url, query = _without_query(base_url)
        self.continue_mode: ContinueMode = continue_mode
        self._open_limit = connect_timeout + timeout
        self._http = LimitedClient(self.base_url, timeout=timeout, connect_timeout=connect_timeout)
        self._client = openai.OpenAI(
            api_key=api_key,
            base_url=self.base_url,
            timeout=self._http.timeout,
            default_query=query,
            max_retries=0,
            http_client=self._http,
        )
        self._is_openrouter = (urlsplit(self.base_url).hostname or "").endswith("openrouter.ai")
        self._habits = Habits()
        self._keepers: set[str] = set()  # models whose servers want something back
        self._conceded: set[tuple[str, Concession]] = set()  # what a model's server does not take
        self._listed: tuple[bytes, list[str]] = (b"", [])  # the last list of models: its digest, its ids

    def efforts(self, model: str) -> tuple[Effort, ...]:
        return () if (model, EFFORT) in self._conceded else efforts_of(model)

    def wants_thoughts(self, model: str) -> bool:
        return (model, MEMORIES) not in self._conceded and (self._is_openrouter or model in self._keepers)

    def open(self, request: CompletionRequest) -> Completion:
        """Sends the request and waits for the first event. Raises ProviderError if it does not come.

        Whatever is raised here, be it thrown into the greenlet from outside, leaves no connection behind.
        """
        try:
            return self._open(request)
        except ModelNotFound as error:
            who = "choose another model, or tell its operator"
            sentence = (
                f"The model's server does not have the model {request.model[:100]}, or not at this address; {who}"
            )
            raise ModelNotFound(sentence, detail=error.detail) from None

    def list_models(self, timeout: float = 5.0) -> list[str]:
        """The ids at /models, in the server's order. `timeout` in seconds, for all of it. Raises ProviderError.

        What cannot be an id is left out, and logged when the list is not the same as last time.
        """
        with _our_errors():
            return self._list_models(timeout)

    def check(self, timeout: float = 5.0) -> Condition:
        """How GET /models is answered within `timeout` seconds. Never raises."""
        try:
            return condition.OK if self._list_models(timeout) else condition.NO_MODELS
        except openai.APIStatusError as error:
            refusal = from_response(error.status_code, error.response.content, error.response.headers)
            return condition.from_error(refusal, error.status_code)
        except ProviderError as error:
            return condition.from_error(error)
        except (openai.OpenAIError, httpx2.HTTPError, UnicodeError):
            return condition.UNREACHABLE

    def _list_models(self, timeout: float) -> list[str]:
        with _deadline(timeout):
            response = self._client.get(
                "/models", cast_to=httpx2.Response, stream=True, stream_cls=_RawStream, options={"timeout": timeout}
            )
            with contextlib.closing(response):
                body = read_up_to(response, MAX_LIST_BYTES)
        digest = hashlib.blake2b(body).digest()
        if digest != self._listed[0]:  # ten thousand take 30 ms to parse, which running replies would notice
            ids, left_out = read_model_list(body)
            if left_out:
                log.warning("models left out", provider=self.name, count=len(left_out), ids=in_words(left_out))
            self._listed = digest, ids
        return self._listed[1]

    def warm(self) -> None:
        """Lets a connection be made in the background, for a request that is likely to come soon. Never raises."""
        gevent.spawn(self._warm)

    def _warm(self) -> None:
        with contextlib.suppress(httpx2.HTTPError, UnicodeError):
            self._http.warm()

    def close(self) -> None:
        """Closes idle connections. Open completions must be closed by those who opened them."""
        self._http.close()

    def _open(self, request: CompletionRequest) -> Completion:
        with _our_errors():
            response = self._post_until_understood(request)
        try:
            trimmer, goes_on = self._trimmer(request), bool(request.prefix)
            completion = OpenCompletion(
                response,
                splitter=self._splitter(request),
                trimmer=trimmer,
                goes_on=goes_on,
                on_end=lambda chunks: self._learn(request.model, chunks),
            )
        except BaseException:
            response.close()
            raise
        try:
            completion.wait_for_first_event()
        except BaseException:
            completion.close()
            raise
        return completion

    def _continue_mode(self, model: str) -> ContinueMode:
        conceded = (model, LAST_ASSISTANT) in self._conceded
        return "prompt" if conceded and self.continue_mode == "prefill" else self.continue_mode

    def _trimmer(self, request: CompletionRequest) -> OverlapTrimmer | None:
        trims = request.prefix and self._continue_mode(request.model) == "prompt"
        return OverlapTrimmer(request.prefix) if trims else None

    def _splitter(self, request: CompletionRequest) -> TagSplitter:
        """A text that goes on in its own words has no thoughts at its start."""
        goes_on = bool(request.prefix) and self._continue_mode(request.model) == "prefill"
        return TagSplitter(not goes_on and self._habits.begins_in_thought(request.model), plain=goes_on)

    def _learn(self, model: str, chunks: ChunkReader) -> None:
        """What an answer has shown of its model."""
        if chunks.splitter.bare_closing is not None:
            self._habits.learn(model, chunks.splitter.bare_closing)
        if chunks.kept:
            self._keepers.add(model)

    def _post_until_understood(self, request: CompletionRequest) -> httpx2.Response:
        """Asks once more without what the server says that it does not take."""
        while True:
            body = self._body(request)
            try:
                return self._post(body)
            except openai.APIStatusError as error:
                complaint = read_complaint(error.response.content.decode(errors="replace"))
                conceded = refused(body, error.status_code, complaint)
                if not conceded:
                    raise
                log.info("asked again without", what=conceded[0].name, provider=self.name, model=request.model)
                self._conceded |= {(request.model, one) for one in conceded}

    def _body(self, request: CompletionRequest) -> dict[str, Any]:
        mode = self._continue_mode(request.model)
        messages = remembering(conversation(request, mode), wanted=self.wants_thoughts(request.model))
        if (request.model, SYSTEM_ROLE) in self._conceded:
            messages = without_system_role(messages)
        body: dict[str, Any] = {"model": request.model, "messages": messages, "stream": True}
        if (request.model, USAGE) not in self._conceded:
            body["stream_options"] = {"include_usage": True}
        if request.prefix and mode == "prefill":
            body |= PREFILL_OPTIONS
        if (request.model, EFFORT) not in self._conceded:
            openrouter = self._is_openrouter
            body |= options(request.model, request.effort, hurried=request.hurried, is_openrouter=openrouter)
        return body

    def _post(self, body: dict[str, Any]) -> httpx2.Response:
        # `post`, not `chat.completions.create`: that transforms every message, 23 % of a request's cost.
        with _deadline(self._open_limit):
            response: httpx2.Response = self._client.post(
                "/chat/completions",
                body=body,
                cast_to=httpx2.Response,
                stream=True,
                stream_cls=_RawStream,
                options={"headers": HEADERS},
            )
            return response


# Asked for with `stream=True`, never built: `cast_to=httpx2.Response` makes the SDK hand over the unread response.
_RawStream: Any = openai.Stream[object]


def _without_query(address: str) -> tuple[str, dict[str, object]]:
    """An address as guides give it, maybe that of the requests themselves; and the query that each request carries."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    base = parts._replace(path=path, query="", fragment="").geturl()
    return base, dict[str, object](parse_qsl(parts.query, keep_blank_values=True))


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """A limit in seconds on everything inside, however slowly a server drips. Raises UpstreamTimeout."""
    limit = gevent.Timeout.start_new(seconds)
    try:
        yield
    except gevent.Timeout as expired:
        if expired is not limit:
            raise
        raise UpstreamTimeout(detail=f"not within {seconds:g} s") from None
    finally:
        limit.close()


@contextlib.contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except openai.APIStatusError as error:
        raise from_response(error.status_code, error.response.content, error.response.headers) from None
    except openai.APITimeoutError as error:
        raise UpstreamTimeout(detail=trouble_in_words(error)) from None
    except (openai.OpenAIError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        raise UpstreamUnreachable(detail=trouble_in_words(error)) from None
