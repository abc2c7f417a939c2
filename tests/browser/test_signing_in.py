"""Coming in, going out, and being put out in the middle of a sentence."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, expect_status, last_reply
from tests.support.servers import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def stranger(chromium, site):
    context = chromium.new_context(base_url=site.url)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def sign_in(page, email, password=PASSWORD):
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_stranger_registers_and_can_write_at_once(stranger):
    stranger.goto("/")
    expect(stranger).to_have_url(re.compile("/login"))
    stranger.get_by_role("link", name="Create an account").click()
    stranger.get_by_label("Name").fill("Grace")
    stranger.get_by_label("Email").fill("grace@example.org")
    stranger.get_by_label("Password", exact=True).fill(PASSWORD)
    stranger.get_by_role("button", name="Create account").click()
    expect(box(stranger)).to_be_focused()
    expect(stranger.get_by_role("button", name="Account menu")).to_contain_text("Grace")


def test_what_is_wrong_with_a_registration_stands_at_its_field(stranger):
    stranger.goto("/register")
    stranger.locator("form").evaluate("form => { form.noValidate = true }")
    stranger.get_by_label("Email").fill("nobody")
    stranger.get_by_label("Password", exact=True).fill("short")
    stranger.get_by_role("button", name="Create account").click()
    expect(stranger.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    expect(stranger.get_by_label("Email")).to_have_value("nobody")
    expect(stranger.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(stranger.get_by_label("Password", exact=True)).to_have_value("")


def test_w42_a_wrong_password_is_refused_and_a_right_one_leads_where_one_wanted_to_go(stranger, account):
    stranger.goto("/settings")
    expect(stranger).to_have_url(re.compile(r"/login\?next="))
    sign_in(stranger, account.email, "wrong password")
    expect(stranger.get_by_role("alert")).to_have_text("The email or the password is wrong")
    expect(stranger.get_by_label("Email")).to_have_value(account.email)
    sign_in(stranger, account.email)
    expect(stranger).to_have_url(re.compile("/settings$"))


def test_a_link_to_the_sign_in_page_does_not_lead_elsewhere(stranger, site, account):
    stranger.goto("/login?next=//evil.example/")
    sign_in(stranger, account.email)
    expect(stranger).to_have_url(f"{site.url}/")


def test_logging_out_ends_the_session(newcomer):
    newcomer.page.goto("/")
    newcomer.page.get_by_role("button", name="Account menu").click()
    newcomer.page.get_by_role("button", name="Log out").click()
    expect(newcomer.page).to_have_url(re.compile("/login"))
    newcomer.page.goto("/")
    expect(newcomer.page).to_have_url(re.compile("/login"))


def private_remains(page):
    """What one person has written and the browser keeps, by name."""
    return page.evaluate("Object.keys(localStorage).filter(name => /^macrochat-/.test(name))")


# first-tree-ai/first-tree#1647
def test_what_was_written_leaves_the_browser_at_log_out_in_all_tabs(newcomer):
    chat = newcomer.enter()
    newcomer.write("Half a secret")
    other = newcomer.open_tab()
    other.goto("/")
    newcomer.write("Another half", page=other)
    assert len(private_remains(other)) == 2
    newcomer.page.bring_to_front()
    newcomer.page.get_by_role("button", name="Account menu").click()
    newcomer.page.get_by_role("button", name="Log out").click()
    for page in (newcomer.page, other):
        expect(page).to_have_url(re.compile("/login"))
        assert private_remains(page) == []
    sign_in(other, newcomer.email)
    newcomer.open(chat, page=other)
    expect(box(other)).to_have_value("")


@pytest.mark.parametrize("way", ["everywhere", "delete"])
def test_the_other_ways_out_leave_nothing_either(newcomer, way):
    newcomer.enter()
    newcomer.write("Half a secret")
    page = newcomer.page
    page.goto("/settings")
    if way == "everywhere":
        page.get_by_role("button", name="Sign out everywhere").click()
    else:
        page.locator("form[data-verb=delete] input[type=password]").fill(PASSWORD)
        page.locator("form[data-verb=delete] button:not([type=button])").click()
    expect(page).to_have_url(re.compile("/login"))
    assert private_remains(page) == []


def test_who_comes_next_finds_nothing_of_a_person_whose_session_ended(newcomer, site):
    chat = newcomer.enter()
    newcomer.write("Half a secret")
    newcomer.account.post("/api/auth/logout-all")
    newcomer.page.goto("/")
    sign_in(newcomer.page, newcomer.email)
    newcomer.open(chat)
    expect(box(newcomer.page)).to_have_value("Half a secret")
    newcomer.context.clear_cookies()
    newcomer.page.goto("/login")
    sign_in(newcomer.page, site.client().email)
    expect(box(newcomer.page)).to_be_visible()
    expect(newcomer.page.locator("#composer")).to_have_attribute("data-open", "yes")
    assert private_remains(newcomer.page) == []


def test_who_cannot_be_logged_out_is_told_so_and_keeps_the_draft(newcomer):
    newcomer.enter()
    newcomer.write("Half a thought")
    newcomer.page.route(re.compile("/api/auth/logout"), lambda route: route.abort())
    newcomer.page.get_by_role("button", name="Account menu").click()
    newcomer.page.get_by_role("button", name="Log out").click()
    expect(newcomer.page.get_by_text("You are still signed in. The server cannot be reached.")).to_be_visible()
    expect(box(newcomer.page)).to_have_value("Half a thought")


def test_w35_a_session_that_ends_in_mid_session_is_taken_up_again_with_the_text_kept(newcomer):
    chat = newcomer.enter()
    newcomer.account.post("/api/auth/logout-all")
    newcomer.send("Still here")
    dialog = newcomer.page.get_by_role("dialog", name="Please sign in again")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Password").fill("wrong password")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("The email or the password is wrong.")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect_status(last_reply(newcomer.page), "complete")
    newcomer.account.post("/api/auth/login", json={"email": newcomer.email, "password": PASSWORD})
    assert [message["content"] for message in newcomer.stored(chat)] == ["Still here", "Still here"]


def test_who_does_not_sign_in_again_keeps_the_text(newcomer):
    newcomer.enter()
    newcomer.account.post("/api/auth/logout-all")
    newcomer.send("Keep this")
    newcomer.page.get_by_role("dialog").get_by_role("button", name="Not now").click()
    expect(box(newcomer.page)).to_have_value("Keep this")
    expect(newcomer.page.get_by_role("alert").first).to_have_text("Please sign in.")


def test_who_is_signed_out_elsewhere_is_not_asked_until_they_do_something(newcomer):
    newcomer.page.clock.install()
    newcomer.enter()
    newcomer.account.post("/api/auth/logout-all")
    with newcomer.page.expect_response(re.compile(r"/api/chats\?")) as answer:
        newcomer.page.clock.run_for(10_500)
    assert answer.value.status == 401
    expect(newcomer.page.get_by_role("dialog")).to_be_hidden()
