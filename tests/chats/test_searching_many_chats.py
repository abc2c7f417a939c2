"""A search through very many titles does not keep the others of the process waiting."""

import time
import uuid

import gevent
import sqlalchemy as sa

from macrochat.chats.models import Chat
from macrochat.database import new_id, now
from macrochat.extensions import db
from tests.support.answers import body_of

COUNT = 40_000


def test_the_event_loop_goes_on_while_sqlite_looks_through_titles(app, newcomer):
    moment, owner = now(), uuid.UUID(newcomer.user["id"])
    titles = (f"Über Nummer {number}" for number in range(COUNT))
    rows = [
        {"id": new_id(), "user_id": owner, "title": title, "created_at": moment, "updated_at": moment}
        for title in titles
    ]
    with app.app_context(), db.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(sa.insert(Chat.__table__), rows)
    turns, watching = [], True

    def watch():
        while watching:
            turns.append(time.monotonic())
            gevent.sleep(0.001)

    watcher = gevent.spawn(watch)
    gevent.sleep(0.01)
    began = time.monotonic()
    found = body_of(newcomer.get("/api/chats?q=%C3%BCBER%20nummer%2039999"))
    took = time.monotonic() - began
    watching = False
    watcher.join()
    assert [row["title"] for row in found["data"]] == ["Über Nummer 39999"]
    assert found["meta"]["total"] == 1
    turns = [turn for turn in turns if began <= turn <= began + took]
    assert len(turns) >= 3, f"the loop had {len(turns)} turns in {took:.2f} s"
    assert body_of(newcomer.get("/api/chats?q=%25"))["data"] == [], "a wildcard is a letter like others"
