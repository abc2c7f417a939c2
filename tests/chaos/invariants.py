"""The invariants of docs/reliability.md, checked by program once a scenario is over. Each finding begins with the broken one's name."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from typing import Any

import gevent

from macrochat.providers.continuation import CONTINUE_INSTRUCTION
from macrochat.providers.scripted import expected_thought
from macrochat.replies import trace as traces
from macrochat.replies.writing.conversation import BETWEEN
from tests.chaos import http1
from tests.chaos.database import Database
from tests.chaos.lanes import parts_of_events
from tests.chaos.stage import PROBE_WORDS, Stage
from tests.chaos.talk import FINAL, Talk
from tests.support.events import events

CALM_SECONDS = 5.0  # after the last reply: folding, ticks, idle connections
ALIVE_SECONDS = 5.0
GONE_SECONDS = 10.0  # for the rows of what was deleted
STOP_SECONDS = 1.0
SLACK = 3.0  # this machine is busy with other things: only what takes much longer is a finding


class Findings:
    def __init__(self) -> None:
        self.broken: list[str] = []
        self.bytes_compared = 0

    def expect(self, truth: Any, sentence: str) -> bool:
        if not truth:
            self.broken.append(sentence)
        return bool(truth)


def check(stage: Stage, database: Database) -> Findings:
    found = Findings()
    found.broken += stage.broken
    requests = _calm(stage, found)
    for talk in stage.talks:
        found.broken += talk.broken
        _answers(found, talk)
        if talk.gone:
            _gone(found, talk, database)
        elif talk.reply_id is None:
            _never_acknowledged(found, talk, database)
        else:
            _talk(found, stage, talk, database)
        _generations(found, stage, talk, requests)
    _nothing_left(found, stage, database)
    allowed = ALIVE_SECONDS * SLACK
    found.expect(stage.alive_seconds < allowed, f"ALIVE a fresh message took {stage.alive_seconds:.1f} s")
    return found


def _answers(found: Findings, talk: Talk) -> None:
    """Whatever is done to the server, it never says `500`."""
    for what, status, code in talk.answers:
        found.expect(status != 500, f"ALIVE {what} was answered with 500 {code}")


def _talk(found: Findings, stage: Stage, talk: Talk, database: Database) -> None:
    status = talk.status()
    if not found.expect(
        status and status["status"] in FINAL, f"FINAL {talk.reply_id} is {status and status['status']}"
    ):
        return
    stored = database.content(talk.reply_id)
    _shown(found, talk, stored)
    _thoughts(found, talk, status, stored, database.trace(talk.reply_id))
    _once(found, talk, database)
    _true(found, stage, talk, status, stored)
    if talk.words > PROBE_WORDS:
        _same(found, stage, talk, status, stored)
        _owner(found, stage, talk)


def _shown(found: Findings, talk: Talk, stored: bytes) -> None:
    for segment in talk.segments:
        found.bytes_compared += len(segment.data)
        there = stored[segment.offset : segment.until]
        found.expect(
            bytes(segment.data) == there,
            f"SHOWN {talk.reply_id} from {segment.offset}: {_difference(bytes(segment.data), there)}",
        )


def _thoughts(found: Findings, talk: Talk, status: dict[str, Any], stored: bytes, trace: bytes) -> None:
    """The trace: what was shown of it is stored, and everybody is told of the same thoughts in the same places."""
    for offset, data in talk.lanes.traces:
        found.bytes_compared += len(data)
        there = trace[offset : offset + len(data)]
        found.expect(data == there, f"SHOWN trace of {talk.reply_id} from {offset}: {_difference(data, there)}")
    facts = (status["trace"]["bytes"], status["trace"]["sha256"])
    found.expect(facts == (len(trace), hashlib.sha256(trace).hexdigest()), f"SAME status and trace of {talk.reply_id}")
    parts = [(part["type"], part.get("text", "")) for part in traces.parts(stored.decode(), trace)]
    if talk.lanes.told and not talk.continued:
        told = parts_of_events(talk.lanes.told)
        found.expect(told == parts, f"SAME events of {talk.reply_id}: {told} instead of {parts}")
    if not talk.thinks or not stored or talk.stops:
        return
    thought = expected_thought(talk.model)
    last = next((text for kind, text in reversed(parts) if kind == "reasoning"), None)
    found.expect(last == thought, f"TRUE the thought of {talk.reply_id} is {last!r}")


def _once(found: Findings, talk: Talk, database: Database) -> None:
    count = database.messages(talk.chat_id, talk.text)
    found.expect(count == 1, f"ONCE the message of {talk.reply_id} is stored {count} times")


def _true(found: Findings, stage: Stage, talk: Talk, status: dict[str, Any], stored: bytes) -> None:
    fault = stage.scenario.fault
    allowed = fault.outcomes if talk is stage.target else fault.others
    allowed = frozenset({"complete"}) if talk.continued else allowed
    now, reason = status["status"], status["finishReason"]
    detail = f"{talk.reply_id}: {now} {status['error']}, {len(stored)} of {len(talk.expected)} bytes"
    found.expect(now in allowed, f"TRUE not one of {sorted(allowed)}: {detail}")
    found.expect(talk.expected.startswith(stored), f"OWNER not its own text: {detail} {_brief(stored)}")
    found.expect((now == "complete") == (reason is not None), f"TRUE finish reason {reason}: {detail}")
    if now == "complete":
        found.expect(stored == talk.expected, f"TRUE complete without all of its text: {detail}")
    if now == "stopped":
        found.expect(talk.stops, f"TRUE stopped, and nobody asked for it: {detail}")


def _same(found: Findings, stage: Stage, talk: Talk, status: dict[str, Any], stored: bytes) -> None:
    """Status, replay, resumption, range, events and the chat's own view tell of the same bytes."""
    facts = (status["bytes"], status["sha256"])
    found.expect(facts == (len(stored), hashlib.sha256(stored).hexdigest()), f"SAME status and text of {talk.reply_id}")
    path = f"/api/replies/{talk.reply_id}/stream"
    offset = stage.rng.randint(0, len(stored))
    end = http1.CLEAN if status["status"] in ("complete", "stopped") else http1.CUT
    for name, query, headers, begin in (
        ("replay", "", {}, 0),
        ("resumption", f"?offset={offset}", {}, offset),
        ("range", "", {"Range": f"bytes={offset}-"}, offset),
    ):
        if name == "range" and offset == len(stored):
            continue
        answer = http1.request(
            stage.world.any_port(stage.rng), "GET", path + query, headers=talk.person.headers | headers
        )
        body = answer.body()
        found.bytes_compared += len(body)
        found.expect(body == stored[begin:], f"SAME {name} of {talk.reply_id}: {answer.status} {_brief(body)}")
        found.expect(answer.end == end, f"SAME {name} of {talk.reply_id} ended {answer.end}, not {end}")
    _same_in_events(found, stage, talk, stored)
    _same_in_chat(found, talk, status, stored)


