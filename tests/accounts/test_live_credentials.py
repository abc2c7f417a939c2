"""Who keeps a connection open asks again: which of these credentials would still be let in?"""

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa

from macrochat.accounts.credentials import Credential, live_credentials
from macrochat.accounts.models import ApiKey, BrowserSession, User
from macrochat.database import new_id, now
from macrochat.extensions import db
from tests.support.servers import PASSWORD


@pytest.fixture
def app(make_app, database_url):
    return make_app(database_url)


@pytest.fixture
def hers(alice):
    """alice's session and key."""
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["id"]
    session = alice.get("/api/sessions").get_json()["data"][0]["id"]
    return Credential("session", uuid.UUID(session)), Credential("key", uuid.UUID(key))


def change(app, table, **values):
    with app.app_context():
        db.session.execute(db.update(table).values(**values))
        db.session.commit()


def alive(app, *credentials):
    with app.app_context():
        return live_credentials(credentials)


def test_living_ones_are_alive_and_made_up_ones_are_not(app, hers):
    session, key = hers
    crossed = Credential("key", session.id), Credential("session", key.id)
    assert alive(app, *hers, *crossed, Credential("key", new_id())) == set(hers)
    assert alive(app) == set()


def test_an_ended_session_and_a_revoked_key_are_dead(app, alice, hers):
    alice.delete(f"/api/keys/{hers[1].id}")
    assert alive(app, *hers) == {hers[0]}
    alice.post("/api/auth/logout")
    assert alive(app, *hers) == set()


def test_expired_ones_are_dead(app, hers):
    change(app, BrowserSession, expires_at=now() - dt.timedelta(seconds=1))
    assert alive(app, *hers) == {hers[1]}
    change(app, ApiKey, expires_at=now() - dt.timedelta(seconds=1))
    assert alive(app, *hers) == set()


def test_those_of_somebody_shut_out_are_dead(app, hers):
    change(app, User, is_active=False)
    assert alive(app, *hers) == set()


def test_a_thousand_are_asked_about_in_two_queries(app, hers):
    many = [Credential(kind, new_id()) for _ in range(500) for kind in ("session", "key")]
    statements = []
    with app.app_context():
        sa.event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        assert live_credentials([*hers, *many]) == set(hers)
    assert len([text for text in statements if text.startswith("SELECT")]) == 2
