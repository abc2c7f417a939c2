"""The real PgBouncer before PostgreSQL, in both pool modes: all of it works, and nothing of ours stays in its sessions."""

import contextlib
import subprocess

import psycopg2
import pytest

from macrochat.postgresql import LIMITS
from tests.support.answers import data_of
from tests.support.pgbouncer import PgBouncer
from tests.support.processes import ROOT, clean_environment
from tests.support.servers import BIN, SECRET_KEY

MODES = {"session": 20, "transaction": 3}  # sessions: 20 is PgBouncer's default, of 3 every session has many users


@pytest.fixture(scope="module", params=MODES)
def pooler(request, postgres):
    one = PgBouncer(postgres, request.param, MODES[request.param])
    one.mode = request.param
    yield one.start()
    one.delete()


def flask(*arguments, **settings):
    return subprocess.run(
        [BIN / "flask", *arguments],
        cwd=ROOT,
        env=clean_environment(SECRET_KEY=SECRET_KEY, MACROCHAT_LOCAL_MODEL="off", **settings),
        capture_output=True,
        text=True,
    )


def foreign_session(url):
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return contextlib.closing(connection)


# pgbouncer/pgbouncer#875
def test_everything_works_through_pgbouncer_and_leaves_nothing_in_its_sessions(pooler, databases, server):
    url = pooler.url(databases("postgresql").empty())
    migrated = flask("db", "upgrade", DATABASE_URL=url)
    assert migrated.returncode == 0, migrated.stderr
    site = server(database=url, workers=2, MACROCHAT_MODELS="scripted-words:5:10,scripted-echo")
    with site.anonymous() as probe:
        assert probe.get("/readyz").json()["checks"] == dict.fromkeys(
            ("worker", "database", "schema", "provider"), "ok"
        )
    person = site.client()
    for _ in range(3):
        chat = data_of(person.post("/api/chats", json={"model": "scripted-words:5:10"}), 201)
        body = {"messages": [{"role": "user", "content": "x"}]}
        answer = person.post(f"/api/chats/{chat['id']}/stream", json=body)
        assert answer.status_code == 200
        assert answer.text == person.get(f"/api/replies/{answer.headers['X-Reply-Id']}/stream").text
    if pooler.mode == "transaction":  # in the other one our sessions are ours until we hang up
        assert_untouched(url)
    site.stop()
    assert_untouched(url)


def assert_untouched(url):
    """Another client that gets one of our sessions finds it as PostgreSQL makes them."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(foreign_session(url)).cursor() for _ in range(3)]
        for session in sessions:
            session.execute("BEGIN")  # so that each keeps a session of its own
        for session in sessions:
            for name in LIMITS:
                session.execute("SELECT setting = reset_val FROM pg_settings WHERE name = %s", (name,))
                assert session.fetchone() == (True,), name
            session.execute("SELECT count(*) FROM pg_prepared_statements")
            assert session.fetchone() == (0,)
            session.execute("SELECT count(*) FROM pg_listening_channels()")
            assert session.fetchone() == (0,)
            session.execute("SELECT count(*) FROM pg_class WHERE relpersistence = 't'")
            assert session.fetchone() == (0,)
        sessions[0].execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert sessions[0].fetchone() == (0,)


def test_the_doctor_finds_nothing_wrong_with_a_pooler(pooler, databases, scripted):
    url = pooler.url(databases("postgresql").create())
    found = flask("doctor", DATABASE_URL=url, **scripted.settings)
    assert found.returncode == 0, found.stdout