def _same_in_events(found: Findings, stage: Stage, talk: Talk, stored: bytes) -> None:
    headers = talk.person.headers | {"Accept": "text/event-stream"}
    path = f"/api/replies/{talk.reply_id}/stream"
    answer = http1.request(stage.world.any_port(stage.rng), "GET", path, headers=headers)
    text = "".join(event.data["text"] for event in events(answer.body()) if event.name == "delta")
    found.bytes_compared += len(text.encode())
    found.expect(text.encode() == stored, f"SAME events of {talk.reply_id}: {_brief(text.encode())}")


def _same_in_chat(found: Findings, talk: Talk, status: dict[str, Any], stored: bytes) -> None:
    messages = talk.call("GET", f"/api/chats/{talk.chat_id}").json()["data"]["messages"]
    mine = [message for message in messages if message["id"] == talk.reply_id]
    if not mine:  # a rival's answer stands on the active branch
        return
    meta = mine[0]["metadata"]
    found.expect(mine[0]["content"].encode() == stored, f"SAME the chat's text of {talk.reply_id}")
    told = [part["text"] for part in mine[0]["parts"] if part["type"] == "text"]
    found.expect("".join(told).encode() == stored, f"SAME the chat's parts of {talk.reply_id}")
    found.expect(
        (meta["status"], meta["bytes"]) == (status["status"], len(stored)), f"SAME the chat's facts of {talk.reply_id}"
    )


def _owner(found: Findings, stage: Stage, talk: Talk) -> None:
    stranger = stage.world.alice if talk.person is not stage.world.alice else stage.world.bob
    for path in (f"/api/replies/{talk.reply_id}/stream", f"/api/replies/{talk.reply_id}", f"/api/chats/{talk.chat_id}"):
        answer = http1.request(stage.world.any_port(stage.rng), "GET", path, headers=stranger.headers)
        body = answer.body()
        leak = talk.text[:9].encode() in body
        found.expect(answer.status == 404 and not leak, f"OWNER a stranger got {answer.status} at {path}")


