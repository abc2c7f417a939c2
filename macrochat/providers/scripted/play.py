"""A model that answers with what the last user message says, for inputs that nobody thought of beforehand.

That message is JSON: {"status": 200, "headers": {…}, "body": [step, …]}. A step is text (sent as it is), a number
(seconds of silence), {"event": any JSON}, {"bytes": "text in Latin-1"}, or "!cut", "!reset", "!hang". The body ends
as a whole one after the last step.
"""

from __future__ import annotations

import json
from typing import Any

import gevent

from macrochat.providers.scripted.script import Script
from macrochat.providers.scripted.stream import Broken, Hang


def play_message(script: Script) -> None:
    asked = json.loads(next(m["content"] for m in reversed(script.messages) if m["role"] == "user"))
    script.stream.answer(asked.get("status", 200), asked.get("headers", {"Content-Type": "text/event-stream"}))
    for step in asked["body"]:
        _take(script, step)
    script.stream.end()


def _take(script: Script, step: Any) -> None:
    if step == "!cut":
        raise Broken
    if step == "!hang":
        raise Hang
    if step == "!reset":
        gevent.sleep(0.05)  # a reset overtakes what the client has not read yet
        script.stream.reset()
    elif isinstance(step, int | float):
        gevent.sleep(step)
    elif isinstance(step, dict) and "bytes" in step:
        script.stream.raw(step["bytes"].encode("latin-1"))
    elif isinstance(step, dict):
        script.stream.event(json.dumps(step["event"]).encode())
    else:
        script.stream.raw(step.encode())
