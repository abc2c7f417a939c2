"""One message, its reply, and everybody who reads it – as clients that come back by offset, and note what they got."""

from __future__ import annotations

import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import gevent

from tests.chaos import http1
from tests.chaos.lanes import Lanes
from tests.chaos.world import Person, World

FINAL = ("complete", "stopped", "failed", "interrupted")
SILENCE_SECONDS = 4.0  # after so much silence a reader asks another worker, as our browser client does
PAUSE_SECONDS = 0.15


@dataclass
class Segment:
    """What one body brought: `data` from byte `offset` on, and how the body ended (http1)."""

    offset: int
    data: bytearray = field(default_factory=bytearray)
    end: str | None = None

    @property
    def until(self) -> int:
        return self.offset + len(self.data)


class Talk:
    """`text` is unlike any other message's, and the model repeats it: so every byte can be told from others'."""

    def __init__(self, world: World, rng: random.Random, person: Person, model: str, words: int, until: float) -> None:
        self.world, self.rng, self.person, self.model = world, rng, person, model
        mark = uuid.UUID(int=rng.getrandbits(128)).hex[:9]
        self.text = " ".join(f"{mark}-{number}" + rng.choice(("", "é", "😀", "中")) for number in range(words))
        self.words = words
        self.key = uuid.UUID(int=rng.getrandbits(128)).hex
        self.until = until  # on time.monotonic's clock: the bound of HANG
        self.chat_id = ""
        self.reply_id: str | None = None
        self.acknowledged = False
        self.stops: list[float] = []  # when somebody asked for the end (time.time)
        self.stops_granted: list[float] = []  # when that was answered, by the status of a reply
        self.gone = False  # its chat or user was deleted by the scenario
        self.retries = True  # a refusal of the provider makes its client try again
        self.answers: list[tuple[str, int, str | None]] = []  # what, status, code
        self.segments: list[Segment] = []
        self.lanes = Lanes(self)
        self.broken: list[str] = []
        self.continued = False
        self.ended: dict[str, Any] | None = None  # the newest final status object that anybody saw

    @property
    def thinks(self) -> bool:
        return "thinks" in self.model

    @property
    def expected(self) -> bytes:
        return self.text.encode()

    @property
    def heard(self) -> int:
        return max((segment.until for segment in self.segments), default=0)

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until

    # Doing

    def open_chat(self) -> Talk:
        answer = self.call("POST", "/api/chats", body={"title": f"chaos {self.key[:8]}"})
        if answer.status != 201:
            raise AssertionError(f"no chat: {answer.status} {answer.body()!r}")
        self.chat_id = answer.json()["data"]["id"]
        return self

    def send(self, port: int) -> None:
        """Sends until it is acknowledged (always with the same key), and reads the reply to its end."""
        while not self.over and not self.gone:
            answer = self.post(port)
            if answer is not None and answer.status == 200:
                self.acknowledged = True
                self.listen(answer, 0)
                self.follow(self.segments[-1].until)
                return
            if answer is not None and not self._try_again(answer):
                return
            gevent.sleep(PAUSE_SECONDS)
            port = self.world.any_port(self.rng)
        if not self.gone:
            self.broken.append("HANG a message could not be sent in time")

    def post(self, port: int) -> http1.Answer | None:
        """One request to send. None when no answer came."""
        try:
            answer = http1.Answer(self.ask(port))
        except http1.NoAnswer as none:
            self.answers.append(("send", 0, none.how))
            return None
        self.answers.append(("send", answer.status, None if answer.status == 200 else answer.code))
        if answer.status == 200:
            if self.reply_id not in (None, answer.reply_id):
                self.broken.append(f"ONCE one key, two replies: {self.reply_id} and {answer.reply_id}")
            self.reply_id = answer.reply_id
            answer.be_patient_for(SILENCE_SECONDS)
        return answer

    def ask(self, port: int) -> Any:
        """Puts the request to send on its way; returns the socket. Raises NoAnswer."""
        return http1.ask(
            port,
            "POST",
            f"/api/chats/{self.chat_id}/stream",
            body={"messages": [{"role": "user", "content": self.text}], "model": self.model},
            headers=self.person.headers | {"Idempotency-Key": self.key},
            silence=15.0,
        )

    def follow(self, offset: int, port: int | None = None) -> None:
        """Reads from `offset` until the reply is final and read to its end, from one worker after the other."""
        while not self.over and not self.gone:
            status = self.status(port)
            if status is None:
                return
            if status["status"] in FINAL and offset >= status["bytes"]:
                return
            offset = self._read_on(offset, port or self.world.any_port(self.rng))
            port = None
        if not self.gone:
            self.broken.append(f"HANG a reader did not come to the end of {self.reply_id} in time")

    def listen(self, answer: http1.Answer, offset: int, most: int | None = None) -> Segment:
        """Notes what a body brings, up to `most` bytes. Checks that a clean end meant one."""
        segment = Segment(offset)
        self.segments.append(segment)
        for piece in answer.pieces():
            segment.data += piece
            if most is not None and len(segment.data) >= most:
                answer.reset()
                break
        segment.end = answer.end
        if segment.end == http1.CLEAN and not self.gone:
            self._check_clean_end(segment)
        return segment

    def status(self, port: int | None = None) -> dict[str, Any] | None:
        """The status object, asked for until somebody answers. None when there is no such reply (any more)."""
        while not self.over:
            try:
                answer = self.call("GET", f"/api/replies/{self.reply_id}", port=port)
            except http1.NoAnswer:
                answer = None
            if answer is not None and answer.status == 200:
                found: dict[str, Any] = answer.json()["data"]
                self._note(found)
                return found
            if answer is not None and answer.status in (401, 404):
                if not self.gone:
                    self.broken.append(f"SHOWN reply {self.reply_id} is not found: {answer.status}")
                return None
            port = None
            gevent.sleep(PAUSE_SECONDS)
        return None

    def stop(self, port: int) -> None:
        self.stops.append(time.time())
        what = f"replies/{self.reply_id}" if self.reply_id else f"chats/{self.chat_id}"
        try:
            answer = self.call("POST", f"/api/{what}/stop", port=port)
        except http1.NoAnswer:
            return
        if answer.status == 200 and (answer.json()["data"] or {}).get("id") == (self.reply_id or ""):
            self.stops_granted.append(time.time())

    def go_on(self) -> None:
        """Continues a reply that ended early, by hand, until that is granted, and reads the rest."""
        offset, self.continued, self.ended = self.ended["bytes"] if self.ended else 0, True, None
        while not self.over:
            try:
                answer = self.call("POST", f"/api/replies/{self.reply_id}/continue", silence=15.0)
            except http1.NoAnswer:
                answer = None
            if answer is not None and answer.status == 200:
                self.follow(self.listen(answer, offset).until)
                return
            if answer is not None and answer.status == 409:  # an earlier request, unanswered, has begun it
                self.follow(offset)
                return
            gevent.sleep(PAUSE_SECONDS)

    def call(
        self, method: str, path: str, *, port: int | None = None, body: Any = None, **options: Any
    ) -> http1.Answer:
        """Raises NoAnswer. An answer of 500 breaks an invariant: whatever is done to the server has a name."""
        port = port or self.world.any_port(self.rng)
        answer = http1.request(port, method, path, body=body, headers=self.person.headers, **options)
        if answer.status >= 400:
            self.answers.append((f"{method} {path.rsplit('/', 1)[-1]}", answer.status, answer.code))
        return answer

    # Parts

    def _read_on(self, offset: int, port: int) -> int:
        try:
            path = f"/api/replies/{self.reply_id}/stream?offset={offset}"
            answer = self.call("GET", path, port=port, silence=SILENCE_SECONDS)
        except http1.NoAnswer:
            gevent.sleep(PAUSE_SECONDS)
            return offset
        if answer.status == 200:
            return self.listen(answer, offset).until
        if answer.status == 416 and offset <= self.heard:
            self.broken.append(f"SHOWN byte {offset} was read, and is said to be beyond the end")
        gevent.sleep(PAUSE_SECONDS)
        return offset

    def _try_again(self, answer: http1.Answer) -> bool:
        if answer.status in (409, 429, 503):
            return True
        if answer.status in (502, 504):
            return self.retries
        if not (self.gone and answer.status in (401, 404)):
            self.broken.append(f"ONCE a send was refused: {self.answers[-1]}")
        return False

    def _check_clean_end(self, segment: Segment) -> None:
        status = self.status()
        if status is None:
            return
        if status["status"] not in ("complete", "stopped"):
            self.broken.append(f"TRUE a body ended cleanly, but the reply is {status['status']}")
        elif segment.until != status["bytes"]:
            self.broken.append(f"SHOWN a body ended cleanly at {segment.until} of {status['bytes']} bytes")

    def _note(self, status: dict[str, Any]) -> None:
        """Once final, always the same – unless the same message was sent again after a failure."""
        if status["status"] not in FINAL:
            if self.ended and self.ended["status"] in ("complete", "stopped"):
                self.broken.append(f"STABLE {self.ended['status']} became {status['status']}")
            return
        before = self.ended
        if before and before["status"] in ("complete", "stopped") and _essence(before) != _essence(status):
            self.broken.append(f"STABLE {_essence(before)} became {_essence(status)}")
        self.ended = status


def _essence(status: dict[str, Any]) -> tuple[Any, ...]:
    return status["status"], status["bytes"], status["sha256"], *status["trace"].values()
