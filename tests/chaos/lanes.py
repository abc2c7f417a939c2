"""Who reads a reply's trace, by itself and merged with its text: clients that come back by their cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent

from tests.chaos import http1
from tests.support.events import Event, events

if TYPE_CHECKING:
    from tests.chaos.talk import Talk

SILENCE_SECONDS = 4.0
PAUSE_SECONDS = 0.15
FINAL = ("complete", "stopped", "failed", "interrupted")


class Lanes:
    """Of one talk. `traces` are (offset, bytes) of each body of the trace, `told` all events that came, in order."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.traces: list[tuple[int, bytes]] = []
        self.told: list[Event] = []

    def follow_trace(self) -> None:
        talk, offset = self._talk, 0
        while not talk.over and not talk.gone:
            status = talk.status()
            if status is None or (status["status"] in FINAL and offset >= status["trace"]["bytes"]):
                return
            body = self._read(f"trace?offset={offset}", {})
            if body:
                self.traces.append((offset, body))
                offset += len(body)

    def follow_events(self) -> None:
        """Each line must come exactly where `at` says: after so many bytes of text, none missing and none too many."""
        talk, size, cursor = self._talk, 0, "0.0"
        while not talk.over and not talk.gone:
            if talk.status() is None:
                return
            for event in events(self._read(f"stream?cursor={cursor}", {"Accept": "text/event-stream"})):
                if event.name in ("done", "error"):
                    if event.data["status"] in FINAL:
                        return
                    continue
                if event.name == "delta":
                    size += len(event.data["text"].encode())
                elif event.data["at"] != size:
                    talk.broken.append(f"SHOWN a line of {event.data['at']} came after {size} bytes of {talk.reply_id}")
                cursor = event.id
                self.told.append(event)

    def _read(self, path: str, headers: dict[str, str]) -> bytes:
        talk = self._talk
        try:
            port = talk.world.any_port(talk.rng)
            answer = http1.request(
                port,
                "GET",
                f"/api/replies/{talk.reply_id}/{path}",
                headers=talk.person.headers | headers,
                silence=SILENCE_SECONDS,
            )
        except http1.NoAnswer:
            gevent.sleep(PAUSE_SECONDS)
            return b""
        if answer.status == 416:
            talk.broken.append(f"SHOWN what was read of {talk.reply_id} is said to be beyond the end: {path}")
        if answer.status != 200:
            gevent.sleep(PAUSE_SECONDS)
            return b""
        body = b"".join(answer.pieces())
        if not body:
            gevent.sleep(PAUSE_SECONDS)
        return body


def parts_of_events(told: list[Event]) -> list[Any]:
    """(type, text) as the API has parts; neighbours of a kind are one."""
    parts: list[list[str]] = []
    for event in told:
        kind = {"delta": "text"}.get(event.name, event.name)
        text = event.data.get("text", "")
        if parts and parts[-1][0] == kind != "restart":
            parts[-1][1] += text
        else:
            parts.append([kind, text])
    return [tuple(part) for part in parts]
