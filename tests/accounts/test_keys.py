"""API keys: made and revoked in a browser, used by programs, refused at once when they are dead."""

import datetime as dt

from macrochat.accounts.models import ApiKey, User
from macrochat.database import new_id, now
from macrochat.extensions import db
from tests.support.servers import PASSWORD


def make(client, **body):
    return client.post("/api/keys", json={"name": "laptop", "password": PASSWORD} | body).get_json()["data"]


def me(app, key):
    return app.test_client().get("/api/users/me", headers={"X-API-KEY": key})


def change(app, **values):
    with app.app_context():
        db.session.execute(db.update(ApiKey).values(**values))
        db.session.commit()


def test_a_key_opens_the_api_in_either_header(app, alice):
    key = make(alice)["key"]
    assert key.startswith("mck_")
    for headers in ({"X-API-KEY": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer  {key} "}):
        answer = app.test_client().get("/api/users/me", headers=headers)
        assert answer.get_json()["data"]["user"]["id"] == alice.user["id"]


def test_a_key_is_shown_once_and_kept_only_as_a_hash(app, alice):
    made = make(alice)
    listed = alice.get("/api/keys").get_json()["data"]
    assert "key" not in listed[0]
    assert made["key"].startswith(listed[0]["prefix"])
    with app.app_context():
        row = db.session.scalar(db.select(ApiKey))
    assert len(row.sha256) == 32
    assert len(row.prefix) < len(made["key"]) / 3


def test_a_revoked_key_is_dead_at_once_and_not_listed(app, alice):
    made = make(alice)
    assert alice.delete(f"/api/keys/{made['id']}").status_code == 200
    answer = me(app, made["key"])
    assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_API_KEY")
    assert alice.get("/api/keys").get_json()["data"] == []
    assert alice.delete(f"/api/keys/{made['id']}").status_code == 404


def test_an_expired_key_is_dead(app, alice):
    made = make(alice, expiresInDays=1)
    assert me(app, made["key"]).status_code == 200
    change(app, expires_at=now() - dt.timedelta(seconds=1))
    assert me(app, made["key"]).get_json()["code"] == "INVALID_API_KEY"


def test_a_key_that_was_changed_or_made_up_is_refused_even_with_a_good_cookie(app, alice):
    key = make(alice)["key"]
    for wrong in [key[:-1], key + "x", key.swapcase(), "mck_", "x", "", " ", "mck_\u00e9", "x" * 5000, "' OR 1=1 --"]:
        for headers in ({"X-API-KEY": wrong}, {"Authorization": f"Bearer {wrong}"}):
            answer = alice.get("/api/users/me", headers=headers)
            assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_API_KEY"), headers


def test_the_same_key_in_both_headers_is_one_key(app, alice):
    key = make(alice)["key"]
    headers = {"X-API-KEY": key, "Authorization": f"Bearer {key}"}
    assert app.test_client().get("/api/users/me", headers=headers).status_code == 200


def test_an_empty_header_beside_a_key_does_not_count(app, alice):
    key = make(alice)["key"]
    for in_header, bearer in ((key, ""), ("", key)):
        headers = {"X-API-KEY": in_header, "Authorization": f"Bearer {bearer}"}
        assert app.test_client().get("/api/users/me", headers=headers).status_code == 200


def test_two_different_keys_are_refused_whoever_they_belong_to(app, alice, bob):
    first, second, foreign = make(alice)["key"], make(alice)["key"], make(bob)["key"]
    for headers in (
        {"X-API-KEY": first, "Authorization": f"Bearer {second}"},
        {"X-API-KEY": first, "Authorization": f"Bearer {foreign}"},
        {"X-API-KEY": first, "Authorization": "Bearer garbage"},
        {"X-API-KEY": f"{first},{second}"},
        [("Authorization", f"Bearer {first}, Bearer {second}")],
    ):
        answer = app.test_client().get("/api/users/me", headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "AMBIGUOUS_CREDENTIALS"), headers


def test_a_key_decides_alone_beside_anothers_cookie(alice, bob):
    key = make(alice)["key"]
    answer = bob.get("/api/users/me", headers={"X-API-KEY": key})
    assert answer.get_json()["data"]["user"]["id"] == alice.user["id"]


def test_a_proxys_own_authorization_does_not_hide_the_cookie(alice):
    for value in ["Basic YTpi", 'Digest username="a", realm="b"', "Negotiate YII"]:
        assert alice.get("/api/users/me", headers={"Authorization": value}).status_code == 200, value


def test_a_key_makes_sees_and_revokes_no_keys_and_no_sessions(app, alice):
    made = make(alice)
    program, headers = app.test_client(), {"X-API-KEY": made["key"]}
    for method, path in [("GET", "/api/keys"), ("POST", "/api/keys"), ("DELETE", f"/api/keys/{made['id']}"),
                         ("GET", "/api/sessions"), ("POST", "/api/auth/logout-all")]:  # fmt: skip
        answer = program.open(path, method=method, headers=headers, json={"name": "more"})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "SESSION_REQUIRED"), path
    assert len(alice.get("/api/keys").get_json()["data"]) == 1


def test_a_stranger_cannot_see_or_revoke_my_key(app, alice, bob):
    made = make(alice)
    assert bob.get("/api/keys").get_json()["data"] == []
    foreign, unknown = bob.delete(f"/api/keys/{made['id']}"), bob.delete(f"/api/keys/{new_id()}")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.get_json()["error"] == unknown.get_json()["error"]
    assert me(app, made["key"]).status_code == 200


def test_a_key_has_a_name_and_at_most_ten_years(alice):
    for body, field in [
        ({}, "name"), ({"name": ""}, "name"), ({"name": " \u200b"}, "name"), ({"name": "x" * 256}, "name"),
        ({"name": "a\0b"}, "name"), ({"name": 5}, "name"), ({"name": "k", "expiresInDays": 0}, "expiresInDays"),
        ({"name": "k", "expiresInDays": 3651}, "expiresInDays"), ({"name": "k", "expiresInDays": "7"}, "expiresInDays"),
        ({"name": "k", "expiresInDays": 1.5}, "expiresInDays"), ({"name": "k", "expiresInDays": True}, "expiresInDays"),
    ]:  # fmt: skip
        answer = alice.post("/api/keys", json=body)
        assert answer.status_code == 400, body
        assert answer.get_json()["details"][0]["field"] == field
    assert alice.get("/api/keys").get_json()["data"] == []


def test_a_key_is_made_with_the_password_only(alice):
    """Who has stolen a session must not make of it a key that outlives it."""
    for password, code in [({}, "PASSWORD_REQUIRED"), ({"password": "wrong"}, "INVALID_CREDENTIALS")]:
        answer = alice.post("/api/keys", json={"name": "k"} | password)
        assert (answer.status_code, answer.get_json()["code"]) == (403, code)
    assert alice.post("/api/keys", json={"name": "k", "password": 5}).status_code == 400
    assert alice.get("/api/keys").get_json()["data"] == []


def test_the_name_is_trimmed(alice):
    assert make(alice, name="  laptop ")["name"] == "laptop"


def test_nobody_hoards_keys(alice, monkeypatch):
    monkeypatch.setattr("macrochat.accounts.keys.MAX_KEYS", 2)
    make(alice)
    make(alice)
    answer = alice.post("/api/keys", json={"name": "third", "password": PASSWORD})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "TOO_MANY_KEYS")


def test_the_last_use_is_noted_at_most_every_five_minutes(app, alice):
    key = make(alice)["key"]

    def last_used():
        return alice.get("/api/keys").get_json()["data"][0]["lastUsedAt"]

    assert last_used() is None
    me(app, key)
    first = last_used()
    assert first is not None
    me(app, key)
    assert last_used() == first
    change(app, last_used_at=now() - dt.timedelta(minutes=6))
    me(app, key)
    assert last_used() > first


def test_a_key_of_somebody_shut_out_is_dead(app, alice):
    key = make(alice)["key"]
    with app.app_context():
        db.session.execute(db.update(User).values(is_active=False))
        db.session.commit()
    assert me(app, key).status_code == 401
