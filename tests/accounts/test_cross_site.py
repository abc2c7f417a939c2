"""Another site cannot make alice's browser do things: not even sign her in or out."""

import pytest

from macrochat.accounts.access import ACCESS
from tests.support.servers import PASSWORD

HERE = "http://localhost"
SIGN_IN = {"email": "alice@example.org", "password": PASSWORD}

REFUSED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
    {"Sec-Fetch-Site": "anything new"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "http://[broken"},
]
ALLOWED = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://a-proxy-renamed-us.example"},
    {"Origin": HERE},
    {"Origin": "https://localhost"},  # behind a proxy that ends TLS; only the host counts
]


def test_w49_every_unsafe_method_of_every_address_is_refused(app, alice):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            path = app.url_map.bind("localhost").build(rule.endpoint, dict.fromkeys(rule.arguments, "x"), method)
            answer = alice.open(path, method=method, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403, rule.endpoint
    assert len(ACCESS) > 20
    assert alice.get("/api/users/me").status_code == 200


@pytest.mark.parametrize("path", ["/api/auth/logout", "/logout"])
def test_refused_origins_change_nothing(alice, path):
    for headers in REFUSED:
        answer = alice.post(path, headers=headers)
        assert answer.status_code == 403, headers
    assert alice.get("/api/users/me").status_code == 200


def test_an_origin_without_a_host_is_not_a_host_without_a_name(alice):
    for host in ("", "a b", "@"):
        for origin in ("null", "file://", "about:blank", "x"):
            answer = alice.post("/api/auth/logout", headers={"Host": host, "Origin": origin})
            assert answer.status_code == 403, (host, origin)


def test_the_refusal_has_its_code(alice):
    assert alice.post("/api/auth/logout", headers=REFUSED[0]).get_json()["code"] == "CROSS_ORIGIN"


def test_signing_in_from_another_site_sets_no_cookie(app, alice):
    for headers in REFUSED:
        answer = app.test_client().post("/api/auth/login", json=SIGN_IN, headers=headers)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


def test_our_own_pages_and_programs_are_let_in(app, alice):
    for headers in ALLOWED:
        assert alice.post("/api/chats", json={}, headers=headers).status_code == 201, headers


def test_reading_is_never_refused(alice):
    for headers in REFUSED:
        assert alice.get("/api/users/me", headers=headers).status_code == 200


def test_a_listed_origin_is_let_in(make_app, sqlite_url):
    client = make_app(sqlite_url, MACROCHAT_CORS_ORIGINS="https://app.example.org").test_client()
    body = {"email": "a@example.org", "password": PASSWORD}
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.org"}
    assert client.post("/api/auth/register", json=body, headers=headers).status_code == 201
    headers["Origin"] = "https://app.example.org.evil.example"
    assert client.post("/api/auth/logout", headers=headers).status_code == 403