def _gone(found: Findings, talk: Talk, database: Database) -> None:
    for segment in talk.segments:
        found.bytes_compared += len(segment.data)
        there = talk.expected[segment.offset : segment.until]
        found.expect(bytes(segment.data) == there, f"SHOWN deleted {talk.reply_id} from {segment.offset}")
    found.expect(_taken_away(talk, database), "ONCE a deleted chat has messages")
    if talk.reply_id:
        answer = talk.call("GET", f"/api/replies/{talk.reply_id}/stream")
        found.expect(answer.status in (401, 404), f"OWNER a deleted reply answers {answer.status}")


def _taken_away(talk: Talk, database: Database) -> bool:
    """A worker that was killed in the middle of it leaves it to the others, who look once a second."""
    until = time.monotonic() + GONE_SECONDS
    while database.messages(talk.chat_id, talk.text) and time.monotonic() < until:
        gevent.sleep(0.1)
    return database.messages(talk.chat_id, talk.text) == 0


def _never_acknowledged(found: Findings, talk: Talk, database: Database) -> None:
    count = database.messages(talk.chat_id, talk.text)
    found.expect(count <= 1, f"ONCE an unacknowledged message is stored {count} times")


def _generations(found: Findings, stage: Stage, talk: Talk, requests: list[dict[str, Any]]) -> None:
    mine = requests_of(talk, requests)
    if not talk.gone and talk.ended:
        attempts = talk.ended["attempts"]
        found.expect(len(mine) <= attempts, f"ONE GENERATION {len(mine)} requests in {attempts} attempts")
        lost = attempts > 1 and stage.scenario.fault.steady and not talk.continued
        found.expect(not lost, f"ONE GENERATION {attempts} of a reply that nobody was to lose: {talk.reply_id}")
    for granted in talk.stops_granted:
        late = [r for r in mine if not talk.continued and (r["ended"] or time.time()) > granted + STOP_SECONDS * SLACK]
        found.expect(not late, f"STOP the model went on talking after a stop: {talk.reply_id}")
    if stage.scenario.fault.overlaps:
        return
    for older, newer in itertools.pairwise(mine):
        overlap = (older["ended"] or time.time()) - newer["started"]
        found.expect(overlap < 0.2, f"ONE GENERATION two at once for {overlap:.2f} s: {talk.reply_id}")


def requests_of(talk: Talk, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the provider was asked for this talk, oldest first."""

    def question(request: dict[str, Any]) -> str:
        # Questions that were never answered stand before it, in the same message.
        said = [m["content"].rpartition(BETWEEN)[2] for m in request["messages"] if m["role"] == "user"]
        return next((text for text in reversed(said) if text != CONTINUE_INSTRUCTION), "")

    return sorted((r for r in requests if question(r) == talk.text), key=lambda request: request["started"])


def _calm(stage: Stage, found: Findings) -> list[dict[str, Any]]:
    """LEAK: when all is over, every worker is as it was. Returns what the provider was asked."""
    until = time.monotonic() + CALM_SECONDS * SLACK
    while True:
        requests = stage.world.requests()
        open_now = [request["model"] for request in requests if request["ended"] is None]
        busy = {node.pid: gauges for node in stage.world.nodes() if (gauges := _not_idle(node.quietly("gauges")))}
        if not open_now and not busy:
            return requests
        if time.monotonic() > until:
            found.broken.append(f"LEAK after {CALM_SECONDS * SLACK} s: {busy}, upstream {open_now}")
            return requests
        gevent.sleep(0.1)


def _not_idle(gauges: dict[str, int] | None) -> dict[str, int]:
    names = ("connections", "generations", "tails", "logs", "pending")
    return {name: gauges[name] for name in names if gauges[name]} if gauges else {}


def _nothing_left(found: Findings, stage: Stage, database: Database) -> None:
    until = time.monotonic() + CALM_SECONDS * SLACK
    while (left := database.leftovers(stage.world.kind.processes)) and time.monotonic() < until:
        gevent.sleep(0.1)
    found.expect(not left, f"FINAL left in the database: {json.dumps(left)}")


def _brief(data: bytes | bytearray) -> str:
    text = bytes(data)
    return repr(text) if len(text) < 80 else f"{text[:35]!r}…{text[-35:]!r} ({len(text)})"


def _difference(received: bytes, stored: bytes) -> str:
    same = next((k for k, (a, b) in enumerate(zip(received, stored, strict=False)) if a != b), None)
    same = min(len(received), len(stored)) if same is None else same
    begin = max(0, same - 20)
    return (
        f"from byte {same} on: received {received[begin : same + 40]!r} ({len(received)} in all),"
        f" stored {stored[begin : same + 40]!r} ({len(stored)})"
    )
