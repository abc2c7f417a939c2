"""Without JavaScript: reading, finding, logging in and out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.servers import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(chromium, site):
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    yield context.new_page()
    context.close()


def sign_in(page, site, account):
    page.context.add_cookies(
        [{"name": name, "value": value, "url": site.url} for name, value in account.cookies.items()]
    )


def test_reading_finding_logging_in_and_out(plain, site):
    account = site.client()
    chat = account.post("/api/chats", json={"title": "Old news", "model": "scripted-markdown"}).json()["data"]["id"]
    account.post(f"/api/chats/{chat}/stream", json={"messages": [{"role": "user", "content": "Show <b>me</b>"}]})

    plain.goto("/")
    plain.get_by_label("Email").fill(account.email)
    plain.get_by_label("Password", exact=True).fill(PASSWORD)
    plain.get_by_role("button", name="Log in").click()
    plain.get_by_role("link", name="Old news").click()
    expect(plain.locator("article[data-role=user] .message-body")).to_have_text("Show <b>me</b>")
    expect(plain.locator("article[data-role=assistant] .message-body")).to_contain_text("greet")
    expect(plain.get_by_text("writing a message needs it")).to_be_visible()
    expect(plain.get_by_role("button", name="Send")).to_be_hidden()

    plain.get_by_role("searchbox").fill("nothing")
    plain.get_by_role("searchbox").press("Enter")
    expect(plain.get_by_text("No chats found")).to_be_visible()

    plain.goto("/settings")
    plain.get_by_text("Dark", exact=True).click()
    plain.get_by_role("button", name="Save").click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")

    plain.get_by_role("button", name="Account menu").click()
    plain.get_by_role("button", name="Log out").click()
    expect(plain).to_have_url(re.compile("/login"))


def test_older_chats_are_a_link_away(plain, site):
    account = site.client()
    for number in range(45):
        account.post("/api/chats", json={"title": f"Chat {number}"})
    sign_in(plain, site, account)
    plain.goto("/?q=chat")
    shown = plain.locator(".chat-title").all_inner_texts()
    plain.get_by_role("link", name="Older chats").click()
    expect(plain.locator(".chat-title").first).to_have_text("Chat 4")
    shown += plain.locator(".chat-title").all_inner_texts()
    assert shown == [f"Chat {number}" for number in range(44, -1, -1)]
    expect(plain.get_by_role("link", name="Older chats")).to_be_hidden()


def test_on_a_phone_the_chats_are_still_reached(plain, site):
    account = site.client()
    account.post("/api/chats", json={"title": "Old news"})
    sign_in(plain, site, account)
    plain.set_viewport_size({"width": 360, "height": 740})
    plain.goto("/")
    expect(plain.get_by_role("link", name="Old news")).to_be_visible()
