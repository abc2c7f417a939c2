"""Hypothesis drives two machines on one database through sends, stops, retries, deletions and crashes, and compares

them after every step with a model of the rules that is small enough to be read.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from macrochat.replies.writing.takeover import MAX_TAKEOVERS
from tests.replies.puppet import MODEL, Line, Puppet
from tests.replies.two_machines import MACHINES, Chat, Machine, Message, body, expected, wait_for
from tests.support.servers import PASSWORD, register


class Rules(RuleBasedStateMachine):
    """The test below gives it its machines."""

    machines: tuple[Machine, Machine]
    puppet: Puppet

    chats = Bundle("chats")
    messages = Bundle("messages")
    machine = st.sampled_from(MACHINES)

    def client(self, machine: int) -> Any:
        return self.machines[machine].client

    # What people do

    @initialize(target=chats, machine=machine)
    def open_first_chat(self, machine: int) -> Chat:
        return self.open_chat(machine)

    @precondition(lambda self: len(self.all) > 2)
    @rule(target=chats, machine=machine)
    def open_another_chat(self, machine: int) -> Chat:
        return self.open_chat(machine)

    def open_chat(self, machine: int) -> Chat:
        answer = self.client(machine).post("/api/chats", json={})
        chat = Chat(answer.get_json()["data"]["id"])
        self.open_chats[chat.id] = chat
        return chat

    @rule(target=messages, chat=chats, machine=machine)
    def send(self, chat: Chat, machine: int) -> Message:
        number = next(self.numbers)
        message = Message(chat.id, f"{chat.id} {number}", f"key-{number}", owner=machine)
        return self.begin(chat, message, machine)

    @rule(target=messages, chat=chats, machine=machine)
    def regenerate(self, chat: Chat, machine: int) -> Message:
        """Another answer to the last question. Until it has a word, nothing of the old one is lost."""
        if not chat.shown:
            return self.send(chat, machine)
        number = next(self.numbers)
        message = Message(chat.id, chat.shown[-1].text, f"key-{number}", owner=machine, again=True)
        return self.begin(chat, message, machine)

    @rule(message=messages, machine=machine)
    def send_again(self, message: Message, machine: int) -> None:
        """The same key attaches to the same reply; a reply that failed before its first word is tried once more.

        The key of a question leads to its newest answer.
        """
        answer = self.ask(message, machine)
        if not message.again:
            message = [one for one in self.all if one.text == message.text][-1]
        if self.is_gone(message, answer):
            return
        retried = message.status == "failed" and not message.said
        if retried and self.busy(message):
            assert answer.status_code == 409
            return
        assert answer.status_code == 200
        assert answer.headers["X-Reply-Id"] == message.id
        assert answer.headers["Idempotent-Replayed"] == "true"
        if retried:
            self.runs_again(message, machine)

    @rule(message=messages, machine=machine)
    def send_other_words_with_the_same_key(self, message: Message, machine: int) -> None:
        if message.again:
            return
        answer = self.ask(message, machine, text="something else")
        if self.is_gone(message, answer):
            return
        assert (answer.status_code, answer.get_json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")

    @rule(message=messages, machine=machine)
    def stop(self, message: Message, machine: int) -> None:
        answer = self.client(machine).post(f"/api/replies/{message.id}/stop")
        if self.is_gone(message, answer):
            return
        if message.status == "streaming":
            message.status = "stopped"
        assert answer.status_code == 200
        assert answer.get_json()["data"]["status"] == message.status

    @rule(message=messages, machine=machine)
    def go_on(self, message: Message, machine: int) -> None:
        """Continue: only what ended early, and only while nothing else runs in the chat."""
        answer = self.client(machine).post(f"/api/replies/{message.id}/continue")
        answer.close()
        if self.is_gone(message, answer):
            return
        if message.status in ("streaming", "complete") or self.busy(message):
            assert answer.status_code == 409
        else:
            assert answer.status_code == 200
            self.runs_again(message, machine)

    @rule(message=messages, machine=machine, data=st.data())
    def read(self, message: Message, machine: int, data: st.DataObject) -> None:
        """From any byte, at any machine: what was said so far, and the end only if there is one."""
        text = message.said.encode()
        offset = data.draw(st.integers(0, len(text) + 1))
        answer = self.client(machine).get(f"/api/replies/{message.id}/stream?offset={offset}")
        if self.is_gone(message, answer):
            return
        if offset > len(text):
            assert answer.status_code == 416
        elif message.status == "streaming":
            answer.close()
            assert answer.status_code == 200
        else:
            assert body(answer, clean=message.status in ("complete", "stopped")) == text[offset:]

    @precondition(lambda self: len(self.all) > 3)
    @rule(chat=consumes(chats), machine=machine)
    def delete_chat(self, chat: Chat, machine: int) -> None:
        assert self.client(machine).delete(f"/api/chats/{chat.id}").status_code == 200
        del self.open_chats[chat.id]
        for message in chat.messages:
            message.status = "deleted"

    # What models do

    @rule(message=messages, words=st.integers(1, 3))
    def say(self, message: Message, words: int) -> None:
        if message.status == "streaming":
            text = "".join(f"{next(self.numbers):04} é " for _ in range(words))
            self.line(message).say(text)
            message.said += text
            message.add("text", text)
            message.silent_since_takeover = False

    @rule(message=messages, pieces=st.integers(1, 3))
    def think(self, message: Message, pieces: int) -> None:
        if message.status == "streaming":
            for _ in range(pieces):
                text = f"hm {next(self.numbers):04} é "
                self.line(message).think(text)
                message.add("reasoning", text)
            message.silent_since_takeover = False

    @rule(message=messages, machine=machine)
    def answer_now(self, message: Message, machine: int) -> None:
        """A model that has not said a word is asked again, once, to think no more."""
        self.settle()
        answer = self.client(machine).post(f"/api/replies/{message.id}/answer-now")
        if self.is_gone(message, answer):
            return
        if message.status != "streaming" or message.said:
            assert (answer.status_code, answer.get_json()["code"]) == (409, "CANNOT_HURRY")
            return
        assert answer.status_code == 200
        if not message.hurried:
            message.hurried = True
            message.add("restart")
            message.silent_since_takeover = message.taken_over
            wait_for(lambda: (line := self.puppet.line_for(message.text)) and line.request.hurried)

    @rule(message=messages)
    def finish(self, message: Message) -> None:
        if message.status == "streaming":
            self.line(message).finish()
            message.status = "complete"

    @rule(message=messages)
    def fail(self, message: Message) -> None:
        """After a takeover a provider that says nothing before it fails is asked again: it may be away for a moment."""
        if message.status != "streaming":
            return
        line = self.line(message)
        line.fail()
        if message.silent_since_takeover:
            wait_for(lambda: self.puppet.line_for(message.text) not in (None, line))
        else:
            message.status = "failed"

    @rule(chat=chats, machine=machine)
    def refuse(self, chat: Chat, machine: int) -> None:
        """A refusal before the first word is the answer to the send, and the message is kept."""
        if chat.running:
            return
        number = next(self.numbers)
        message = Message(chat.id, f"{chat.id} {number}", f"key-{number}", status="failed", owner=machine)
        self.puppet.refusing = True
        answer = self.ask(message, machine)
        self.puppet.refusing = False
        assert answer.status_code == 502
        message.id = answer.headers["X-Reply-Id"]
        self.remember(chat, message)

    # What machines do

    @precondition(lambda self: any(message.status == "streaming" for message in self.all))
    @rule(machine=machine)
    def crash(self, machine: int) -> None:
        """Whatever it wrote goes on at the other machine, or in its own next life, whoever is faster.

        What was taken over too often ends as interrupted.
        """
        self.settle()
        dead = self.machines[machine].crash_and_boot()
        other = 1 - machine
        self.machines[other].expire(dead)
        for message in self.all:
            if message.status == "streaming" and message.owner == machine:
                message.owner = wait_for(lambda message=message: self.owners(message))[0]
                message.takeovers += 1
                message.attempts += 1
                message.silent_since_takeover = message.taken_over = True
                if message.takeovers <= MAX_TAKEOVERS:
                    message.begin_step_again()
                if message.takeovers > MAX_TAKEOVERS:
                    message.status = "interrupted"

    # What is always true

    @invariant()
    def both_machines_tell_the_same_truth(self) -> None:
        self.settle()
        for message, machine in itertools.product(self.all, MACHINES):
            assert self.told(message, machine) == expected(message)

    @invariant()
    def each_message_is_stored_once(self) -> None:
        for message in self.all:
            if message.status != "deleted":
                found = self.client(0).get(f"/api/chats/{message.chat}").get_json()["data"]["messages"]
                assert [m["content"] for m in found].count(message.text) <= 1

    @invariant()
    def the_answers_that_said_something_are_shown(self) -> None:
        for chat in self.open_chats.values():
            chat.settle()
            found = self.client(0).get(f"/api/chats/{chat.id}").get_json()["data"]["messages"]
            answers = [(m["id"], m["content"]) for m in found if m["role"] == "assistant"]
            assert answers == [(message.id, message.said) for message in chat.shown]

    @invariant()
    def the_model_talks_only_to_replies_that_run(self) -> None:
        for text in {message.text for message in self.all}:
            running = any(message.status == "streaming" for message in self.all if message.text == text)
            wait_for(lambda text=text, running=running: bool(self.puppet.line_for(text)) == running)

    def teardown(self) -> None:
        for message in self.all:
            if message.status == "streaming":
                self.client(0).post(f"/api/replies/{message.id}/stop")

    # Parts

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Message] = []
        self.open_chats: dict[str, Chat] = {}
        self.numbers = itertools.count(1)

    def ask(self, message: Message, machine: int, text: str = "") -> Any:
        body = {"messages": [{"role": "user", "content": text or message.text}], "model": MODEL}
        body |= {"trigger": "regenerate-message"} if message.again else {}
        headers = {"Idempotency-Key": message.key}
        answer = self.client(machine).post(f"/api/chats/{message.chat}/stream", json=body, headers=headers)
        answer.close()
        return answer

    def begin(self, chat: Chat, message: Message, machine: int) -> Message:
        """What runs in the chat then: this message's reply, or an earlier one."""
        answer = self.ask(message, machine)
        if chat.running:
            assert (answer.status_code, answer.get_json()["code"]) == (409, "CHAT_BUSY")
            return chat.running
        assert answer.status_code == 200
        message.id = answer.headers["X-Reply-Id"]
        self.remember(chat, message)
        return message

    def remember(self, chat: Chat, message: Message) -> None:
        chat.begin(message)
        self.all.append(message)

    def busy(self, message: Message) -> bool:
        """Whether another reply runs in the message's chat."""
        return any(m.chat == message.chat and m.status == "streaming" for m in self.all)

    def runs_again(self, message: Message, machine: int) -> None:
        message.status, message.owner, message.takeovers = "streaming", machine, 0
        message.attempts += 1
        message.silent_since_takeover = message.taken_over = message.hurried = False
        message.begin_step_again()
        self.open_chats[message.chat].begin(message)
        assert self.line(message).prefix == message.said

    def is_gone(self, message: Message, answer: Any) -> bool:
        """What was in a deleted chat does not exist, whatever is asked of it."""
        if message.status == "deleted":
            assert answer.status_code == 404
        return message.status == "deleted"

    def line(self, message: Message) -> Line:
        """The open answer to a message that runs."""
        return wait_for(lambda: self.puppet.line_for(message.text))  # type: ignore[no-any-return]

    def owners(self, message: Message) -> list[int]:
        """Whichever of the machines owns it; none while it is still a dead worker's."""
        owner = self.machines[0].owner_of(message.id)
        return [number for number, machine in enumerate(self.machines) if machine.room.worker.id == owner]

    def told(self, message: Message, machine: int) -> tuple[Any, ...]:
        answer = self.client(machine).get(f"/api/replies/{message.id}")
        if answer.status_code == 404:
            return ("deleted",)
        facts = answer.get_json()["data"]
        parts = self.machines[machine].parts_of(message.id, facts["trace"]["bytes"])
        return facts["status"], facts["bytes"], facts["sha256"], facts["attempts"], parts

    def settle(self) -> None:
        """Lets all that was said and done arrive in the database."""
        for message in self.all:
            wait_for(partial(self.agrees, message), partial(self.difference, message))

    def agrees(self, message: Message) -> bool:
        return self.told(message, 0) == expected(message)

    def difference(self, message: Message) -> str:
        return f"{message}: told {self.told(message, 0)}, expected {expected(message)}"


@pytest.fixture
def machines(make_app, database_url):
    # Hypothesis thinks in the same event loop, for seconds on a busy machine: leases end only when the rules say so.
    settings = {"MACROCHAT_MAX_STREAMS_PER_USER": "1000", "MACROCHAT_LEASE_SECONDS": "60"}
    apps = [make_app(database_url, **settings) for _ in MACHINES]
    puppet = Puppet()
    clients = [apps[0].test_client()]
    register(clients[0], "alice@example.org")
    clients.append(apps[1].test_client())
    login = clients[1].post("/api/auth/login", json={"email": "alice@example.org", "password": PASSWORD})
    assert login.status_code == 200
    found = tuple(Machine(app, puppet, client) for app, client in zip(apps, clients, strict=True))
    yield found
    for machine in found:
        machine.room.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_machines_keep_the_rules(machines):
    class Bound(Rules):
        pass

    Bound.machines = machines
    Bound.puppet = machines[0].app.extensions["macrochat.registry"]
    run_state_machine_as_test(Bound, settings=SETTINGS)


SETTINGS = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # a failure waits ten seconds: made smaller, it would only be seen as a time-out
)
