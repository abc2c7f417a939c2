"""Theme, password, browsers, keys, and leaving for good."""

from __future__ import annotations

import re

import httpx2
import pytest
from playwright.sync_api import expect

from tests.support.servers import PASSWORD

pytestmark = pytest.mark.browser


def colours(page):
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_a_theme_is_worn_at_once_in_every_tab_and_from_the_first_byte(newcomer):
    page, other = newcomer.page, newcomer.open_tab()
    other.goto("/")
    page.goto("/settings")
    light = colours(page)
    page.get_by_text("Dark", exact=True).click()
    assert colours(page) != light
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    html = newcomer.context.request.get("/").text()
    assert '<html lang="en" data-theme="dark">' in html
    page.reload()
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()


def test_the_system_theme_follows_the_system(newcomer):
    newcomer.page.goto("/")
    newcomer.page.emulate_media(color_scheme="light")
    light = colours(newcomer.page)
    newcomer.page.emulate_media(color_scheme="dark")
    assert colours(newcomer.page) != light


def test_the_password_is_changed_and_other_browsers_are_signed_out(browse, newcomer):
    other = browse(newcomer.server)
    other.account.post("/api/auth/login", json={"email": newcomer.email, "password": PASSWORD})
    newcomer.page.goto("/settings")
    form = newcomer.page.locator("form[data-verb=password]")
    form.get_by_label("Current password").fill("not this one")
    form.get_by_label("New password").fill("another long password")
    form.get_by_role("button", name="Change password").click()
    expect(form.get_by_role("alert")).to_have_text("The password is wrong.")
    form.get_by_label("Current password").fill(PASSWORD)
    form.get_by_label("New password").fill("another long password")
    form.get_by_role("button", name="Change password").click()
    expect(newcomer.page.get_by_text("Password changed")).to_be_visible()
    expect(form.get_by_label("Current password")).to_have_value("")
    assert newcomer.account.get("/api/users/me").status_code == 200
    assert other.account.get("/api/users/me").status_code == 401


def test_a_key_is_shown_once_works_and_can_be_revoked(newcomer):
    newcomer.page.goto("/settings")
    newcomer.page.get_by_label("Name of the new key").fill("Backup")
    newcomer.page.get_by_label("Password to confirm").fill(PASSWORD)
    newcomer.button("Create key").click()
    expect(newcomer.page.locator("#new-key code")).to_have_text(re.compile(r"^mck_[\w-]{43}$"))
    key = newcomer.page.locator("#new-key code").inner_text()

    def status():
        return httpx2.get(f"{newcomer.url}/api/users/me", headers={"X-API-KEY": key}, trust_env=False).status_code

    assert status() == 200
    newcomer.page.reload()
    expect(newcomer.page.get_by_text("Backup")).to_be_visible()
    assert key not in newcomer.page.content()
    newcomer.button("Revoke Backup").click()
    expect(newcomer.page.get_by_text("Key revoked")).to_be_visible()
    assert status() == 401


def test_another_browser_can_be_signed_out_from_here(browse, newcomer):
    other = browse(newcomer.server)
    other.account.post("/api/auth/login", json={"email": newcomer.email, "password": PASSWORD})
    newcomer.page.goto("/settings")
    expect(newcomer.page.get_by_text("this browser")).to_have_count(1)
    newcomer.page.get_by_role("button", name=re.compile("End the session of")).click()
    expect(newcomer.page.get_by_role("button", name=re.compile("End the session of"))).to_have_count(0)
    assert other.account.get("/api/users/me").status_code == 401


def test_an_account_is_deleted_only_with_its_password(newcomer):
    newcomer.page.goto("/settings")
    form = newcomer.page.locator("form[data-verb=delete]")
    form.get_by_label("Your password").fill("wrong password")
    form.get_by_role("button", name="Delete my account").click()
    expect(form.get_by_role("alert")).to_have_text("The password is wrong.")
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_role("button", name="Delete my account").click()
    expect(newcomer.page).to_have_url(re.compile("/login"))
    answer = newcomer.server.anonymous().post("/api/auth/login", json={"email": newcomer.email, "password": PASSWORD})
    assert answer.status_code == 401
