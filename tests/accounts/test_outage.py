"""When the database is away, a signed-in person is told so: they are not signed out."""

import pytest
import sqlalchemy as sa

from macrochat.accounts import credentials, guard
from macrochat.extensions import db
from tests.support.patience import Stopwatch


def broken(*_args, **_more):
    raise sa.exc.OperationalError("SELECT secret", {}, Exception("could not connect to 10.0.0.7"))


@pytest.fixture
def outage(alice, monkeypatch):
    monkeypatch.setattr(guard, "find_session", broken)
    monkeypatch.setattr(guard, "find_key", broken)
    return alice


def test_the_api_says_503_and_when_to_come_back(outage):
    for headers in ({}, {"X-API-KEY": "mck_x"}):
        answer = outage.get("/api/users/me", headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert answer.headers["Retry-After"] == "2"
        assert "SELECT" not in answer.text
        assert "10.0.0.7" not in answer.text


def test_pages_say_so_too_instead_of_asking_to_sign_in(outage):
    answer = outage.get("/")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"] == "2"


def test_the_cookie_survives(outage, monkeypatch):
    outage.get("/api/users/me")
    monkeypatch.undo()
    assert outage.get("/api/users/me").status_code == 200


def test_a_database_that_only_reads_keeps_nobody_out(app, alice, monkeypatch):
    monkeypatch.setattr(credentials, "SEEN_EVERY", credentials.dt.timedelta(0))
    monkeypatch.setattr(credentials.database, "write", broken)
    assert alice.get("/api/users/me").status_code == 200


def test_no_connection_is_held_after_who_calls_is_known(app, alice):
    """Five slow bodies must not use up the five connections."""
    with app.test_request_context("/api/users/me", headers={"Cookie": f"macrochat_session={cookie(alice)}"}):
        app.preprocess_request()
        with db.engine.connect():
            assert db.engine.pool.checkedout() == 1


def test_an_exhausted_pool_is_an_outage(app, alice):
    held = [db_connection(app) for _ in range(5)]
    watch = Stopwatch()
    answer = alice.get("/api/users/me")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert watch.seconds < 4
    for connection in held:
        connection.close()
    assert alice.get("/api/users/me").status_code == 200


def db_connection(app):
    with app.app_context():
        return db.engine.connect()


def cookie(client):
    return client.get_cookie("macrochat_session").value
