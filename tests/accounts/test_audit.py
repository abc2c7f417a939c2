"""What is written down about sign-ins and keys, and what never is."""

import pytest
import structlog

from tests.support.servers import PASSWORD


@pytest.fixture
def lines(app):
    """What the application logs from here on, one dictionary a line."""
    with structlog.testing.capture_logs() as captured:
        yield captured


def events(lines):
    return [line["event"] for line in lines]


def test_a_sign_in_is_noted_with_user_and_session(app, alice, lines):
    app.test_client().post("/api/auth/login", json={"email": "alice@example.org", "password": PASSWORD})
    line = next(line for line in lines if line["event"] == "signed in")
    assert line["user_id"] == alice.user["id"]
    assert "session_id" in line


def test_a_sign_out_is_noted_once(alice, lines):
    alice.post("/api/auth/logout")
    alice.post("/api/auth/logout")
    assert [line["user_id"] for line in lines if line["event"] == "signed out"] == [alice.user["id"]]


def test_a_failed_sign_in_is_noted_without_the_address_or_the_password(app, alice, lines):
    client = app.test_client()
    for email in ("alice@example.org", "ALICE@example.org", "bob@example.org"):
        client.post("/api/auth/login", json={"email": email, "password": "my secret guess"})
    hashes = [line["email_hash"] for line in lines if line["event"] == "sign-in failed"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert {line["address"] for line in lines if line["event"] == "sign-in failed"} == {"127.0.0.1"}
    assert "alice@" not in str(lines).lower()
    assert "my secret guess" not in str(lines)


def test_a_key_that_nobody_has_is_noted_with_the_caller_s_address_and_without_the_key(client, lines):
    for headers in ({"X-API-KEY": "sk-somebodys-openai-key"}, {"Authorization": "Bearer mck_mistyped"}):
        client.get("/api/users/me", headers=headers)
    assert [line["address"] for line in lines if line["event"] == "api key refused"] == ["127.0.0.1"] * 2
    assert "openai" not in str(lines)
    assert "mistyped" not in str(lines)


def test_keys_passwords_and_the_end_are_noted_without_secrets(app, alice, lines):
    made = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]
    alice.delete(f"/api/keys/{made['id']}")
    alice.post("/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": "another good one"})
    alice.post("/api/auth/password", json={"currentPassword": "wrong one", "newPassword": "another good one"})
    alice.delete("/api/users/me", json={"password": "another good one"})
    keys, passwords = ["api key created", "api key revoked"], ["password changed", "confirmation failed"]
    assert events(lines) == [*keys, *passwords, "account deleted"]
    for secret in (made["key"], PASSWORD, "another good one", "wrong one"):
        assert secret not in str(lines)


def test_accounts_and_the_ends_of_sessions_are_noted_with_their_ids(app, lines):
    person = app.test_client()
    body = {"email": "carol@example.org", "password": PASSWORD}
    user_id = person.post("/api/auth/register", json=body).get_json()["data"]["user"]["id"]
    other = app.test_client()
    other.post("/api/auth/login", json=body)
    [first] = [row["id"] for row in person.get("/api/sessions").get_json()["data"] if not row["current"]]
    person.delete(f"/api/sessions/{first}")
    person.post("/api/auth/logout-all")
    noted = [line for line in lines if line.get("module") == "audit" or "user_id" in line]
    assert events(noted) == ["account created", "signed in", "signed in", "session revoked", "all sessions revoked"]
    assert {line["user_id"] for line in noted} == {user_id}
    assert noted[3]["session_id"] == first
    assert PASSWORD not in str(lines)
    assert "carol@" not in str(lines)


def test_no_line_holds_a_cookie_or_a_token(app, alice, lines):
    with alice.session_transaction() as session:
        token = session["token"]
    cookie = alice.get_cookie("macrochat_session").value
    for path in ("/api/users/me", "/api/nothing", "/settings", "/api/chats?page=0"):
        alice.get(path)
    alice.post("/api/auth/logout")
    assert token not in str(lines)
    assert cookie not in str(lines)
