"""The migrations make the tables that the models describe, on both databases, whole or not at all, one at a time."""

import sqlite3
import subprocess
import threading
from contextlib import closing

import flask_migrate
import gevent
import psycopg2
import pytest
import sqlalchemy as sa
from gevent.monkey import get_original

from macrochat import postgresql
from macrochat.extensions import db
from tests.support.patience import Stopwatch
from tests.support.processes import ROOT, clean_environment
from tests.support.servers import BIN, SECRET_KEY

ADVISORY_LOCK = 0x6D6163726F  # migrations/env.py
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def empty(databases):
    """A factory of databases without tables."""
    made = []

    def create(kind):
        made.append((kind, databases(kind).empty()))
        return made[-1][1]

    yield create
    for kind, url in made:
        databases(kind).drop(url)


def flask_db(*arguments, url):
    return subprocess.run(
        [BIN / "flask", "db", *arguments],
        cwd=ROOT,
        env=clean_environment(DATABASE_URL=url, SECRET_KEY=SECRET_KEY),
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_nothing_is_left_to_autogenerate(make_app, database_url):
    app = make_app(database_url)
    with app.app_context():
        flask_migrate.check()


def test_the_tables_are_those_of_the_models(make_app, database_url):
    with make_app(database_url).app_context():
        tables = set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}
        assert tables == set(db.metadata.tables)


@BOTH
def test_down_and_up_again(make_app, empty, kind):
    with make_app(empty(kind)).app_context():
        flask_migrate.upgrade()
        flask_migrate.downgrade(revision="base")
        assert set(sa.inspect(db.engine).get_table_names()) == {"alembic_version"}
        flask_migrate.upgrade()


@BOTH
def test_two_releases_at_once_both_succeed(empty, kind):
    url, outcomes = empty(kind), []
    runs = [threading.Thread(target=lambda: outcomes.append(flask_db("upgrade", url=url))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [outcome.returncode for outcome in outcomes] == [0, 0], [outcome.stderr for outcome in outcomes]


@BOTH
def test_only_one_reply_of_a_chat_may_be_streaming(make_app, kind, request):
    url = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    with make_app(url).app_context():
        found = {index["name"]: index for index in sa.inspect(db.engine).get_indexes("replies")}
    index = found["uq_replies_one_streaming_per_chat"]
    assert index["unique"]
    assert "streaming" in str(index["dialect_options"][f"{kind}_where"])


def test_a_migration_that_orphans_rows_is_undone(make_app, sqlite_url, caplog):
    """SQLite's foreign keys are off while tables are made anew, so the check before the commit must catch this."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM alembic_version")
        connection.execute("CREATE TABLE orphan (user_id CHAR(32) REFERENCES users(id))")
        connection.execute("INSERT INTO orphan VALUES ('nobody')")
    connection.close()
    with make_app(sqlite_url).app_context():
        with pytest.raises(SystemExit):
            flask_migrate.stamp()
        assert "left rows without the row they refer to" in caplog.text
        assert db.session.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 0


def test_a_migration_outlives_the_applications_time_limits(make_app, postgres_url, monkeypatch):
    """Statements of the application may take one second here; a migration that waits four for another goes through."""
    monkeypatch.setattr(postgresql, "STATEMENT_SECONDS", 1)
    monkeypatch.setitem(postgresql.LIMITS, "statement_timeout", "1s")
    with make_app(postgres_url).app_context(), closing(psycopg2.connect(postgres_url)) as other_release:
        other_release.cursor().execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
        # A real thread: a migration waits in C, without gevent.
        gevent.get_hub().threadpool.spawn(lambda: (get_original("time", "sleep")(4), other_release.close()))
        watch = Stopwatch()
        flask_migrate.stamp()
        assert watch.wall_seconds > 3
