"""A new password: other browsers are signed out, this one goes on."""

from tests.support.servers import PASSWORD

NEW = "another good password"


def change(client, current=PASSWORD, new=NEW):
    return client.post("/api/auth/password", json={"currentPassword": current, "newPassword": new})


def sign_in(app, password):
    client = app.test_client()
    client.post("/api/auth/login", json={"email": "alice@example.org", "password": password})
    return client


def test_only_the_new_password_signs_in_afterwards(app, alice):
    assert change(alice).status_code == 200
    assert sign_in(app, PASSWORD).get("/api/users/me").status_code == 401
    assert sign_in(app, NEW).get("/api/users/me").status_code == 200


def test_other_browsers_die_and_this_one_lives(app, alice, bob):
    other = sign_in(app, PASSWORD)
    change(alice)
    assert other.get("/api/users/me").status_code == 401
    assert alice.get("/api/users/me").status_code == 200
    assert bob.get("/api/users/me").status_code == 200


def test_without_the_current_password_nothing_changes(app, alice):
    other = sign_in(app, PASSWORD)
    answer = change(alice, current="a guess of mine")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "INVALID_CREDENTIALS")
    assert other.get("/api/users/me").status_code == 200
    assert sign_in(app, PASSWORD).get("/api/users/me").status_code == 200


def test_the_new_password_must_be_one(alice):
    for new in ["short", "x" * 1025, 5, None]:
        answer = change(alice, new=new)
        assert answer.status_code == 400, new
        assert answer.get_json()["details"][0]["field"] == "newPassword"


def test_a_key_cannot_change_the_password(app, alice):
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]
    answer = app.test_client().post(
        "/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": NEW}, headers={"X-API-KEY": key}
    )
    assert (answer.status_code, answer.get_json()["code"]) == (403, "SESSION_REQUIRED")


def test_a_stranger_must_sign_in_first(client):
    assert change(client).status_code == 401
