"""Many sockets, one look."""

import contextlib
import time

import gevent
import gevent.socket
import pytest

from macrochat.providers import poller as module
from macrochat.providers.poller import MAX_TICK_SECONDS, TICK_SECONDS, PlainPoller, WaitTimeout, poller
from tests.support.patience import Stopwatch

only_epoll = pytest.mark.parametrize("one", ["epoll"], indirect=True)


@pytest.fixture(params=["epoll", "plain"])
def one(request):
    return poller() if request.param == "epoll" else PlainPoller()


@pytest.fixture
def pair(one):
    """Our end, registered, and the other."""
    ours, theirs = gevent.socket.socketpair()
    ours.settimeout(0)
    one.register(ours.fileno())
    yield ours, theirs
    with contextlib.suppress(OSError):
        one.unregister(ours.fileno())
    ours.close()
    theirs.close()


def test_what_is_there_already_is_read_at_once(one, pair):
    ours, theirs = pair
    gevent.sleep(2 * TICK_SECONDS)
    theirs.send(b"a")
    watch = Stopwatch()
    one.wait(ours.fileno(), 30, lambda: ours.recv(1) == b"a")
    assert watch.seconds < TICK_SECONDS


def test_silence_ends_in_a_time_out_and_harms_nothing(one, pair):
    ours, theirs = pair
    watch = Stopwatch()
    with pytest.raises(WaitTimeout):
        one.wait(ours.fileno(), 0.1, lambda: True)
    assert watch.seconds < 1.2
    assert watch.wall_seconds >= 0.1
    theirs.send(b"a")
    one.wait(ours.fileno(), 30, lambda: ours.recv(1) == b"a")


@only_epoll
def test_a_process_that_slept_looks_before_it_says_that_the_peer_was_silent(one, pair):
    """Both are due in the same turn of the loop: what there is to read goes first."""
    ours, theirs = pair

    def sleep_too_long():
        theirs.send(b"a")
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            pass

    gevent.spawn_later(0.05, sleep_too_long)
    one.wait(ours.fileno(), 0.2, lambda: ours.recv(1) == b"a")


def test_unregistering_resumes_who_waits(one, pair):
    ours, _theirs = pair
    waiting = gevent.spawn(one.wait, ours.fileno(), 30, lambda: True)
    gevent.sleep(0.02)
    one.unregister(ours.fileno())
    waiting.join(30)
    assert isinstance(waiting.exception, OSError)
    one.register(ours.fileno())


def test_a_greenlet_may_be_killed_while_it_waits(one, pair):
    ours, theirs = pair
    waiting = gevent.spawn(one.wait, ours.fileno(), 30, lambda: pytest.fail("nobody waits any more"))
    gevent.sleep(0.02)
    waiting.kill()
    theirs.send(b"a")
    gevent.sleep(0.05)
    one.wait(ours.fileno(), 30, lambda: ours.recv(1) == b"a")


def test_it_waits_until_it_is_told_that_it_is_done(one, pair):
    ours, theirs = pair
    heard = []

    def done():
        heard.append(ours.recv(10))
        return heard[-1] == b"c"

    waiting = gevent.spawn(one.wait, ours.fileno(), 1.5, done)
    for piece in (b"a", b"b", b"c"):  # longer in all than the time-out, which is of silence
        gevent.sleep(0.6)
        assert not waiting.dead
        theirs.send(piece)
    waiting.get(timeout=30)
    assert heard == [b"a", b"b", b"c"]


def test_what_the_reading_raises_is_raised_where_it_was_waited_for(one, pair):
    ours, theirs = pair
    theirs.send(b"a")
    with pytest.raises(ZeroDivisionError):
        one.wait(ours.fileno(), 30, lambda: 1 / 0)
    one.wait(ours.fileno(), 30, lambda: ours.recv(1) == b"a")


@only_epoll
def test_data_that_nobody_wants_does_not_keep_the_process_busy(pair, one, monkeypatch):
    ours, theirs = pair
    theirs.send(b"a")
    gevent.sleep(0.1)
    ticks = []
    monkeypatch.setattr(one, "_tick", lambda tick=one._tick: (ticks.append(1), tick()))
    gevent.sleep(0.2)
    assert not ticks
    one.wait(ours.fileno(), 30, lambda: ours.recv(1) == b"a")


def test_a_hundred_sockets_are_read_in_few_ticks(monkeypatch):
    one, count = poller(), 100
    pairs = [gevent.socket.socketpair() for _ in range(count)]
    ticks, heard = [], []

    def read(sock):
        sock.settimeout(0)
        one.register(sock.fileno())
        for _ in range(10):
            one.wait(sock.fileno(), 30, lambda: True)
            heard.append(sock.recv(1))
        one.unregister(sock.fileno())

    readers = [gevent.spawn(read, ours) for ours, _theirs in pairs]
    original = module.Poller._tick
    monkeypatch.setattr(module.Poller, "_tick", lambda self: (ticks.append(1), original(self)))
    for _ in range(10):
        for _ours, theirs in pairs:
            theirs.send(b"x")
        gevent.sleep(2 * TICK_SECONDS)
    gevent.joinall(readers, timeout=30)
    for sock in (sock for two in pairs for sock in two):
        sock.close()
    assert len(heard) == 10 * count
    assert len(ticks) <= 200  # one look for each piece of news would make a thousand


def test_more_sockets_than_a_slice_are_read_one_slice_after_the_other(monkeypatch):
    monkeypatch.setattr(module, "SLICE", 4)
    one, count = poller(), 30
    pairs = [gevent.socket.socketpair() for _ in range(count)]
    heard = []

    def read(sock):
        sock.settimeout(0)
        one.register(sock.fileno())
        one.wait(sock.fileno(), 30, lambda: sock.recv(10) == b"x")
        heard.append(sock)
        one.unregister(sock.fileno())

    readers = [gevent.spawn(read, ours) for ours, _theirs in pairs]
    gevent.sleep(2 * TICK_SECONDS)
    for _ours, theirs in pairs:
        theirs.send(b"x")
    watch = Stopwatch()
    gevent.joinall(readers, timeout=30)
    assert watch.seconds < MAX_TICK_SECONDS
    assert len(heard) == count
    for sock in (sock for two in pairs for sock in two):
        sock.close()
