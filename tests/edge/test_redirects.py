"""No answer sends a browser to a name that the caller made up."""

import pytest

from tests.support.servers import PASSWORD

NAMES = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example"}


@pytest.mark.parametrize(
    "path", ["/api//chats", "/api/chats//x", "/static//js/pages/chat.js", "/login//", "/settings//"]
)
def test_two_slashes_are_an_unknown_address_and_no_redirect(client, path):
    answer = client.get(path, headers=NAMES)
    assert (answer.status_code, answer.location) == (404, None)


@pytest.mark.parametrize("path", ["/", "/settings", "/admin", "/chats/x"])
def test_the_way_to_the_sign_in_page_names_no_host(client, path):
    assert client.get(path, headers=NAMES).location.startswith("/login")


def test_signing_in_and_out_name_no_host(app, alice):
    form = {"email": "alice@example.org", "password": PASSWORD}
    browser = app.test_client()
    assert browser.post("/login", data=form, headers=NAMES).location == "/"
    assert browser.get("/login", headers=NAMES).location == "/"
    assert browser.post("/logout", headers=NAMES).location == "/login"


def test_no_page_and_no_answer_repeats_the_name(client, alice):
    for who in (client, alice):
        for path in (
            "/",
            "/login",
            "/register",
            "/settings",
            "/nothing",
            "/api/nothing",
            "/api/chats",
            "/api/users/me",
        ):
            answer = who.get(path, headers=NAMES)
            assert "evil.example" not in answer.text + str(answer.headers), path
