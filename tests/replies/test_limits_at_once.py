"""Limits that count running replies count every way of starting one, however many are started at once."""

import gevent
import pytest

from macrochat.replies.models import STREAMING
from tests.replies.asking import messages_of, new_chat, question
from tests.replies.hearing import hear, post
from tests.replies.puppet import Puppet
from tests.support import servers
from tests.support.answers import data_of, refusal
from tests.support.registries import exchange_registry

MOST, TRIED = 2, 6


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(run_app, request):
    with run_app(request.param, MACROCHAT_MAX_STREAMS_PER_USER=str(MOST)) as app:
        registry = exchange_registry(app, Puppet())
        yield app
        exchange_registry(app, registry)


def send(alice, chat, reply_id):
    return post(alice, chat, question("hello"))


def continue_(alice, chat, reply_id):
    return alice.post(f"/api/replies/{reply_id}/continue")


def regenerate(alice, chat, reply_id):
    return post(alice, chat, question("hello", trigger="regenerate-message"))


def repeat(alice, chat, reply_id):
    """With the key of a send that failed before its first byte."""
    return post(alice, chat, question("hello"), Idempotency_Key="key")


@pytest.mark.parametrize("start", [send, continue_, regenerate, repeat])
def test_of_many_starts_at_once_as_many_run_as_may(app, start):
    puppet = app.extensions["macrochat.registry"]
    person = servers.register(app.test_client(), f"{start.__name__}@example.org")
    chats = [(chat, broken(person, chat, puppet, said=start is not repeat)) for chat in make_chats(person)]
    people = [signed_in(app, f"{start.__name__}@example.org") for _ in chats]
    jobs = [gevent.spawn(start, one, *chat) for one, chat in zip(people, chats, strict=True)]
    answers = [job.get(timeout=60) for job in jobs]
    assert sorted(answer.status_code for answer in answers) == [200] * MOST + [429] * (TRIED - MOST)
    for answer in answers:
        if answer.status_code == 429:
            refusal(answer, 429, "TOO_MANY_STREAMS")
    running = [m for chat, _ in chats for m in messages_of(person, chat) if m["metadata"].get("status") == STREAMING]
    assert len(running) == MOST
    for chat, _reply_id in chats:
        person.post(f"/api/chats/{chat}/stop")


def signed_in(app, email):
    """A client of the person's own: one that greenlets share would mix up its answers."""
    client = app.test_client()
    data_of(client.post("/api/auth/login", json={"email": email, "password": servers.PASSWORD}))
    return client


def make_chats(person):
    return [new_chat(person) for _ in range(TRIED)]


def broken(person, chat, puppet, *, said):
    """The id of a reply that failed, with a word or without."""
    running = post(person, chat, question("hello"), Idempotency_Key="key")
    if said:
        puppet.lines[-1].say("Hello")
    puppet.lines[-1].fail()
    hear(running)
    return running.headers["X-Reply-Id"]
