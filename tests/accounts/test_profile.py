"""The name: one's own to change, by JSON and on the settings page."""

import pytest

from tests.support.servers import PASSWORD


def name_of(client):
    return client.get("/api/users/me").get_json()["data"]["user"]["name"]


def test_a_new_name_is_trimmed_and_kept(alice, bob):
    answer = alice.patch("/api/users/me", json={"name": "  Alice Liddell "})
    assert answer.get_json()["data"]["user"]["name"] == "Alice Liddell"
    assert name_of(alice) == "Alice Liddell"
    assert name_of(bob) == "Bob"


def test_the_settings_page_changes_it_without_scripts(alice):
    answer = alice.post("/settings", data={"profileName": "Alice <b>L</b>"})
    assert (answer.status_code, answer.location) == (303, "/settings")
    page = alice.get("/settings").get_data(as_text=True)
    assert "Alice &lt;b&gt;L&lt;/b&gt;" in page
    assert "<b>L</b>" not in page


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": 3}, {"name": "x" * 256}, {"name": "a\0b"}])
def test_what_is_no_name_is_refused_and_changes_nothing(alice, body):
    answer = alice.patch("/api/users/me", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["details"][0]["field"] == "name"
    assert name_of(alice) == "Alice"


def test_a_key_and_a_stranger_may_not(alice, client):
    key = alice.post("/api/keys", json={"name": "program", "password": PASSWORD}).get_json()["data"]["key"]
    answer = client.patch("/api/users/me", json={"name": "Mallory"}, headers={"X-API-KEY": key})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "SESSION_REQUIRED")
    assert client.patch("/api/users/me", json={"name": "Mallory"}).status_code == 401
    assert name_of(alice) == "Alice"
