"""Signing out, and the list of browsers. A session that was ended is dead everywhere, in copies of its cookie too."""

import datetime as dt
import uuid

from macrochat.accounts import sessions
from macrochat.accounts.models import BrowserSession
from macrochat.database import new_id, now
from macrochat.extensions import db
from tests.support.servers import PASSWORD


def copy_of(app, client):
    """Another browser with the same cookie."""
    copy = app.test_client()
    copy.set_cookie("macrochat_session", client.get_cookie("macrochat_session").value)
    return copy


def another(app):
    client = app.test_client()
    client.post("/api/auth/login", json={"email": "alice@example.org", "password": PASSWORD})
    return client


def change(app, **values):
    with app.app_context():
        db.session.execute(db.update(BrowserSession).values(**values))
        db.session.commit()


def alive(client):
    return client.get("/api/users/me").status_code == 200


def test_signing_out_kills_copies_of_the_cookie(app, alice):
    copy = copy_of(app, alice)
    assert alive(copy)
    assert alice.post("/api/auth/logout").status_code == 200
    assert not alive(alice)
    assert not alive(copy)


def test_signing_out_leaves_other_browsers_alone(app, alice):
    other = another(app)
    alice.post("/api/auth/logout")
    assert alive(other)


def test_signing_out_twice_or_without_a_session_is_fine(alice, client):
    assert [alice.post("/api/auth/logout").status_code for _ in range(2)] == [200, 200]
    assert client.post("/api/auth/logout").status_code == 200


def test_signing_out_everywhere_kills_all_of_mine_and_none_of_anothers(app, alice, bob):
    other = another(app)
    answer = alice.post("/api/auth/logout-all")
    assert answer.get_json()["data"] == {"sessions": 2}
    assert not alive(alice)
    assert not alive(other)
    assert alive(bob)


def test_the_list_has_my_living_browsers_and_marks_this_one(app, alice, bob):
    other = another(app)
    mine = alice.get("/api/sessions").get_json()["data"]
    assert len(mine) == 2
    assert [row["current"] for row in mine].count(True) == 1
    assert "token" not in str(mine)
    other.post("/api/auth/logout")
    assert len(alice.get("/api/sessions").get_json()["data"]) == 1


def test_i_end_one_of_my_browsers(app, alice):
    other = another(app)
    victim = next(row["id"] for row in alice.get("/api/sessions").get_json()["data"] if not row["current"])
    assert alice.delete(f"/api/sessions/{victim}").status_code == 200
    assert not alive(other)
    assert alive(alice)
    assert alice.delete(f"/api/sessions/{victim}").status_code == 404


def test_a_stranger_cannot_end_my_browser_nor_learn_that_it_exists(alice, bob):
    mine = alice.get("/api/sessions").get_json()["data"][0]["id"]
    foreign, unknown = bob.delete(f"/api/sessions/{mine}"), bob.delete(f"/api/sessions/{new_id()}")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.get_json()["error"] == unknown.get_json()["error"]
    assert alive(alice)


def test_an_id_that_is_none_is_as_unknown_as_any(alice):
    for odd in ["x", "0", "..%2f", "%00", "a" * 5000, "{12345678-1234-1234-1234-123456789012}"]:
        answer = alice.delete(f"/api/sessions/{odd}")
        assert (answer.status_code, answer.is_json) == (404, True), odd


def test_a_session_ends_after_thirty_days(app, alice):
    with app.app_context():
        row = db.session.scalar(db.select(BrowserSession))
    assert dt.timedelta(days=29, hours=23) < row.expires_at - now() <= dt.timedelta(days=30)
    change(app, expires_at=now() - dt.timedelta(seconds=1))
    assert not alive(alice)


def test_dead_sessions_are_swept_out_at_the_next_sign_in(app, alice):
    change(app, expires_at=now() - dt.timedelta(days=1))
    another(app)
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(BrowserSession)) == 1


