"""SQLite under the event loop: nothing waits on it."""

import sqlite3
import uuid
from pathlib import Path

import gevent
import pytest

from macrochat.replies.journal.store import Fenced, Store
from tests.support.patience import Stopwatch


@pytest.fixture
def store(make_app, sqlite_url):
    store = Store(make_app(sqlite_url).config["SETTINGS"])
    yield store
    store.close()


@pytest.fixture
def other(sqlite_url):
    """Another process's connection."""
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    yield connection
    connection.close()


def longest_gap(seconds):
    """The longest time for which the loop did not turn, in seconds."""
    longest, whole = 0.0, Stopwatch()
    while whole.wall_seconds < seconds:
        turn = Stopwatch()
        gevent.sleep(0.002)
        longest = max(longest, turn.seconds)
    return longest


@pytest.mark.parametrize("what", ["commit", "transact"])
def test_another_process_s_write_is_waited_for_without_blocking(store, other, what):
    calls = {"commit": lambda: store.commit(uuid.uuid4(), 1, []), "transact": lambda: store.transact(lambda _: 7)}
    other.execute("BEGIN IMMEDIATE")
    waiting = gevent.spawn(calls[what])
    assert longest_gap(0.5) < 0.2
    assert not waiting.dead
    other.execute("COMMIT")
    if what == "commit":  # of a worker that is not registered
        with pytest.raises(Fenced):
            waiting.get(timeout=30)
    else:
        assert waiting.get(timeout=30) == 7


def test_the_log_goes_back_into_the_database_only_at_a_checkpoint(store, sqlite_url):
    def fill(connection):
        connection.exec_driver_sql("CREATE TABLE filler (data BLOB)")
        connection.exec_driver_sql("INSERT INTO filler VALUES (randomblob(8000000))")

    file = Path(sqlite_url.removeprefix("sqlite:///"))
    store.transact(fill)
    assert file.stat().st_size < 8_000_000
    store.checkpoint()
    assert file.stat().st_size > 8_000_000
