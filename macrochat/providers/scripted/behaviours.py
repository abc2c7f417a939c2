"""What each scripted model does. The package's docstring is their manual."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gevent

from macrochat.providers.scripted.state import State
from macrochat.providers.scripted.stream import Broken, Hang, Stream
from macrochat.providers.scripted.texts import (
    ODD_TEXT,
    Messages,
    begun_text,
    expected_text,
    in_words,
    name_and_arguments,
)

BYTES_PER_CHUNK = 1000
REPEATED_CHARACTERS = 20  # how much a model that is asked to go on says twice


class Refusal(Exception):
    """An HTTP answer instead of a stream."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.status = status
        self.body = body
        self.headers = {"Content-Type": content_type, **{k.replace("_", "-"): v for k, v in headers.items()}}


def refuse(status: int, message: str, code: str | None = None, kind: str = "error", **headers: str) -> Refusal:
    """A refusal in the words of OpenAI."""
    return Refusal(status, json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode(), **headers)


class Script:
    """One request being answered: `run` sends it all, or raises Refusal, Hang or Broken."""

    def __init__(self, stream: Stream, state: State) -> None:
        self.stream = stream
        self.state = state
        self.body: dict[str, Any] = stream.record.body
        self.model = stream.record.model
        self.messages: Messages = stream.record.messages
        self.name, self.arguments = name_and_arguments(self.model)
        self.left, self.words_begun = self._left_to_say()

    def run(self) -> None:
        behaviour = BEHAVIOURS.get(self.name)
        if behaviour is None:
            raise refuse(404, f"The model `{self.model}` does not exist", "model_not_found", "invalid_request_error")
        behaviour(self)

    def number(self, position: int, default: int = 0) -> int:
        return int(self.arguments[position]) if len(self.arguments) > position else default

    def say(self, text: str, ms: float = 0) -> None:
        self.stream.begin()
        self.stream.words(in_words(text), ms)

    def end(self, reason: str = "stop") -> None:
        self.stream.finish(reason)
        self.stream.usage(self.messages)
        self.stream.done()
        self.stream.end()

    def _left_to_say(self) -> tuple[str, int]:
        text = expected_text(self.model, self.messages)
        begun, in_words_of_the_user = begun_text(self.messages)
        if not text.startswith(begun):
            raise refuse(400, "The text to go on with is not the beginning of this model's text", "prefix_mismatch")
        repeated = begun[-REPEATED_CHARACTERS:] if in_words_of_the_user else ""
        return repeated + text[len(begun) :], len(begun.split())


def _whole(script: Script) -> None:
    script.say(script.left)
    script.end()


def _echo(script: Script) -> None:
    script.say(script.left, script.number(0))
    script.end()


def _words(script: Script) -> None:
    script.say(script.left, script.number(1))
    script.end()


def _bytes(script: Script) -> None:
    script.stream.begin()
    script.stream.words(script.left[k : k + BYTES_PER_CHUNK] for k in range(0, len(script.left), BYTES_PER_CHUNK))
    script.end()


def _unicode(script: Script) -> None:
    """One UTF-16 unit per delta: what a JavaScript gateway does that slices strings."""
    units = script.left.encode("utf-16-le")
    script.stream.begin()
    script.stream.words(units[k : k + 2].decode("utf-16-le", "surrogatepass") for k in range(0, len(units), 2))
    script.end()


def _endless(script: Script) -> None:
    script.say(script.left, script.number(0, 10))
    raise Hang


def _slow_headers(script: Script) -> None:
    gevent.sleep(script.number(0) / 1000)
    _whole(script)


def _slow_first(script: Script) -> None:
    script.stream.begin(role=False)
    gevent.sleep(script.number(0) / 1000)
    _whole(script)


def _comments(script: Script) -> None:
    script.stream.begin(role=False)
    for _ in range(script.number(0)):
        script.stream.raw(b": still working\n\n")
        gevent.sleep(script.number(1) / 1000)
    _whole(script)


def _silent(script: Script) -> None:
    raise Hang


def _say_until_trouble(script: Script) -> bool:
    """Says the first n words. False if the prefix held them already: then the rest was said, and the answer is over."""
    count = script.number(0) - script.words_begun
    if count <= 0 < script.words_begun:
        _whole(script)
        return False
    units = in_words(script.left)
    script.say("".join(units[:count]))
    script.left = "".join(units[count:])
    return True


def _stall(script: Script) -> None:
    if _say_until_trouble(script):
        raise Hang


def _cut(script: Script) -> None:
    if _say_until_trouble(script):
        raise Broken


def _reset(script: Script) -> None:
    if _say_until_trouble(script):
        gevent.sleep(0.05)  # a reset overtakes what the client has not read yet
        script.stream.reset()


def _error_event(script: Script) -> None:
    if _say_until_trouble(script):
        code = script.arguments[1] if len(script.arguments) > 1 else "500"
        error = {"message": "Something broke", "type": "server_error", "code": int(code) if code.isdigit() else code}
        script.stream.event(json.dumps({"error": error}).encode())
        script.stream.end()


def _hold(script: Script) -> None:
    released = script.state.released
    units, count = in_words(script.left), max(script.number(0) - script.words_begun, 0)
    if count:
        script.say("".join(units[:count]))
    released.wait()
    script.say("".join(units[count:]))
    script.end()