def test_the_last_use_is_noted_at_most_every_five_minutes(app, alice):
    def last_seen():
        with app.app_context():
            return db.session.scalar(db.select(BrowserSession.last_seen_at))

    before = last_seen()
    assert alive(alice)
    assert last_seen() == before
    long_ago = now() - dt.timedelta(minutes=6)
    change(app, last_seen_at=long_ago)
    assert alive(alice)
    assert now() - last_seen() < dt.timedelta(minutes=1)


def test_a_made_up_cookie_is_no_sign_in(client):
    for value in ["", "garbage", "a.b.c", "é" * 10, "x" * 4000, "eyJ0b2tlbiI6MX0.aaaaaa.bbbb"]:
        client.set_cookie("macrochat_session", value)
        answer = client.get("/api/users/me")
        assert (answer.status_code, answer.get_json()["code"]) == (401, "UNAUTHENTICATED"), value


def test_a_cookie_changed_by_one_character_is_no_sign_in(app, alice):
    value = alice.get_cookie("macrochat_session").value
    for position in (0, len(value) // 2, len(value) - 2):
        client = app.test_client()
        other = "A" if value[position] != "A" else "B"
        client.set_cookie("macrochat_session", value[:position] + other + value[position + 1 :])
        assert not alive(client)


def test_a_signed_cookie_with_odd_content_is_no_sign_in(client):
    for content in [{"token": 5}, {"token": None}, {"token": ["x"]}, {"token": "unknown"}, {"x": 1}]:
        with client.session_transaction() as session:
            session.clear()
            session.update(content)
        assert client.get("/api/users/me").status_code == 401, content


def test_another_applications_remember_cookie_does_not_get_in_the_way(alice):
    alice.set_cookie("remember_token", "5|0123456789")
    assert alive(alice)


def test_who_signs_in_once_too_often_ends_the_session_that_was_used_longest_ago(app, alice, bob, monkeypatch):
    monkeypatch.setattr("macrochat.accounts.sessions.MAX_SESSIONS", 3)
    second, third = another(app), another(app)
    with app.app_context():
        ids = db.session.scalars(db.select(BrowserSession.id).order_by(BrowserSession.id)).all()
        rows = [one for one in ids if one != db.session.scalar(of(bob))]
        for row, minutes in zip(rows, (1, 3, 2), strict=True):
            seen = now() - dt.timedelta(minutes=minutes)
            db.session.execute(db.update(BrowserSession).where(BrowserSession.id == row).values(last_seen_at=seen))
        db.session.commit()
    fourth = another(app)
    assert [alive(client) for client in (alice, second, third, fourth)] == [True, False, True, True]
    assert alive(bob)
    assert len(fourth.get("/api/sessions").get_json()["data"]) == 3


def of(client):
    user = uuid.UUID(client.user["id"])
    return db.select(BrowserSession.id).where(BrowserSession.user_id == user)


def test_a_hundred_sessions_of_one_person_live_at_once():
    assert sessions.MAX_SESSIONS == 100


def test_a_session_that_nobody_uses_for_two_weeks_is_over(app, alice):
    idle, used = another(app), another(app)
    day = dt.timedelta(days=1)
    change(app, last_seen_at=now() - 13 * day)
    assert alive(used), "and so it has two more weeks"
    with app.app_context():
        seen = BrowserSession.last_seen_at
        db.session.execute(db.update(BrowserSession).where(seen < now() - day).values(last_seen_at=now() - 14 * day))
        db.session.commit()
    assert not alive(idle)
    assert alive(used)
    assert len(used.get("/api/sessions").get_json()["data"]) == 1
    another(app)
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(BrowserSession)) == 2, "swept out"


def test_who_leaves_leaves_nothing_in_the_browser(app, alice):
    for method, path, body in [
        ("POST", "/api/auth/logout", {}),
        ("POST", "/api/auth/logout-all", {}),
        ("POST", "/logout", None),
        ("DELETE", "/api/users/me", {"password": PASSWORD}),
    ]:
        client = another(app)
        answer = client.open(path, method=method, json=body) if body is not None else client.post(path)
        assert answer.status_code < 400
        assert answer.headers["Clear-Site-Data"] == '"storage"', path
    assert "Clear-Site-Data" not in alice.get("/login").headers
