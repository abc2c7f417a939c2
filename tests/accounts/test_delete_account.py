"""Leaving: the account and all it owns are gone at once."""

from macrochat.accounts import service
from macrochat.accounts.models import ApiKey, BrowserSession, User
from macrochat.chats.models import Chat
from macrochat.extensions import db
from tests.support.servers import PASSWORD


def leave(client, password=PASSWORD):
    return client.delete("/api/users/me", json={"password": password})


def rows(app, *tables):
    with app.app_context():
        return [db.session.scalar(db.select(db.func.count()).select_from(table)) for table in tables]


def test_nothing_of_alice_is_left_and_all_of_bob(app, alice, bob):
    for client in (alice, bob):
        client.post("/api/keys", json={"name": "k", "password": PASSWORD})
        client.post("/api/chats", json={"title": "t"})
    assert leave(alice).status_code == 200
    assert rows(app, User, BrowserSession, ApiKey, Chat) == [1, 1, 1, 1]
    assert bob.get("/api/users/me").status_code == 200


def test_sessions_and_keys_of_a_deleted_account_are_dead(app, alice):
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]
    other = app.test_client()
    other.set_cookie("macrochat_session", alice.get_cookie("macrochat_session").value)
    leave(alice)
    assert alice.get("/api/users/me").status_code == 401
    assert other.get("/api/users/me").status_code == 401
    assert app.test_client().get("/api/users/me", headers={"X-API-KEY": key}).status_code == 401
    answer = app.test_client().post("/api/auth/login", json={"email": "alice@example.org", "password": PASSWORD})
    assert answer.status_code == 401


def test_the_email_is_free_again(app, alice):
    leave(alice)
    answer = app.test_client().post("/api/auth/register", json={"email": "alice@example.org", "password": PASSWORD})
    assert answer.status_code == 201


def test_without_the_password_nothing_is_deleted(app, alice):
    for password in ["", "a guess", PASSWORD.upper()]:
        answer = leave(alice, password)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "INVALID_CREDENTIALS"), password
    assert rows(app, User) == [1]


def test_the_password_must_be_given(app, alice):
    for body in [{}, {"password": None}, {"password": 5}]:
        assert alice.delete("/api/users/me", json=body).status_code == 400, body
    assert rows(app, User) == [1]


def test_a_key_cannot_delete_the_account(app, alice):
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]
    answer = app.test_client().delete("/api/users/me", json={"password": PASSWORD}, headers={"X-API-KEY": key})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "SESSION_REQUIRED")
    assert rows(app, User) == [1]


def test_other_rooms_are_told(app, alice):
    told = []

    def listen(_sender, user_id):
        told.append(str(user_id))

    with service.account_deleted.connected_to(listen):
        leave(alice)
    assert told == [alice.user["id"]]
