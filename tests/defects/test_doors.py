"""Defects of the original at its doors that no other test is named after."""

import re
import socket

import gevent.socket
import pytest

from macrochat import errors
from tests.access.rules import CREDENTIALS, TABLE
from tests.defects.conftest import KEY
from tests.support.processes import ROOT
from tests.support.servers import SECRET_KEY, register

SESSION, PROGRAM = CREDENTIALS[:2]
ORIGIN = "https://app.example.org"
PLACEHOLDER = re.compile(r"<[^>]*>|\$?\{[^}]*\}|\$\w+")


def family(kind):
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


def everything_shown(world):
    """The answers to every GET of alice's browser and of nobody's."""
    for credential in (SESSION, CREDENTIALS[3]):
        for method, rule in world.routes():
            door = TABLE.get(f"{method} {rule}")
            if door and method == "GET":
                yield world.ask(
                    method, rule, credential, str(getattr(world.people["alice"], door.thing)) if door.thing else ""
                )


def test_w24_every_error_is_one_of_ours_with_a_status_a_code_and_a_sentence():
    for error in family(errors.MacrochatError):
        assert 400 <= error.status < 600
        assert re.fullmatch(r"[A-Z][A-Z_]+", error.code)
        assert re.fullmatch(r"[A-Z].*\w", error.message)


def test_w25_no_answer_allows_every_origin(make_app, sqlite_url):
    alice = register(make_app(sqlite_url, MACROCHAT_CORS_ORIGINS=ORIGIN).test_client(), "alice@example.org")
    for origin in (ORIGIN, "https://evil.example", "null"):
        for path in ("/api/users/me", "/api/chats", "/api/health", "/api/nothing", "/login", "/static/images/icon.svg"):
            answer = alice.get(path, headers={"Origin": origin}, buffered=True)
            assert answer.headers.get("Access-Control-Allow-Origin") == (ORIGIN if origin == ORIGIN else None), path


def test_w29_every_address_in_the_documents_is_answered(world):
    known = {PLACEHOLDER.sub("*", rule) for _method, rule in world.routes()}
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for path in re.findall(r"/api/[\w/<>{}$.-]+", document.read_text()):
            address = PLACEHOLDER.sub("*", path).rstrip(".-")
            inside = any(rule.startswith(f"{address.rstrip('/')}/") for rule in known)  # such as `/api/chats/…`
            assert address in known or inside, f"{document.name}: {path}"


def test_w44_an_origin_is_not_allowed_because_it_is_part_of_an_allowed_one(make_app, sqlite_url):
    client = make_app(sqlite_url, MACROCHAT_CORS_ORIGINS=ORIGIN).test_client()
    parts = [
        ORIGIN[:-1],
        ORIGIN[:-4],
        "https://app",
        "https://",
        "app.example.org",
        "example.org",
        "h",
        f"{ORIGIN}.evil.example",
    ]
    for origin in [
        *parts,
        f"{ORIGIN},https://evil.example",
        f"https://evil.example/{ORIGIN}",
        ORIGIN.replace("https", "http"),
    ]:
        assert "Access-Control-Allow-Origin" not in client.get("/api/health", headers={"Origin": origin}).headers, (
            origin
        )
        refused = client.post("/api/auth/logout", headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
        assert (refused.status_code, refused.get_json()["code"]) == (403, "CROSS_ORIGIN"), origin


def test_w45_the_list_of_origins_is_what_decides(make_app, sqlite_url):
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}
    for listed, status in (("", 403), (ORIGIN, 200), ("https://other.example.org", 403)):
        client = make_app(sqlite_url, MACROCHAT_CORS_ORIGINS=listed).test_client()
        answer = client.post("/api/auth/logout", headers=headers)
        assert (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) == (
            status,
            ORIGIN if status == 200 else None,
        )


def test_w47_no_key_is_in_what_a_browser_gets(world):
    alice = world.people["alice"]
    secrets = (KEY, "a-metrics-token", SECRET_KEY, *alice.keys.values(), *alice.tokens.values())
    answers = list(everything_shown(world))
    assert len(answers) > 40
    assert not [secret for answer in answers for secret in secrets if secret in answer.text + str(answer.headers)]
    looks_like_a_key = re.compile(r"\b(?:sk-|mck_)[A-Za-z0-9_-]{16,}")
    for path in (
        path for path in (ROOT / "static").rglob("*") if path.suffix in (".js", ".mjs", ".css", ".html", ".json")
    ):
        assert not looks_like_a_key.search(path.read_text(errors="replace")), path


def test_w48_nobody_reads_another_s_account(world):
    """There is no address with a user's id, and no answer to alice has bob's address or name for himself."""
    assert not [rule for _method, rule in world.routes() if "user" in PLACEHOLDER.findall(rule)]
    for credential in (SESSION, PROGRAM):
        for name in ("bob", "admin", "alice"):
            path = f"/api/users/{world.people[name].id}"
            assert world.client.get(path, headers=world.headers(credential)).status_code == 404
    assert not [answer for answer in everything_shown(world) if "bob@example.org" in answer.text]


def test_w54_who_calls_is_asked_of_no_other_service(world, monkeypatch):
    def refuse(*args, **_more):
        raise AssertionError(f"called {args}")

    for module in (socket, gevent.socket):
        monkeypatch.setattr(module.socket, "connect", refuse)
        monkeypatch.setattr(module, "create_connection", refuse)
    assert {answer.status_code for answer in everything_shown(world)} <= {200, 204, 302, 401, 403, 404}
    sign_in = {"email": "alice@example.org", "password": "wrong password"}
    assert world.client.post("/api/auth/login", json=sign_in).status_code == 401


@pytest.mark.parametrize("text", ["00012345", "0000000000", "+0001234", "1e000005", "٠٠٠١٢٣٤٥"])
def test_w55_what_looks_like_a_number_stays_the_text_it_is(app, text):
    secret = f"{text}99.5"
    body = {"email": f"{abs(hash(text))}@example.org", "password": secret}
    person = app.test_client()
    assert person.post("/api/auth/register", json=body).status_code == 201
    assert person.patch("/api/users/me", json={"name": text}).get_json()["data"]["user"]["name"] == text
    assert person.post("/api/chats", json={"title": text}).get_json()["data"]["title"] == text
    assert person.post("/api/keys", json={"name": text, "password": secret}).get_json()["data"]["name"] == text
    for password, status in ((secret, 200), (f"0{secret}", 401), (secret[1:], 401), (f"{secret}0", 401), (12345, 400)):
        sign_in = {"email": body["email"], "password": password}
        assert app.test_client().post("/api/auth/login", json=sign_in).status_code == status, password
