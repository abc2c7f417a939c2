"""What the state machine of replies is played with: two applications on one database, and a model of a message."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent
import pytest
import sqlalchemy as sa

from macrochat.replies.journal import committed
from macrochat.replies.reading.bodies import BodyCut
from macrochat.replies.tables import replies, workers
from macrochat.replies.trace import parts
from tests.replies.puppet import Puppet
from tests.support.patience import Stopwatch
from tests.support.registries import exchange_registry

MACHINES = (0, 1)
PATIENCE_SECONDS = 10.0


@dataclass
class Message:
    """The model of a message and its reply. `takeovers` counts since a person last asked; `parts` are (kind, text)."""

    chat: str
    text: str
    key: str
    id: str = ""
    status: str = "streaming"
    said: str = ""
    parts: list[tuple[str, str]] = field(default_factory=list)
    owner: int = 0
    takeovers: int = 0
    attempts: int = 1
    again: bool = False  # another answer to a question that had one
    silent_since_takeover: bool = False
    taken_over: bool = False  # since a person last asked
    hurried: bool = False

    def add(self, kind: str, text: str = "") -> None:
        """Neighbours of a kind are one."""
        if self.parts and self.parts[-1][0] == kind != "restart":
            text = self.parts.pop()[1] + text
        self.parts.append((kind, text))

    def begin_step_again(self) -> None:
        """What only thought begins anew."""
        if self.parts and self.parts[-1][0] == "reasoning":
            self.add("restart")


@dataclass
class Chat:
    """`shown` are the messages whose answers the chat shows, one a question."""

    id: str
    messages: list[Message] = field(default_factory=list)
    shown: list[Message] = field(default_factory=list)

    @property
    def running(self) -> Message | None:
        return next((message for message in self.messages if message.status == "streaming"), None)

    def begin(self, message: Message) -> None:
        """What runs is shown; of two answers to the last question the one that runs."""
        if self.shown and self.shown[-1].text == message.text:
            self.shown[-1] = message
        elif message not in self.messages:
            self.shown.append(message)
        if message not in self.messages:
            self.messages.append(message)

    def settle(self) -> None:
        """An answer that ended without a word or a thought gives its place to the newest other one that said something."""
        last = self.shown[-1] if self.shown else None
        if last and last.status != "streaming" and not last.parts:
            others = [message for message in self.messages if message.text == last.text and message.said]
            self.shown[-1:] = others[-1:] or [last]


class Machine:
    """One application with its engine room, and a client signed in as the only person there is."""

    def __init__(self, app: Any, puppet: Puppet, client: Any) -> None:
        self.app, self.client = app, client
        exchange_registry(app, puppet)
        self.room = app.extensions["macrochat"]
        self.room.start()

    def crash_and_boot(self) -> uuid.UUID:
        """Everything it was doing is gone, and nothing of it told to anybody. Returns the dead worker's id."""
        dead = self.room.worker.id
        self.room.stop()
        self.room.worker.generations.clear()
        self.room.start()
        return dead  # type: ignore[no-any-return]

    def parts_of(self, reply_id: str, trace_bytes: int) -> list[tuple[str, str]] | None:
        """What is stored of a reply, merged; None while it is more than was told."""
        with self.room.store.engine.connect() as connection:
            text = committed.read(connection, uuid.UUID(reply_id))
        if text is None or len(text.trace) != trace_bytes:
            return None
        return [(part["type"], part.get("text", "")) for part in parts(text.data.decode(), text.trace)]

    def owner_of(self, reply_id: str) -> uuid.UUID | None:
        query = sa.select(replies.c.owner).where(replies.c.id == uuid.UUID(reply_id))
        with self.room.store.engine.connect() as connection:
            return connection.execute(query).scalar()

    def expire(self, worker: uuid.UUID) -> None:
        """Lets the time pass after which a silent worker counts as dead; looks around at once."""
        late = sa.update(workers).where(workers.c.id == worker).values(fenced=True)
        self.room.store.transact(lambda connection: connection.execute(late))
        self.room.takeover.sweep()


def body(answer: Any, *, clean: bool) -> bytes:
    """All of a final reply's bytes. The body is cut at its end unless the reply ended well."""
    pieces = []
    with pytest.raises(BodyCut) if not clean else contextlib.nullcontext():
        for piece in answer.iter_encoded():
            pieces.append(piece)  # noqa: PERF402 - what came before the cut counts
    return b"".join(pieces)


def expected(message: Message) -> tuple[Any, ...]:
    if message.status == "deleted":
        return ("deleted",)
    text = message.said.encode()
    return message.status, len(text), hashlib.sha256(text).hexdigest(), message.attempts, message.parts


def wait_for(condition: Callable[[], Any], what: Callable[[], str] = str) -> Any:
    """The first true value of `condition`. Raises AssertionError, with `what()`, when it does not come."""
    watch = Stopwatch()
    while not (value := condition()):
        assert watch.wall_seconds < PATIENCE_SECONDS or watch.seconds < PATIENCE_SECONDS, what()
        gevent.sleep(0.005)
    return value
