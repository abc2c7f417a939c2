"""The scripted models that answer with something else than a stream, at least at first."""

from __future__ import annotations

import json
from collections.abc import Callable

from macrochat.providers.scripted.script import Refusal, Script, refuse


def _fail_then_ok(script: Script) -> None:
    if script.state.seen[script.model] <= script.number(0):
        raise refuse(500, "Not yet", "internal_error", "server_error")
    script.say_the_rest()


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
    script.say_the_rest()


def _no_system(script: Script) -> None:
    if any(message["role"] == "system" for message in script.messages):
        raise refuse(400, "System role not supported", None, "BadRequestError")
    script.say_the_rest()


def _no_prefill(script: Script) -> None:
    if script.messages[-1]["role"] == "assistant":
        message = (
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
        raise refuse(400, message, None, "invalid_request_error")
    script.say_the_rest()


def _context(script: Script) -> None:
    if len(script.messages) > script.number(0, 1):
        _context_too_long(script)
    script.say_the_rest()


REFUSALS: dict[str, Callable[[Script], None]] = {
    "status": _status,
    "context-too-long": _context_too_long,
    "context": _context,
    "no-quota": _no_quota,
    "redirect": _redirect,
    "html": _html,
    "json": _json,
    "empty": _empty,
    "no-stream-options": _no_stream_options,
    "no-system": _no_system,
    "no-prefill": _no_prefill,
    "fail-then-ok": _fail_then_ok,
}
