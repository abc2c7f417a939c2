"""Passwords that everybody chooses, and one's own data, are no passwords."""

import pytest

from macrochat.accounts import weak_passwords
from tests.support.answers import refusal
from tests.support.servers import PASSWORD

EMAIL, NAME = "ada.lovelace@example.org", "Ada Byron"
COMMON = [
    *("password", "12345678", "        ", "PASSWORD", " password ", "iloveyou", "qwertyuiop", "baseball", "ＰＡＳＳＷＯＲＤ", "1q2w3e4r"),
    *("11111111", "\u3000" * 8, "Trustno1", "password1", "21081987"),
]  # fmt: skip
OWN = [
    *(EMAIL, EMAIL.upper(), f" {EMAIL} ", "ada.lovelace", "Ada.Lovelace1815", "example.org", "example.org!"),
    *("Ada Byron", "adabyron", "AdaByron1815!", "macrochat", "Macrochat2026"),
]
WEAK = (400, "PASSWORD_TOO_WEAK")


def register(app, password, **more):
    return app.test_client().post(
        "/api/auth/register", json={"email": EMAIL, "password": password, "name": NAME} | more
    )


@pytest.mark.parametrize("password", [*COMMON, *OWN])
def test_a_weak_password_makes_no_account(app, password):
    answer = register(app, password)
    refusal(answer, *WEAK)
    [detail] = answer.get_json()["details"]
    assert detail["field"] == "password"
    assert detail["error"].endswith("please choose another")
    assert register(app, PASSWORD).status_code == 201, "nothing was stored"


def test_nothing_is_told_of_an_account_that_exists(app, alice):
    refusal(register(app, "password", email="alice@example.org"), *WEAK)


@pytest.mark.parametrize(
    "password", ["a rather good one", "adabyronwashere", "pass word", "Lovelace & sons", "12345678x9"]
)
def test_what_only_resembles_one_is_let_in(app, password):
    assert register(app, password).status_code == 201


def test_nor_does_the_sites_own_address(app):
    body = {"email": EMAIL, "password": "Chat.Example.net1"}
    answer = app.test_client().post("/api/auth/register", json=body, base_url="http://chat.example.net:8000")
    refusal(answer, *WEAK)


def test_the_form_says_it_beside_the_field(client):
    answer = client.post("/register", data={"email": EMAIL, "password": "password", "name": NAME})
    assert answer.status_code == 400
    assert "is one of those that everybody tries first" in answer.text


@pytest.mark.parametrize("password", ["password", "alice@example.org", "alice123", "12345678"])
def test_a_weak_password_replaces_no_other(alice, password):
    body = {"currentPassword": PASSWORD, "newPassword": password}
    answer = alice.post("/api/auth/password", json=body)
    refusal(answer, *WEAK)
    assert answer.get_json()["details"][0]["field"] == "newPassword"
    body["currentPassword"] = "wrong"
    refusal(alice.post("/api/auth/password", json=body), 403, "INVALID_CREDENTIALS")


def test_who_has_one_from_earlier_may_still_sign_in_and_choose_another(app, alice, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr("macrochat.accounts.service.refuse_weak", lambda *_: None)
        alice.post("/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": "password"})
    browser = app.test_client()
    assert (
        browser.post("/api/auth/login", json={"email": "alice@example.org", "password": "password"}).status_code == 200
    )
    body = {"currentPassword": "password", "newPassword": PASSWORD}
    assert browser.post("/api/auth/password", json=body).status_code == 200


def test_operators_cannot_give_one_either(runner):
    def run(*args, password):
        return runner.invoke(args=["users", *args, "--password-stdin"], input=f"{password}\n")

    for password in ("password", "ada.lovelace"):
        made = run("create", EMAIL, password=password)
        assert made.exit_code == 1
        assert "please choose another" in made.stderr
    assert run("create", EMAIL, password=PASSWORD).exit_code == 0
    assert run("set-password", EMAIL, password="lovelace").exit_code == 0
    assert run("set-password", EMAIL, password="12345678").exit_code == 1


def test_the_list_is_as_it_should_be():
    words = weak_passwords.LIST.read_text(encoding="utf-8").splitlines()
    assert len(words) > 15_000
    assert words == sorted(set(words))
    assert all(len(word) >= 8 and weak_passwords._plain(word) == word for word in words)
