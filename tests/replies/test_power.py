"""What a loss of power may take on SQLite: of a reply that is being written the last second, and nothing of its end.

The harness cannot switch the machine off. It asks each connection, at the statement that decides, whether its commit will
wait for the disk (`PRAGMA synchronous`: 1 is NORMAL, 2 is FULL).
"""

import os
import uuid

import pytest
import sqlalchemy as sa
from gevent import monkey
from sqlalchemy.engine import Engine

from macrochat.replies.writing import takeover
from tests.replies.asking import new_chat
from tests.replies.hearing import tell
from tests.replies.workers import HELD, NOTICED, begin, crash
from tests.support import servers
from tests.support.processes import wait_until

NORMAL, FULL = 1, 2
thread = monkey.get_original("_thread", "get_ident")


@pytest.fixture
def waits():
    """By statement: for what its connection waits at its commit."""
    found = {}

    def look(connection, _cursor, statement, _parameters, _context, _many):
        raw = connection.connection.dbapi_connection
        if connection.dialect.name == "sqlite":
            found.setdefault(" ".join(statement.split()[:3]), set()).add(
                raw.execute("PRAGMA synchronous").fetchone()[0]
            )

    sa.event.listen(Engine, "before_cursor_execute", look)
    yield found
    sa.event.remove(Engine, "before_cursor_execute", look)


def test_an_end_waits_for_the_disk_and_text_does_not(alice, chat, waits):
    assert tell(alice, chat, "hello").data == b"hello"
    assert waits["UPDATE replies SET"] == {FULL}
    assert waits["INSERT INTO messages"] == {FULL}
    assert waits["INSERT INTO journal"] == {NORMAL}


def test_who_waits_for_the_disk_keeps_nobody_else_waiting(desk):
    here, there = thread(), desk.store.transact(lambda _connection: thread(), durable=True)
    assert here != there
    assert desk.store.transact(lambda _connection: thread()) == here


def test_with_the_setting_every_word_waits(run_app, provider, waits):
    with run_app(MACROCHAT_SQLITE_SYNCHRONOUS="full") as app:
        person = servers.register(app.test_client(), "ann@example.org")
        assert tell(person, new_chat(person), "hello").data == b"hello"
    assert waits["UPDATE replies SET"] == waits["INSERT INTO journal"] == {FULL}


def test_the_end_of_a_reply_that_cannot_go_on_waits_too(first, ada, ada_there, second, waits, monkeypatch):
    _chat, reply_id = begin(ada, model=HELD)
    ada.post(f"/api/replies/{reply_id}/stop")
    _chat, lost = begin(ada, model=HELD)
    monkeypatch.setattr(takeover, "task_for_orphan", lambda *asked: None)
    waits.clear()
    crash(first)
    wait_until(lambda: "UPDATE messages SET" in waits, NOTICED)
    wait_until(lambda: FULL in waits.get("UPDATE replies SET", ()), NOTICED, "its end")
    assert uuid.UUID(lost)


def test_a_long_reader_does_not_keep_text_from_the_disk(desk, monkeypatch):
    """A backup holds a checkpoint back, which then syncs nothing."""
    synced = []
    sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}")) or sync(number)
    )
    reply = desk.reply()
    with desk.store.engine.connect() as reader:
        reader.execute(sa.text("SELECT count(*) FROM replies"))
        desk.commit((reply, 0, b"hello"))
        desk.store.checkpoint()
    assert [path.endswith("-wal") for path in synced] == [True]
