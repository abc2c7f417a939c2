"""Signing in. alice knows her password; everybody else learns nothing."""

import statistics
import time

import pytest

from macrochat.accounts import passwords
from macrochat.accounts.models import BrowserSession, User
from macrochat.extensions import db
from tests.support.servers import PASSWORD

EMAIL = "alice@example.org"


def sign_in(client, email=EMAIL, password=PASSWORD):
    return client.post("/api/auth/login", json={"email": email, "password": password})


def cookie_of(client):
    return client.get_cookie("macrochat_session").value


def test_the_right_password_signs_in(app, alice):
    client = app.test_client()
    answer = sign_in(client)
    assert answer.status_code == 200
    assert answer.get_json()["data"]["user"]["id"] == alice.user["id"]
    assert client.get("/api/users/me").status_code == 200


def test_case_and_outer_space_of_the_email_do_not_matter(app, alice):
    for email in ["ALICE@example.org", "  alice@EXAMPLE.org\n"]:
        assert sign_in(app.test_client(), email).status_code == 200, email


def test_a_password_fits_however_its_characters_are_composed(app):
    app.test_client().post("/api/auth/register", json={"email": EMAIL, "password": "motörhead"})
    assert sign_in(app.test_client(), password="moto\u0308rhead").status_code == 200


def test_w56_a_wrong_password_and_an_unknown_email_get_the_same_answer(app, alice):
    wrong = sign_in(app.test_client(), password="not the password")
    unknown = sign_in(app.test_client(), email="nobody@example.org")
    assert wrong.status_code == unknown.status_code == 401
    assert {k: v for k, v in wrong.get_json().items() if k != "requestId"} == {
        k: v for k, v in unknown.get_json().items() if k != "requestId"
    }
    assert wrong.get_json()["code"] == "INVALID_CREDENTIALS"
    assert set(wrong.headers.keys()) == set(unknown.headers.keys())


def test_whatever_is_wrong_one_password_is_computed(app, alice, monkeypatch):
    """By number, not by clock: what a sign-in costs tells nobody whether there is such an account."""
    computed = []
    compute = passwords._compute

    def count(function, *args):
        computed.append(function)
        return compute(function, *args)

    monkeypatch.setattr(passwords, "_compute", count)
    for email in (EMAIL, "nobody@example.org", "", "no email at all", "x" * 1000):
        for path, send in (("/api/auth/login", "json"), ("/login", "data")):
            computed.clear()
            answer = app.test_client().post(path, **{send: {"email": email, "password": "wrong"}})
            assert (answer.status_code, computed) == (401, [passwords._verify]), (path, email)
    with app.app_context():
        db.session.execute(db.update(User).values(is_active=False))
        db.session.commit()
    computed.clear()
    assert sign_in(app.test_client()).status_code == 401
    assert computed == [passwords._verify]


def test_an_unknown_email_takes_as_long_as_a_wrong_password(app, alice):
    client = app.test_client()

    def seconds(email):
        began = time.process_time()  # of the hash's thread too, and not of what else the machine runs
        assert sign_in(client, email, "not the password").status_code == 401
        return time.process_time() - began

    pairs = [(seconds(EMAIL), seconds("nobody@example.org")) for _ in range(7)]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert 0.6 < known / unknown < 1.6


def test_what_could_not_be_an_account_is_just_wrong(client):
    for email in ["", "not an email", "x" * 900, "alice@example.org' OR '1'='1", "%", "\u202e"]:
        assert sign_in(client, email).status_code == 401, email


def test_somebody_shut_out_is_refused_in_the_same_words(app, alice):
    with app.app_context():
        db.session.execute(db.update(User).values(is_active=False))
        db.session.commit()
    answer = sign_in(app.test_client())
    assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_CREDENTIALS")
    assert alice.get("/api/users/me").status_code == 401


def test_a_failed_attempt_leaves_the_signed_in_browser_as_it_was(alice):
    assert sign_in(alice, password="not the password").status_code == 401
    assert alice.get("/api/users/me").status_code == 200


def test_signing_in_again_replaces_the_session(app, alice):
    old = cookie_of(alice)
    assert sign_in(alice).status_code == 200
    assert cookie_of(alice) != old
    thief = app.test_client()
    thief.set_cookie("macrochat_session", old)
    assert thief.get("/api/users/me").status_code == 401


@pytest.mark.parametrize("meanwhile", [{"password_hash": "another"}, {"is_active": False}, None])
def test_what_ends_all_sessions_is_not_survived_by_one_that_is_just_being_made(app, alice, monkeypatch, meanwhile):
    """The old password is found right; then alice changes it, or is shut out, or leaves; then the session is begun."""
    verify = passwords.verify

    def verify_and_then(*args):
        fits = verify(*args)
        change = db.update(User).values(**meanwhile) if meanwhile else db.delete(User)
        with db.engine.begin() as other_request:
            other_request.execute(change)
        return fits

    monkeypatch.setattr(passwords, "verify", verify_and_then)
    thief = app.test_client()
    assert sign_in(thief).status_code == 401
    assert thief.get("/api/users/me").status_code == 401


def test_w46_the_cookie_is_for_http_only_and_sent_once(app, alice):
    answer = sign_in(app.test_client())
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Expires=" in cookie
    assert "Set-Cookie" not in alice.get("/api/users/me").headers


def test_over_https_the_cookie_is_secure(app, alice):
    answer = app.test_client().post(
        "/api/auth/login", json={"email": EMAIL, "password": PASSWORD}, base_url="https://chat.example.org"
    )
    assert "Secure" in answer.headers["Set-Cookie"]


def test_the_table_holds_no_token_that_could_be_used(app, alice):
    with alice.session_transaction() as session:
        token = session["token"]
    with app.app_context():
        row = db.session.scalar(db.select(BrowserSession))
    assert token.encode() not in row.token_sha256
    assert len(row.token_sha256) == 32


def test_a_hash_of_weaker_parameters_is_made_anew(app, alice, monkeypatch):
    weak = passwords.argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD.encode())
    with app.app_context():
        db.session.execute(db.update(User).values(password_hash=weak))
        db.session.commit()
    assert sign_in(app.test_client()).status_code == 200
    with app.app_context():
        stored = db.session.scalar(db.select(User.password_hash))
    assert stored != weak
    assert not passwords.is_outdated(stored)
    assert sign_in(app.test_client()).status_code == 200


def test_a_broken_hash_fits_no_password(app, alice):
    for stored in ["", "!", "$argon2id$v=19$garbage", "x" * 255]:
        with app.app_context():
            db.session.execute(db.update(User).values(password_hash=stored))
            db.session.commit()
        assert sign_in(app.test_client()).status_code == 401, stored
