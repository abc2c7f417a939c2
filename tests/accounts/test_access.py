"""One table says who may enter where, and it has every door."""

import uuid

import pytest
from flask import g, request

from macrochat.accounts import guard
from macrochat.accounts.access import ACCESS, Access
from tests.support.servers import PASSWORD, register

UNKNOWN = str(uuid.UUID(int=5))


def doors(app, *kinds):
    """(method, path, endpoint) of every route of these kinds of access."""
    for rule in app.url_map.iter_rules():
        if ACCESS.get(rule.endpoint) in kinds:
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                ids = dict.fromkeys(rule.arguments, UNKNOWN)
                yield method, app.url_map.bind("localhost").build(rule.endpoint, ids, method), rule.endpoint


def test_every_endpoint_is_declared_and_no_other(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(ACCESS)


def test_an_undeclared_endpoint_is_refused_to_everybody(app):
    app.add_url_rule("/api/forgotten", "forgotten", lambda: "secret")
    for client in (register(app.test_client(), "alice@example.org"), app.test_client()):
        answer = client.get("/api/forgotten")
        assert (answer.status_code, answer.get_json()["code"]) == (403, "ENDPOINT_NOT_DECLARED")


def test_without_credentials_no_door_of_the_api_opens(app, client):
    for method, path, endpoint in doors(app, Access.USER, Access.SESSION):
        answer = client.open(path, method=method, json={})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "UNAUTHENTICATED"), endpoint
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_with_a_wrong_key_no_door_of_the_api_opens_even_beside_a_good_cookie(app, alice):
    for method, path, endpoint in doors(app, Access.USER, Access.SESSION):
        answer = alice.open(path, method=method, json={}, headers={"X-API-KEY": "mck_wrong"})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_API_KEY"), endpoint
    assert alice.get("/api/users/me").status_code == 200


def test_what_needs_a_browser_is_refused_to_every_key(app, alice):
    headers = {"X-API-KEY": alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]}
    for method, path, endpoint in doors(app, Access.SESSION):
        answer = app.test_client().open(path, method=method, json={}, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "SESSION_REQUIRED"), endpoint
    assert alice.get("/api/users/me").status_code == 200


def test_pages_send_strangers_to_the_sign_in_page_and_back(app, client):
    for method, path, endpoint in doors(app, Access.PAGE):
        answer = client.open(path, method=method)
        wanted = "" if path == "/" or method != "GET" else f"?next={path}"
        assert (answer.status_code, answer.location) == (302, f"/login{wanted}"), endpoint


def test_the_way_back_keeps_the_query(client):
    assert client.get("/settings?tab=keys&x=%C3%A9").location.startswith("/login?next=/settings?tab%3Dkeys%26x%3D")


def test_unknown_addresses_and_methods_need_no_sign_in(client):
    assert client.get("/api/nothing").status_code == 404
    assert client.put("/api/users/me").status_code == 405
    assert client.options("/api/users/me").status_code == 200


def test_public_doors_ask_the_database_nothing(app, client, monkeypatch):
    def fail(*_args):
        raise AssertionError("asked who calls")

    monkeypatch.setattr(guard, "find_session", fail)
    with client.session_transaction() as session:
        session["token"] = "x"
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/chats/1", "/settings?x=1&y=%2F", "/a//b", "/%5Cevil.example", "/?next=//evil.example"]
)
def test_the_way_back_may_be_any_path_here(path):
    assert guard.safe_next(path) == path


ELSEWHERE = [
    None, "", "chats", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example",
     "http:evil.example", "javascript:alert(1)", " /x", "/\t/evil.example", "/x\r\nLocation: y", "/\x00", "/a\\b",
     "/a b", "/" + "x" * 5000, "/\x7f/evil.example", "/x\u2028y\x00", "\\\\evil.example", "/\\/evil.example", "/\n//evil.example",
     "//evil.example/%2e%2e", "http://localhost@evil.example", "https:/evil.example", "//localhost.evil.example",
]  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
def test_the_way_back_leads_nowhere_else(path):
    assert guard.safe_next(path) == "/"


def test_signing_in_on_the_page_follows_a_safe_way_back(app, alice):
    form = {"email": "alice@example.org", "password": PASSWORD}
    assert app.test_client().post("/login?next=/settings", data=form).location == "/settings"


def test_who_is_signed_in_is_sent_nowhere_else_by_either_page(alice):
    for path in ELSEWHERE:
        for page in ("/login", "/register"):
            for method in ("GET", "HEAD", "POST"):
                answer = alice.open(page, method=method, query_string={"next": path or ""})
                assert (answer.status_code, answer.location) == (302, "/"), path


def test_signing_in_and_up_send_nowhere_else(app, alice):
    form = {"email": "alice@example.org", "password": PASSWORD}
    for number, path in enumerate(["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example"]):
        query, newcomer = {"next": path}, {"email": f"{number}@example.org", "password": PASSWORD}
        assert app.test_client().post("/login", query_string=query, data=form).location == "/"
        assert app.test_client().post("/register", query_string=query, data=newcomer).location == "/"


def test_the_credential_of_a_request_is_known_to_the_views(app, alice):
    with app.test_request_context("/api/users/me", headers={"Cookie": _cookie(alice)}):
        app.preprocess_request()
        assert g.credential.kind == "session"
        assert request.endpoint == "accounts.show_me"


def _cookie(client):
    return f"macrochat_session={client.get_cookie('macrochat_session').value}"
