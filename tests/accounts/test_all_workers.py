"""What ends a session or a key ends it in all workers at once: none of them remembers whom it has let in."""

import uuid

import pytest

from macrochat.accounts.models import User
from macrochat.extensions import db
from tests.support.servers import PASSWORD, register

NEW = "another good password"


@pytest.fixture
def workers(make_app, database_url):
    """Two applications on one database."""
    return make_app(database_url), make_app(database_url)


@pytest.fixture
def ada(workers):
    """Signed in at the first worker; `elsewhere` is the same browser and `program` her API key, both at the second."""
    ada = register(workers[0].test_client(), "ada@example.org")
    ada.elsewhere = workers[1].test_client()
    ada.elsewhere.set_cookie("macrochat_session", ada.get_cookie("macrochat_session").value)
    ada.key = ada.post("/api/keys", json={"name": "program", "password": PASSWORD}).get_json()["data"]
    ada.program = lambda: workers[1].test_client().get("/api/users/me", headers={"X-API-KEY": ada.key["key"]})
    assert ada.elsewhere.get("/api/users/me").status_code == 200
    assert ada.program().status_code == 200
    return ada


@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/auth/logout-all", "/logout"])
def test_signing_out(ada, path):
    ada.post(path)
    assert ada.elsewhere.get("/api/users/me").status_code == 401
    assert ada.elsewhere.get("/").location == "/login"
    assert ada.program().status_code == 200


def test_ending_a_session_by_its_id(ada):
    [mine] = ada.get("/api/sessions").get_json()["data"]
    ada.delete(f"/api/sessions/{mine['id']}")
    assert ada.elsewhere.get("/api/users/me").status_code == 401


def test_revoking_a_key(ada):
    ada.delete(f"/api/keys/{ada.key['id']}")
    assert ada.program().get_json()["code"] == "INVALID_API_KEY"
    assert ada.elsewhere.get("/api/users/me").status_code == 200


def test_a_new_password(ada, workers):
    other = workers[1].test_client()
    sign_in = {"email": "ada@example.org", "password": PASSWORD}
    assert other.post("/api/auth/login", json=sign_in).status_code == 200
    ada.post("/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": NEW})
    assert other.get("/api/users/me").status_code == 401
    assert ada.elsewhere.get("/api/users/me").status_code == 200, "the browser that changed it"


def test_being_shut_out_and_let_in_again(ada, workers):
    for active, status in ((False, 401), (True, 200)):
        with workers[0].app_context():
            db.session.execute(db.update(User).where(User.id == uuid.UUID(ada.user["id"])).values(is_active=active))
            db.session.commit()
        assert ada.elsewhere.get("/api/users/me").status_code == ada.program().status_code == status


def test_leaving(ada):
    ada.delete("/api/users/me", json={"password": PASSWORD})
    assert ada.elsewhere.get("/api/users/me").status_code == 401
    assert ada.program().status_code == 401


def test_becoming_an_administrator_and_ceasing_to_be_one(ada, workers):
    for admin, status in ((True, 200), (False, 404)):
        with workers[0].app_context():
            db.session.execute(db.update(User).values(is_admin=admin))
            db.session.commit()
        assert ada.elsewhere.get("/admin").status_code == status
