"""From a log to a socket, without a greenlet of its own."""

import uuid

import gevent
import gevent.socket
import pytest
from gevent.event import Event

from macrochat.replies.journal.logs import READ_BYTES, Log
from macrochat.replies.reading.sender import Sender
from tests.support.patience import Stopwatch


class Line:
    """A log, a sender of it, and the client's end of the socket."""

    def __init__(self, text=b"", position=0, buffer=None):
        self.ours, self.theirs = gevent.socket.socketpair()
        if buffer:
            self.ours.setsockopt(gevent.socket.SOL_SOCKET, gevent.socket.SO_SNDBUF, buffer)
        self.log, self.wake = Log(uuid.uuid4(), text), Event()
        self.sender = Sender(self.ours, self.log, position, self.wake)
        self.log.readers.add(self.sender)

    def hear(self, size=1 << 20, seconds=1.0):
        """What the client has received by now, its chunks taken apart."""
        self.theirs.settimeout(seconds)
        return chunks(self.theirs.recv(size))

    def close(self):
        self.log.readers.clear()
        self.sender.close()
        self.ours.close()
        self.theirs.close()


def chunks(data):
    found = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        assert data[length : length + 2] == b"\r\n"
        found.append(data[:length])
        data = data[length + 2 :]
    return found


@pytest.fixture
def line():
    lines = []

    def make(*arguments, **options):
        lines.append(Line(*arguments, **options))
        return lines[-1]

    yield make
    for made in lines:
        made.close()


def test_each_commit_is_one_chunk_sent_before_grow_returns(line):
    one = line()
    one.log.grow(b"hello ")
    assert one.hear() == [b"hello "]
    one.log.grow("wörld".encode())
    assert one.hear() == ["wörld".encode()]
    assert not one.sender.finished
    one.log.finish("complete")
    assert one.sender.finished
    assert one.wake.is_set()


def test_it_begins_at_any_byte(line):
    one = line("größer".encode(), position=3)
    one.sender.set()
    assert b"".join(one.hear()) == "größer".encode()[3:]


def test_a_slow_reader_holds_an_offset_and_gets_every_byte(line):
    text = bytes(range(256)) * 16384  # 4 MiB
    one = line(text, buffer=4096)
    one.sender.set()
    assert one.wake.is_set()  # somebody should count the seconds
    assert one.sender.blocked_since is not None
    one.log.grow(b"more")
    one.log.finish("complete")
    assert not one.sender.finished
    received = bytearray()

    def read():
        while not received.endswith(b"more\r\n"):
            received.extend(one.theirs.recv(1 << 16))

    gevent.spawn(read).join(10)
    assert b"".join(chunks(bytes(received))) == text + b"more"
    assert one.sender.finished


def test_a_long_log_does_not_hold_everybody_up(line):
    one = line(bytes(20 * READ_BYTES))
    reader = gevent.spawn(lambda: [one.theirs.recv(1 << 20) for _ in range(3)])
    watch = Stopwatch()
    one.sender.set()
    assert watch.seconds < 0.5
    assert one.sender.position < 20 * READ_BYTES
    reader.kill()


def test_a_client_that_is_gone_is_noticed_and_harms_nobody(line):
    one, other = line(), line()
    one.log.readers.add(Sender(other.ours, one.log, 0, other.wake))
    one.theirs.close()
    for _ in range(3):
        one.log.grow(b"x")
        gevent.sleep(0)
    assert one.sender.gone
    assert one.wake.is_set()
    assert other.hear() == [b"x", b"x", b"x"]


def test_nothing_new_sends_nothing(line):
    one = line(b"abc", position=3)
    one.sender.set()
    with pytest.raises(TimeoutError):
        one.hear(seconds=0.05)
