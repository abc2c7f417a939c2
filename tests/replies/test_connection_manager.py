"""StreamingConnectionManager (S43–S46; W17–W19): it knows every open body, and ends it with a reason."""

import uuid

import gevent
import pytest

from macrochat.replies.journal.logs import Log
from macrochat.replies.reading import bodies, followers
from macrochat.replies.reading.bodies import BodyCut, Connection, StreamingConnectionManager
from macrochat.replies.reading.followers import Follower


@pytest.fixture
def manager():
    return StreamingConnectionManager(limit=60)


@pytest.fixture
def log():
    """A reply that runs, of which five bytes are there."""
    return Log(uuid.uuid4(), b"hello")


@pytest.fixture
def closed(monkeypatch):
    """What is logged when a connection closes."""
    lines = []

    class Recorder:
        def debug(self, event, **fields):
            lines.append((event, fields))

    monkeypatch.setattr(bodies, "log_line", Recorder())
    return lines


def follower(manager, log, offset=0, **options):
    return Follower(manager, Connection(log.reply_id, uuid.uuid4(), None), offset, log, **options)


def begun(reader):
    """Its body, after the headers and the text that is there."""
    body = iter(reader)
    assert next(body) == b""
    assert next(body) == b"hello"
    return body


def rest(body):
    """Reads on; returns the bytes and why the body was cut (None: it came to its end)."""
    pieces = []
    try:
        pieces.extend(body)
    except BodyCut as cut:
        return b"".join(pieces), cut.reason
    return b"".join(pieces), None


def test_w19_an_open_body_is_counted_and_a_finished_one_is_not(manager, log):
    readers = [follower(manager, log) for _ in range(3)]
    assert manager.active_count == 0, "a body counts from its first byte on"
    bodies = [begun(reader) for reader in readers]
    assert manager.active_count == 3
    log.finish("complete")
    for body in bodies:
        assert rest(body) == (b"", None)
    assert manager.active_count == 0
    assert manager.connections() == []
    assert log.readers == set()


@pytest.mark.parametrize("status", ["complete", "stopped"])
def test_a_body_comes_to_its_end_when_its_reply_does(manager, log, status):
    reader = follower(manager, log)
    body = begun(reader)
    log.grow(b", world")
    log.finish(status)
    assert rest(body) == (b", world", None)
    assert reader.end == "finished"


@pytest.mark.parametrize("status", ["failed", "interrupted", "deleted"])
def test_any_other_status_cuts_the_body(manager, log, status):
    reader = follower(manager, log)
    body = begun(reader)
    log.finish(status)
    assert rest(body) == (b"", status)
    assert reader.end == status
    assert manager.active_count == 0


def test_a_body_is_cut_when_its_time_is_over_though_nothing_comes(log):
    manager = StreamingConnectionManager(limit=0.2)
    body = begun(follower(manager, log))
    with gevent.Timeout(30):
        assert rest(body) == (b"", "timeout")
    assert manager.active_count == 0


def test_a_body_is_cut_when_its_time_is_over_though_much_comes(log):
    manager = StreamingConnectionManager(limit=0.2)

    def write():
        while True:
            log.grow(b".")
            gevent.sleep(0.01)

    writer = gevent.spawn(write)
    body = begun(follower(manager, log))
    with gevent.Timeout(30):
        assert rest(body)[1] == "timeout"
    writer.kill()


def test_the_limit_is_five_minutes_unless_told(make_app, sqlite_url):
    assert make_app(sqlite_url).extensions["macrochat"].manager.limit == 300


@pytest.mark.parametrize(("reason", "expected"), [((), "manual"), (("timeout",), "timeout")])
def test_one_body_is_closed_by_its_id_with_a_reason(manager, log, reason, expected):
    first, second = follower(manager, log), follower(manager, log)
    bodies = begun(first), begun(second)
    manager.close(first.connection.id, *reason)
    assert rest(bodies[0]) == (b"", expected)
    assert manager.active_count == 1
    log.finish("complete")
    assert rest(bodies[1]) == (b"", None)


def test_the_first_reason_stands(manager, log):
    reader = follower(manager, log)
    body = begun(reader)
    manager.close(reader.connection.id, "revoked")
    manager.close(reader.connection.id, "shutdown")
    assert rest(body) == (b"", "revoked")


def test_closing_wakes_a_body_that_waits(manager, log):
    reader = follower(manager, log)
    waiting = gevent.spawn(rest, begun(reader))
    gevent.sleep(0)
    manager.close(reader.connection.id)
    assert waiting.get(timeout=30) == (b"", "manual")


def test_closing_what_has_ended_already_is_harmless(manager, log):
    reader = follower(manager, log)
    body = begun(reader)
    log.finish("complete")
    rest(body)
    manager.close(reader.connection.id)
    manager.close(123_456_789)
    assert reader.end == "finished"


def test_all_are_closed_at_shutdown(manager, log):
    bodies = [begun(follower(manager, log)) for _ in range(5)]
    manager.close_all()
    assert {rest(body) for body in bodies} == {(b"", "shutdown")}
    assert manager.active_count == 0
    manager.close_all()


def test_a_reader_that_goes_away_is_forgotten_at_once(manager, log):
    reader = follower(manager, log)
    body = begun(reader)
    body.close()
    assert (reader.end, manager.active_count, log.readers) == ("disconnected", 0, set())


def test_a_reader_that_takes_nothing_for_too_long_is_called_slow(manager, log, monkeypatch):
    monkeypatch.setattr(bodies, "SLOW_READER_SECONDS", 1.05)
    reader = follower(manager, log)
    body = begun(reader)
    gevent.sleep(0.1)
    body.close()
    assert reader.end == "slow_reader"


def test_silence_cuts_a_body_only_when_there_is_a_limit_to_it(manager, log):
    patient, impatient = follower(manager, log), follower(manager, log, silence_limit=0.2)
    bodies = begun(patient), begun(impatient)
    with gevent.Timeout(30):
        assert rest(bodies[1]) == (b"", "silence")
    assert manager.active_count == 1
    bodies[0].close()


def test_a_provider_that_thinks_is_not_silent(manager, log):
    """An empty piece of the journal is a sign of life, here and for readers on other workers."""
    body = begun(follower(manager, log, silence_limit=1.0))
    ended = gevent.spawn(rest, body)
    for _ in range(15):
        gevent.sleep(0.1)
        log.grow(b"")
    assert not ended.ready()
    with gevent.Timeout(30):
        assert ended.get() == (b"", "silence")


def test_a_silent_body_gives_signs_of_life(manager, log, monkeypatch):
    monkeypatch.setattr(followers, "TICK_SECONDS", 0.05)
    body = begun(follower(manager, log))
    assert [next(body), next(body)] == [b"", b""]
    body.close()


def test_every_end_is_logged_with_the_specification_s_fields(manager, log, closed):
    first, second = follower(manager, log), follower(manager, log)
    bodies = begun(first), begun(second)
    manager.close(first.connection.id)
    rest(bodies[0])
    log.finish("complete")
    rest(bodies[1])
    assert [(event, fields["reason"], fields["activeConnections"]) for event, fields in closed] == [
        ("streaming_connection_closed", "manual", 1),
        ("streaming_connection_closed", "finished", 0),
    ]
    assert closed[0][1]["connectionId"] == first.connection.id
