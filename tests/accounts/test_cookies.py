"""Whose cookie it is: a sibling of our host may set cookies for it, and must not choose who a person is."""

import pytest

from tests.support.answers import refusal
from tests.support.servers import PASSWORD, register

HTTPS = "https://chat.example.org"
HOST_COOKIE, PLAIN = "__Host-macrochat_session", "macrochat_session"
BODY = {"email": "alice@example.org", "password": PASSWORD}


@pytest.fixture
def cookie(app, alice):
    """alice's session over https, as `name=value`."""
    return signed_in_over_https(app, BODY)


@pytest.fixture
def evil(app, bob):
    """bob's, which he would like alice to use."""
    return signed_in_over_https(app, BODY | {"email": "bob@example.org"})


def signed_in_over_https(app, body):
    answer = app.test_client().post("/api/auth/login", json=body, base_url=HTTPS)
    assert answer.status_code == 200
    return answer.headers["Set-Cookie"].partition(";")[0]


def get(app, path, cookie, base_url=HTTPS):
    return app.test_client(use_cookies=False).get(path, headers={"Cookie": cookie}, base_url=base_url)


def test_over_https_the_cookie_is_for_this_very_host(app, alice):
    answer = app.test_client().post("/api/auth/login", json=BODY, base_url=HTTPS)
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    facts = [part.strip() for part in rest.split(";")[1:]]
    assert name == HOST_COOKIE
    assert "Secure" in facts
    assert "Path=/" in facts
    assert not any(fact.startswith("Domain") for fact in facts)


def test_over_https_a_cookie_with_the_plain_name_is_nobody(app, cookie, evil):
    """The plain name is what a sibling can set."""
    value = evil.partition("=")[2]
    assert get(app, "/api/users/me", f"{PLAIN}={value}").status_code == 401
    for both in (f"{PLAIN}={value}; {cookie}", f"{cookie}; {PLAIN}={value}"):
        assert get(app, "/api/users/me", both).get_json()["data"]["user"]["email"] == "alice@example.org"


def test_two_session_cookies_are_refused_by_the_api_and_by_pages(app, alice, bob):
    plain = [f"{PLAIN}={client.get_cookie(PLAIN).value}" for client in (alice, bob)]
    for pair in (
        plain,
        plain[::-1],
        [",".join(plain)],
        [plain[0], plain[0]],
        [plain[0], f"{PLAIN}="],
        [plain[0], f"{PLAIN}=garbage"],
    ):
        both = "; ".join(pair)
        for path in ("/api/users/me", "/api/chats"):
            refusal(get(app, path, both, "http://localhost"), 400, "AMBIGUOUS_CREDENTIALS")
        for path in ("/", "/settings", "/login"):
            answer = get(app, path, both, "http://localhost")
            assert answer.status_code == 400, path
            assert "two session cookies" in answer.text
    assert get(app, "/healthz", both, "http://localhost").status_code == 200


def test_two_session_cookies_make_no_session_and_end_none(app, alice, bob):
    both = "; ".join(f"{PLAIN}={client.get_cookie(PLAIN).value}" for client in (alice, bob))
    client = app.test_client(use_cookies=False)
    for path in ("/api/auth/login", "/api/auth/logout"):
        refusal(client.post(path, json=BODY, headers={"Cookie": both}), 400, "AMBIGUOUS_CREDENTIALS")
    assert alice.get("/api/users/me").status_code == bob.get("/api/users/me").status_code == 200


def test_an_api_key_makes_cookies_count_for_nothing(app, alice, bob):
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]
    both = "; ".join(f"{PLAIN}={client.get_cookie(PLAIN).value}" for client in (alice, bob))
    answer = app.test_client(use_cookies=False).get("/api/users/me", headers={"Cookie": both, "X-API-KEY": key})
    assert answer.get_json()["data"]["user"]["email"] == "alice@example.org"


@pytest.mark.parametrize(
    "disguise", ["\u2000{}", "\xa0{}", "\x85{}", "\x0b{}", '"{}', "$Version=1,{}", "a=1,{}", "a, {}"]
)
def test_no_disguise_of_a_name_becomes_the_name(app, cookie, evil, disguise):
    """Browsers let a sibling set these, since they do not begin with the prefix: so they must not be taken for it."""
    header = disguise.format(evil).encode().decode("latin-1")
    assert get(app, "/api/users/me", header).status_code == 401, "alone"
    answer = get(app, "/api/users/me", f"{cookie}; {header}")
    assert answer.status_code == 400 or answer.get_json()["data"]["user"]["email"] == "alice@example.org"


def test_signing_out_over_https_takes_the_cookie_back(app, cookie):
    client = app.test_client(use_cookies=False)
    answer = client.post("/api/auth/logout", headers={"Cookie": cookie}, base_url=HTTPS)
    assert answer.headers["Set-Cookie"].startswith(f"{HOST_COOKIE}=;")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert get(app, "/api/users/me", cookie).status_code == 401


def test_a_person_can_register_over_https(app):
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    assert register(client, "carol@example.org").get("/api/users/me").status_code == 200
