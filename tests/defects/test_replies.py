"""Defects of the original on the way of a reply that no other test is named after."""

import itertools

import gevent
import pytest

from macrochat.replies.reading.bodies import BodyCut
from tests.access.rules import CREDENTIALS
from tests.support.answers import data_of

SESSION = CREDENTIALS[0]


@pytest.fixture
def alice(world):
    """Asks alice's server: `alice("POST", path, json=…)`; her line to the provider stays open until it is ended."""
    world.renew()
    world.provider.holding = True
    headers = world.headers(SESSION)

    def ask(method, path, **more):
        return world.client.open(path, method=method, headers=headers, **more)

    ask.chat = str(world.people["alice"].chat)
    ask.send = lambda: ask(
        "POST", f"/api/chats/{ask.chat}/stream", json={"messages": [{"role": "user", "content": "hi"}]}
    )
    yield ask
    world.end_replies()
    world.settle()


def heard(answer):
    """The body's bytes, and whether it was cut."""
    pieces = []
    try:
        pieces.extend(answer.response)
    except BodyCut:
        return b"".join(pieces), True
    return b"".join(pieces), False


def test_w02_a_providers_error_is_neither_swallowed_nor_called_success(world, alice):
    answer = alice.send()
    world.provider.lines[-1].fail()
    assert heard(answer) == (b"An answer.", True)
    status = data_of(alice("GET", f"/api/replies/{answer.headers['X-Reply-Id']}"))
    assert (status["status"], status["finishReason"]) == ("failed", None)
    assert status["error"]["code"] == "UPSTREAM_INTERRUPTED"


def test_w03_what_came_before_a_break_is_kept(world, alice):
    answer = alice.send()
    world.provider.lines[-1].fail()
    heard(answer)
    [*_earlier, last] = data_of(alice("GET", f"/api/chats/{alice.chat}"))["messages"]
    assert (last["content"], last["metadata"]["bytes"]) == ("An answer.", 10)


def test_w10_the_first_word_waits_for_nobody_but_the_model(world, alice):
    """One question to the provider, and the word is in the body while the provider says no more."""
    before = len(world.provider.lines)
    answer = alice.send()
    with gevent.Timeout(30):
        assert b"".join(itertools.islice(answer.response, 2)).startswith(b"An answer.")
    assert len(world.provider.lines) == before + 1
    answer.close()
