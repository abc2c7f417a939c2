"""The pages as the server writes them: who sees them, what is in them, and that nothing in them can run."""

from __future__ import annotations

import re

import pytest

PAGES = ("/", "/settings")
HOSTILE = '</div><script>alert(1)</script><img src=x onerror=alert(1)> " onload="x'


@pytest.fixture
def chat(alice):
    return alice.post("/api/chats", json={"title": HOSTILE}).get_json()["data"]["id"]


@pytest.mark.parametrize("path", [*PAGES, "/chats/00000000-0000-7000-8000-000000000000"])
def test_a_stranger_is_sent_to_the_sign_in_page_and_back(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")
    if path != "/":
        assert path.replace("/", "%2F") in answer.location or path in answer.location


def test_w36_another_users_chat_is_an_unknown_chat(alice, bob, chat):
    assert alice.get(f"/chats/{chat}").status_code == 200
    strange, unknown = bob.get(f"/chats/{chat}"), bob.get("/chats/00000000-0000-7000-8000-000000000000")
    assert strange.status_code == unknown.status_code == 404
    assert re.sub("[0-9a-f-]{36}", "", strange.text) == re.sub("[0-9a-f-]{36}", "", unknown.text)
    assert HOSTILE not in strange.text


@pytest.mark.parametrize("path", ["/chats/x", "/chats/..", "/chats/%00", "/chats/" + "a" * 5000])
def test_what_is_no_id_is_an_unknown_chat(alice, path):
    assert alice.get(path).status_code == 404


@pytest.mark.parametrize("query", ["cursor=", "cursor=x", "cursor=%00", "q=%00"])
def test_a_bad_query_is_a_page_with_a_sentence(alice, query):
    answer = alice.get(f"/?{query}")
    assert answer.status_code == 400
    assert "text/html" in answer.content_type


def test_nothing_runs_from_a_title(alice, chat):
    for path in (f"/chats/{chat}", "/"):
        page = alice.get(path).text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img" not in page


@pytest.mark.parametrize("path", ["/", "/settings", "/login", "/register", "/chats/x"])
def test_no_inline_code_and_no_inline_style(alice, client, path):
    page = (client if path in ("/login", "/register") else alice).get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "<style" not in page
    assert not re.search(r"\s(?:on\w+|style)=", page)
    assert "javascript:" not in page


def test_every_address_of_a_page_is_our_own(alice, chat):
    page = alice.get(f"/chats/{chat}").text
    addresses = re.findall(r'\s(?:src|href|action)="([^"]*)"', page)
    assert addresses
    assert [address for address in addresses if address and not address.startswith(("/", "#"))] == []


def test_assets_are_kept_for_a_year_under_an_address_that_changes_with_them(client):
    sheet = re.search(r'href="(/static/v-[0-9a-f]{12}/css/tokens\.css)"', client.get("/login").text)[1]
    with client.get(sheet) as answer:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/static/v-000000000000/css/tokens.css", "/static/css/tokens.css"])
def test_a_page_from_before_a_deploy_still_finds_its_files(client, path):
    with client.get(path) as answer:
        assert answer.status_code == 200
        assert "immutable" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/v-000000000000/../../app.py", "/static/%2e%2e/app.py"])
def test_nothing_but_assets_is_served_as_one(client, path):
    assert client.get(path).status_code == 404


def test_who_is_signed_in_needs_no_sign_in_page(alice):
    assert alice.get("/login?next=/settings").location == "/settings"
    assert alice.get("/register").location == "/"


def test_days_are_the_viewers(alice, chat):
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        alice.set_cookie("macrochat_tz", zone.replace("/", "%2F"))
        assert ">Today</h2>" in alice.get("/").text


@pytest.mark.parametrize("zone", ["", "Nowhere/Atall", "../../etc/passwd", "/etc/passwd", "a" * 2000, "%00", "UTC\x00"])
def test_a_bad_time_zone_is_utc(alice, chat, zone):
    alice.set_cookie("macrochat_tz", zone)
    assert alice.get("/").status_code == 200


def test_a_theme_nobody_has_is_the_systems(client):
    client.set_cookie("macrochat_theme", 'dark"><script>')
    assert 'data-theme="system"' in client.get("/login").text
