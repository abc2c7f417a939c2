"""Talking to a running server: send, read the body as it comes, see how it ended."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.support.answers import data_of
from tests.support.processes import wait_until

# Every scripted model the tests of replies ask: a server knows those it was told of.
MODELS = (
    "scripted-echo",
    "scripted-context:4",
    "scripted-echo:20",
    "scripted-words:3",
    "scripted-words:20:20",
    "scripted-words:40:25",
    "scripted-words:60:50",
    "scripted-words:120:50",
    "scripted-words:200:10",
    "scripted-words:320:50",
    "scripted-words:400:5",
    "scripted-bytes:300000",
    "scripted-unicode",
    "scripted-markdown",
    "scripted-endless:5",
    "scripted-endless:0",
    "scripted-slow-first:1500",
    "scripted-silent",
    "scripted-stall:3",
    "scripted-hold",
    "scripted-hold:3",
    "scripted-hold:20:200",
    "scripted-hold:40:80",
    "scripted-cut:0",
    "scripted-cut:3",
    "scripted-cut:3:8",
    "scripted-length:3:8",
    "scripted-reset:3",
    "scripted-error-event:3",
    "scripted-error-event:3:context_length_exceeded",
    "scripted-garbage",
    "scripted-bad-utf8",
    "scripted-huge-line:300000",
    "scripted-huge-line:20000000",
    "scripted-no-finish",
    "scripted-no-done",
    "scripted-linger",
    "scripted-cut-after-finish",
    "scripted-finish:length",
    "scripted-finish:content_filter",
    "scripted-close-delimited",
    "scripted-fail-then-ok:1",
    "scripted-status:400",
    "scripted-status:401",
    "scripted-status:403",
    "scripted-status:404",
    "scripted-status:429:7",
    "scripted-status:500",
    "scripted-status:503",
    "scripted-context-too-long",
    "scripted-context-too-long:llama",
    "scripted-no-quota",
    "scripted-redirect",
    "scripted-html",
    "scripted-json",
    "scripted-empty",
    "scripted-null-content",
    "scripted-list-content",
    "scripted-nul",
    "scripted-lone-surrogate",
    "scripted-two-choices",
    "scripted-refusal",
    "scripted-reasoning",
    "scripted-thinks:5:0:5",
    "scripted-thinks:40:50:40:50",
    "scripted-thinks-cut:3",
    "scripted-thinks-only",
    "scripted-thinks-after",
    "scripted-openrouter",
    "gpt-5/scripted-thinks:5:0:5",
    "gpt-5/scripted-thinks-hold:3:6",
    "gpt-5/scripted-thinks:40:100:6",
    "scripted-crlf",
    "scripted-play",
)
SCRIPTED = {"MACROCHAT_MODELS": ",".join(MODELS)}


class Body:
    """A reply's body. `data` is what came so far; `cut` says, once it ended, whether the last chunk was missing."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.status_code = response.status_code
        self.headers = response.headers
        self.data = b""
        self.cut: bool | None = None
        self._pieces = response.iter_raw()

    @property
    def reply_id(self) -> str:
        return str(self.headers["X-Reply-Id"])

    def until(self, size: int) -> bytes:
        """Reads until `size` bytes have come, or the end."""
        while len(self.data) < size and self.cut is None:
            self._read()
        return self.data

    def to_end(self) -> bytes:
        while self.cut is None:
            self._read()
        return self.data

    def refused(self) -> httpx2.Response:
        """The whole answer, for one that is no reply."""
        self.response.read()
        return self.response

    def _read(self) -> None:
        try:
            self.data += next(self._pieces)
        except StopIteration:
            self.cut = False
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            self.cut = True


def new_chat(person: Any, **fields: Any) -> str:
    """The id of a new chat."""
    return str(data_of(person.post("/api/chats", json=fields), 201)["id"])


def question(text: str, **more: Any) -> dict[str, Any]:
    """The body of a send; `more` stands beside `messages`."""
    return {"messages": [{"role": "user", "content": text}], **more}


@contextlib.contextmanager
def send(
    person: httpx2.Client, chat: str, text: str, model: str | None = None, *, at: str = "", **headers: str
) -> Iterator[Body]:
    """An open reply. `at` is the address of another server; headers are named with underscores."""
    body = question(text) | ({"model": model} if model else {})
    with person.stream("POST", f"{at}/api/chats/{chat}/stream", json=body, headers=_named(headers)) as response:
        yield Body(response)


@contextlib.contextmanager
def follow(person: httpx2.Client, path: str, *, at: str = "", **headers: str) -> Iterator[Body]:
    """An open body of GET `path` (below /api)."""
    with person.stream("GET", f"{at}/api{path}", headers=_named(headers)) as response:
        yield Body(response)


def say(person: httpx2.Client, chat: str, text: str, model: str | None = None, **headers: str) -> Body:
    """Sends and reads to the end."""
    with send(person, chat, text, model, **headers) as body:
        body.to_end()
    return body


def begin(person: httpx2.Client, chat: str, text: str, model: str, *, size: int = 0, at: str = "") -> str:
    """Starts a reply, reads `size` bytes of it, goes away; returns its id."""
    with send(person, chat, text, model, at=at) as body:
        assert body.status_code == 200, body.refused().text
        body.until(size)
        return body.reply_id


def status_of(person: Any, reply_id: str, at: str = "") -> dict[str, Any]:
    return data_of(person.get(f"{at}/api/replies/{reply_id}"))  # type: ignore[no-any-return]


def messages_of(person: Any, chat: str, at: str = "") -> list[dict[str, Any]]:
    return data_of(person.get(f"{at}/api/chats/{chat}"))["messages"]  # type: ignore[no-any-return]


def when_final(person: Any, reply_id: str, seconds: float = 10, at: str = "") -> dict[str, Any]:
    """The status object once the reply is final."""

    def final() -> dict[str, Any] | None:
        status = status_of(person, reply_id, at)
        return status if status["status"] != "streaming" else None

    return wait_until(final, seconds, f"reply {reply_id} final")  # type: ignore[no-any-return]


def unique(text: str = "question") -> str:
    """A text by which the scripted provider's record of this very request is found."""
    return f"{text} {uuid.uuid4()}"


def asked(provider: Any, text: str) -> list[dict[str, Any]]:
    """The requests in which the provider was given `text`, oldest first."""
    return [one for one in provider.requests if any(text in m["content"] for m in one["messages"])]


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
