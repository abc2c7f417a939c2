"""`ask` answers with what a model said and how it ended; `provider` has patience, `hasty` not for long."""

import contextlib
import http.client
import json
import socket
import time
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings

from macrochat.errors import ProviderError
from macrochat.providers.base import CompletionRequest, Reasoning
from macrochat.providers.openai_compatible import OpenAICompatibleProvider
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

# The beginning of a program that uses parts of this room without loading the whole application with them.
ROOM_ONLY = """
import sys, types
sys.modules["macrochat"] = types.ModuleType("macrochat")
sys.modules["macrochat"].__path__ = ["macrochat"]
"""

PATIENCE = 20.0  # seconds: no model that says something is silent for so long, however busy the machine
SILENCE = 0.5  # where nothing is to be said any more

# For properties: a busy machine is no reason to fail.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
QUESTION = [{"role": "user", "content": "Say  it\nagain, please"}]


@dataclass
class Answer:
    text: str
    thought: str
    pieces: list
    error: ProviderError | None
    finish_reason: str | None
    usage: object
    seconds: float  # of a Stopwatch
    wall_seconds: float


@pytest.fixture(scope="module")
def scripted_providers(scripted):
    """A factory: one provider by its settings, kept open for the module."""
    made = {}

    def make(continue_mode="prefill", timeout=PATIENCE, connect_timeout=PATIENCE, url=None):
        key = (continue_mode, timeout, connect_timeout, url)
        if key not in made:
            made[key] = OpenAICompatibleProvider(
                "scripted",
                "key",
                url or scripted.url,
                timeout=timeout,
                connect_timeout=connect_timeout,
                continue_mode=continue_mode,
            )
        return made[key]

    yield make
    for one in made.values():
        one.close()


@pytest.fixture
def provider(scripted_providers, upstream):
    upstream.control("POST", "reset")
    return scripted_providers()


@pytest.fixture
def hasty(scripted_providers, provider):
    return scripted_providers(timeout=SILENCE)


@pytest.fixture
def ask(provider):
    def ask(model, messages=QUESTION, prefix="", of=provider):
        return answer_of(of, CompletionRequest(f"scripted-{model}", messages, prefix))

    return ask


def answer_of(provider, request):
    """Takes a whole answer. An error is in it, not raised."""
    watch, pieces, error, completion = Stopwatch(), [], None, None
    try:
        completion = provider.open(request)
        pieces.extend(completion)
    except ProviderError as raised:
        error = raised
    finally:
        if completion is not None:
            completion.close()
    said = [piece for piece in pieces if isinstance(piece, bytes)]
    thoughts = [piece.text.encode() for piece in pieces if isinstance(piece, Reasoning)]
    for piece in said + thoughts:
        piece.decode()  # each is valid on its own
        assert piece
        assert b"\0" not in piece
    return Answer(
        b"".join(said).decode(),
        b"".join(thoughts).decode(),
        pieces,
        error,
        completion and completion.finish_reason,
        completion and completion.usage,
        watch.seconds,
        watch.wall_seconds,
    )


@pytest.fixture
def full_listener():
    """The address of a port that never answers a connection request: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield "http://{}:{}/v1".format(*listener.getsockname())


@pytest.fixture
def upstream(scripted):
    """What the scripted server saw, for tests of connections."""
    upstream = Upstream(scripted.port)
    yield upstream
    upstream.close()


class Upstream:
    def __init__(self, port):
        # One connection for all questions: hundreds of them are asked.
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._before = self.control("GET", "requests")["open_connections"]

    def control(self, method, verb):
        self._http.request(method, f"/control/{verb}")
        return json.loads(self._http.getresponse().read())

    def close(self):
        self._http.close()

    @property
    def requests(self):
        return self.control("GET", "requests")["requests"]

    def wait_for_request(self):
        wait_until(lambda: self.requests, what="a request arrived")

    def expect_closed(self, seconds=1.0):
        """The last request's connection ended from our side, within `seconds`."""
        wait_until(lambda: self.requests[-1]["how"] == "client_closed", seconds, "the connection was closed")

    def expect_no_more_connections(self):
        wait_until(
            lambda: self.control("GET", "requests")["open_connections"] <= self._before, 1, "no connection is left over"
        )
