"""Connections: closed at once when an answer is not wanted any more, used again when it was read to its end."""

import gevent
import psutil
import pytest

from macrochat.errors import UpstreamUnreachable
from macrochat.providers.base import CompletionRequest
from tests.providers.conftest import PATIENCE, QUESTION
from tests.support.processes import wait_until


class Stopped(Exception):
    """What a caller may throw into the greenlet that reads."""


def request(model):
    return CompletionRequest(f"scripted-{model}", QUESTION)


def read_to_the_end(completion, pieces):
    try:
        for piece in completion:
            pieces.append(piece)
    finally:
        completion.close()


@pytest.mark.parametrize("model", ["stall:2", "endless:10"])
def test_closing_ends_a_blocked_read_at_once(provider, upstream, model):
    list(provider.open(request("words:3")))  # the event loop's own files are open from now on
    before = psutil.Process().num_fds()
    completion, pieces = provider.open(request(model)), []
    reader = gevent.spawn(read_to_the_end, completion, pieces)
    wait_until(lambda: b"".join(pieces).startswith(b"w0 w1 "))
    with gevent.Timeout(PATIENCE / 2):  # what ends these reads is the closing, not the provider's own time-out
        completion.close()
        with pytest.raises(UpstreamUnreachable) as raised:
            reader.get()
    assert raised.value.code == "UPSTREAM_CLOSED"
    upstream.expect_closed()
    upstream.expect_no_more_connections()
    wait_until(lambda: psutil.Process().num_fds() <= before)


@pytest.mark.parametrize("model", ["silent", "slow-first:30000", "hold"])
@pytest.mark.parametrize("exception", [gevent.GreenletExit, Stopped])
def test_an_exception_thrown_in_while_opening_closes_the_connection(provider, upstream, model, exception):
    opening = gevent.spawn(provider.open, request(model))
    upstream.wait_for_request()
    with gevent.Timeout(PATIENCE / 2):
        opening.kill(exception)
    assert opening.dead
    assert isinstance(opening.exception or opening.value, exception)
    upstream.expect_closed()
    upstream.expect_no_more_connections()


@pytest.mark.parametrize("exception", [gevent.GreenletExit, Stopped])
def test_an_exception_thrown_in_while_reading_closes_the_connection(provider, upstream, exception):
    completion, pieces = provider.open(request("stall:2")), []
    reader = gevent.spawn(read_to_the_end, completion, pieces)
    wait_until(lambda: b"".join(pieces) == b"w0 w1 ")
    with gevent.Timeout(PATIENCE / 2):
        reader.kill(exception)
    upstream.expect_closed()
    upstream.expect_no_more_connections()


def test_an_exception_thrown_in_while_connecting_leaves_no_socket(scripted_providers, full_listener):
    before = psutil.Process().num_fds()
    connecting = gevent.spawn(scripted_providers(url=full_listener).open, request("echo"))
    gevent.sleep(0.1)
    connecting.kill(Stopped)
    assert isinstance(connecting.exception, Stopped)
    wait_until(lambda: psutil.Process().num_fds() == before)


def test_an_answer_that_is_left_early_closes_the_connection(provider, upstream):
    for _piece in provider.open(request("endless:1")):
        break  # the generator is dropped, as by a `for` that ends early
    upstream.expect_closed()


def test_an_answer_that_is_never_read_can_be_closed(provider, upstream):
    provider.open(request("endless:1")).close()
    upstream.expect_closed()


def test_closing_twice_is_closing(provider):
    completion = provider.open(request("stall:0"))
    completion.close()
    completion.close()
    with pytest.raises(UpstreamUnreachable, match="closed"):
        list(completion)


def test_closing_after_the_end_does_not_hurt_the_next_answer(provider):
    first = provider.open(request("words:3"))
    assert b"".join(first) == b"w0 w1 w2 "
    second = provider.open(request("words:20:5"))
    first.close()
    assert len(b"".join(second).split()) == 20


@pytest.mark.parametrize("model", ["words:3", "bytes:50000", "no-done", "status:401"])
def test_a_connection_whose_answer_was_read_to_its_end_is_used_again(ask, upstream, model):
    for _ in range(3):
        ask(model)
    assert len({seen["connection"] for seen in upstream.requests}) == 1


@pytest.mark.parametrize("model", ["stall:1", "cut:1", "garbage", "html", "silent"])
def test_a_connection_with_an_unfinished_answer_is_never_used_again(ask, hasty, upstream, model):
    ask(model, of=hasty)
    ask("words:3", of=hasty)
    first, second = upstream.requests
    assert first["connection"] != second["connection"]


def test_a_hundred_answers_in_all_ways_leave_nothing_open(ask, upstream, provider):
    before = psutil.Process().num_fds()
    for _ in range(10):
        for model in ("words:3", "cut:1", "garbage", "status:500", "html", "empty", "error-event:1", "close-delimited"):
            ask(model)
        provider.open(request("endless:1")).close()
        gevent.spawn(provider.open, request("hold")).kill()
    upstream.expect_no_more_connections()
    wait_until(lambda: psutil.Process().num_fds() <= before + 1)  # at most one idle connection more


def test_a_fast_answer_leaves_room_for_others(scripted_providers, provider):
    """Reading data that is there already does not yield by itself."""
    turns = []

    def count():
        while True:
            turns.append(1)
            gevent.sleep(0)

    counter = gevent.spawn(count)
    list(provider.open(request("bytes:1000000")))
    counter.kill()
    assert len(turns) > 50