def _after_some_words(trouble: Callable[[Script], None]) -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.say(script.left)
        trouble(script)
        script.stream.done()
        script.stream.end()

    return behaviour


def _huge_line(script: Script) -> None:
    script.stream.raw(b'data: {"choices":[{"index":0,"delta":{"content":"')
    left = script.number(0)
    while left > 0:
        script.stream.raw(b"x" * min(left, 65536))
        left -= 65536
    script.stream.raw(b'"}}]}\n\n')


def _fail_then_ok(script: Script) -> None:
    if script.state.seen[script.model] <= script.number(0):
        raise refuse(500, "Not yet", "internal_error", "server_error")
    _whole(script)


def _finish_then(*, done: bool, trouble: type[Exception] | None) -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.say(script.left)
        script.stream.finish()
        if done:
            script.stream.done()
        if trouble is not None:
            raise trouble
        script.stream.end()

    return behaviour


def _finish(script: Script) -> None:
    script.say(script.left)
    script.end(script.arguments[0])


def _close_delimited(script: Script) -> None:
    script.stream.chunked = False
    _whole(script)


def _status(script: Script) -> None:
    status = script.number(0)
    headers = {"Retry_After": script.arguments[1]} if len(script.arguments) > 1 else {}
    raise refuse(status, f"You asked for a {status}", f"scripted_{status}", **headers)


def _context_too_long(script: Script) -> None:
    if script.arguments == ["llama"]:
        message = "request (9000 tokens) exceeds the available context size (2048 tokens), try increasing it"
        raise Refusal(
            400, json.dumps({"error": {"code": 400, "message": message, "type": "exceed_context_size_error"}}).encode()
        )
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    raise refuse(400, message, "context_length_exceeded", "invalid_request_error")


def _no_quota(script: Script) -> None:
    raise refuse(429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota")


def _redirect(script: Script) -> None:
    raise Refusal(302, b"", Location="/v1/chat/completions")


def _html(script: Script) -> None:
    raise Refusal(200, b"<!doctype html><title>Welcome</title><p>It works!", "text/html; charset=utf-8")


def _json(script: Script) -> None:
    message = {"role": "assistant", "content": "not a stream"}
    raise Refusal(200, json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode())


def _empty(script: Script) -> None:
    raise Refusal(200, b"", "text/event-stream")


def _no_stream_options(script: Script) -> None:
    if "stream_options" in script.body:
        raise refuse(400, "Unrecognized request argument supplied: stream_options", None, "invalid_request_error")
    _whole(script)


def _odd(*deltas: dict[str, Any]) -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.stream.begin()
        for delta in deltas:
            script.stream.delta(delta)
        script.end()

    return behaviour


def _two_choices(script: Script) -> None:
    script.stream.begin()
    for unit in in_words(script.left):
        script.stream.delta({"content": "WRONG "}, index=1)
        script.stream.delta({"content": unit})
    script.stream.delta({}, finish_reason="length", index=1)
    script.end()


def _crlf(script: Script) -> None:
    script.stream.line_end = b"\r\n"
    _whole(script)


_LIST = [{"type": "text", "text": "parts "}, {"type": "text", "text": "of a "}, {"type": "image"}]
_HALVES = ({"content": "half \ud83d"}, {"content": " and "}, {"content": "\ude00 whole \ud83d"}, {"content": "\ude00 "})

BEHAVIOURS: dict[str, Callable[[Script], None]] = {
    "echo": _echo,
    "words": _words,
    "bytes": _bytes,
    "unicode": _unicode,
    "markdown": _whole,
    "endless": _endless,
    "slow-headers": _slow_headers,
    "slow-first": _slow_first,
    "comments": _comments,
    "silent": _silent,
    "stall": _stall,
    "hold": _hold,
    "cut": _cut,
    "reset": _reset,
    "error-event": _error_event,
    "garbage": _after_some_words(lambda script: script.stream.event(b"{oops")),
    "bad-utf8": _after_some_words(
        lambda script: script.stream.event(b'{"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}')
    ),
    "huge-line": _after_some_words(_huge_line),
    "no-finish": _after_some_words(lambda script: None),
    "fail-then-ok": _fail_then_ok,
    "no-done": _finish_then(done=False, trouble=None),
    "linger": _finish_then(done=False, trouble=Hang),
    "cut-after-finish": _finish_then(done=False, trouble=Broken),
    "finish": _finish,
    "close-delimited": _close_delimited,
    "status": _status,
    "context-too-long": _context_too_long,
    "no-quota": _no_quota,
    "redirect": _redirect,
    "html": _html,
    "json": _json,
    "empty": _empty,
    "no-stream-options": _no_stream_options,
    "null-content": _odd({"content": None}, {"content": ODD_TEXT["null-content"]}, {}, {"content": None}),
    "list-content": _odd({"content": _LIST}, {"content": [{"type": "text", "text": "list "}]}, {"content": []}),
    "nul": _odd({"content": "before\0after "}),
    "lone-surrogate": _odd(*_HALVES),
    "two-choices": _two_choices,
    "refusal": _odd({"refusal": ODD_TEXT["refusal"]}),
    "reasoning": _odd({"reasoning_content": "let me think"}, {"content": ODD_TEXT["reasoning"]}),
    "crlf": _crlf,
}
