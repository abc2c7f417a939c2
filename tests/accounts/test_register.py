"""Signing up. alice wants an account; others want hers."""

import json

import gevent

from macrochat.accounts.models import User
from macrochat.extensions import db
from tests.support.servers import PASSWORD


def sign_up(client, **changes):
    body = {"email": "alice@example.org", "password": PASSWORD, "name": "Alice"} | changes
    text = json.dumps({k: v for k, v in body.items() if v is not None})
    return client.post("/api/auth/register", data=text, content_type="application/json")


def test_a_new_user_is_signed_in_and_sees_themselves(client):
    answer = sign_up(client)
    assert answer.status_code == 201
    user = answer.get_json()["data"]["user"]
    assert (user["email"], user["name"], user["isAdmin"]) == ("alice@example.org", "Alice", False)
    assert user["createdAt"].endswith("Z")
    me = client.get("/api/users/me").get_json()["data"]["user"]
    assert me["id"] == user["id"]
    assert me["lastLogin"] is not None


def test_the_password_is_kept_as_argon2id_and_never_shown(app, client):
    answer = sign_up(client)
    with app.app_context():
        stored = db.session.scalar(db.select(User.password_hash))
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in answer.text
    assert "argon2" not in client.get("/api/users/me").text


def test_the_name_may_be_left_out(client):
    assert sign_up(client, name=None).get_json()["data"]["user"]["name"] == ""


def test_an_email_is_taken_however_it_is_written(app, alice):
    stranger = app.test_client()
    for email in ["alice@example.org", "ALICE@Example.ORG", "  alice@example.org "]:
        answer = sign_up(stranger, email=email)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "EMAIL_TAKEN"), email
    assert stranger.get("/api/users/me").status_code == 401


def test_two_sign_ups_at_once_make_one_account(app):
    calls = [gevent.spawn(sign_up, app.test_client()) for _ in range(3)]
    statuses = sorted(call.get().status_code for call in calls)
    assert statuses == [201, 409, 409]
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 1


NO_EMAILS = [
    "", " ", "alice", "alice@", "@example.org", "alice@@example.org", "al ice@example.org", "alice@exa mple.org",
     "alice@-example.org", "alice@example..org", "alice@example.org\n.evil", "a" * 65 + "@example.org",
     "alice@" + "x" * 64 + ".org", "a@" + ".".join(["x" * 60] * 5), "alice\u200b@example.org", 5, True, ["a@b.c"], {},
]  # fmt: skip


def test_what_is_no_email_is_refused_by_name(client):
    for email in NO_EMAILS:
        answer = sign_up(client, email=email)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION_ERROR"), email
        assert [detail["field"] for detail in answer.get_json()["details"]] == ["email"], email


def test_unusual_emails_are_welcome(client):
    for email in ["o'hara+tag@mail.example.org", "jörg@exämple.de", "root@localhost", "用户@例子.公司"]:
        assert sign_up(client, email=email).status_code == 201, email


PASSWORDS = [
    ("", 400), ("1234567", 400), ("letter 8", 201), ("ä" * 8, 201), ("x" * 1024, 201),
     ("x" * 1025, 400), (12345678, 400), (None, 400),
]  # fmt: skip


def test_a_password_has_8_to_1024_characters_of_any_kind(client):
    for number, (password, status) in enumerate(PASSWORDS):
        answer = sign_up(client, email=f"{number}@example.org", password=password)
        assert answer.status_code == status, password


def test_texts_that_cannot_be_stored_are_refused_by_name(client):
    for field, value, code in [
        ("name", "Al\0ice", "TEXT_CONTAINS_NUL"),
        ("password", "correct\0horse", "TEXT_CONTAINS_NUL"),
        ("email", "alice\0@example.org", "TEXT_CONTAINS_NUL"),
        ("name", "Alice \ud83d", "TEXT_NOT_UNICODE"),
        ("password", "correct \udc00 horse", "TEXT_NOT_UNICODE"),
        ("name", "x" * 256, "VALIDATION_ERROR"),
    ]:
        answer = sign_up(client, **{field: value})
        assert (answer.status_code, answer.get_json()["code"]) == (400, code), field
        assert answer.get_json()["details"][0]["field"] == field


def test_missing_fields_are_all_named(client):
    answer = client.post("/api/auth/register", json={})
    assert {"field": "email", "error": "is required"} in answer.get_json()["details"]
    assert {"field": "password", "error": "is required"} in answer.get_json()["details"]


def test_a_closed_server_takes_nobody(make_app, sqlite_url):
    client = make_app(sqlite_url, MACROCHAT_REGISTRATION="closed").test_client()
    answer = sign_up(client)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "REGISTRATION_CLOSED")


# ZimengXiong/ExcaliDash#78
def test_the_pages_of_a_closed_server_offer_no_account_and_say_whom_to_ask(make_app, sqlite_url):
    client = make_app(sqlite_url, MACROCHAT_REGISTRATION="closed").test_client()
    door = client.get("/login").text
    assert "/register" not in door
    assert "Ask the person who runs this server for an account." in door
    form = {"email": "alice@example.org", "password": PASSWORD}
    pages = [client.get("/register"), client.post("/register", data=form), client.post("/register", data={"email": ""})]
    assert [page.status_code for page in pages] == [200, 403, 403]
    for page in pages:
        assert "<form" not in page.text
        assert "only the person who runs it makes accounts. Ask them" in page.text


def test_the_pages_of_an_open_server_offer_an_account(client):
    assert "/register" in client.get("/login").text
    assert 'name="email"' in client.get("/register").text


def test_nobody_makes_themselves_an_administrator(client):
    answer = client.post(
        "/api/auth/register", json={"email": "a@b.c", "password": PASSWORD, "isAdmin": True, "is_admin": True}
    )
    assert answer.get_json()["data"]["user"]["isAdmin"] is False
