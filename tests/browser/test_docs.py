"""/docs in a browser: links lead to their operation, commands can be copied, and it reads without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_link_of_the_contents_leads_to_its_operation(person):
    page = person.page
    page.goto("/docs")
    page.get_by_role("navigation", name="Operations").get_by_role("link", name="Send a message").click()
    expect(page.get_by_role("heading", name="Send a message and read the reply")).to_be_in_viewport()


def test_a_command_is_copied_as_it_stands(person):
    page = person.page
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/docs")
    page.get_by_role("button", name="Copy the command: List chats").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    command = page.locator("[aria-labelledby=listChats] .code-block code").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == command
    assert command.startswith(f'curl "{person.url}/api/chats')


def test_strangers_read_it_without_scripts(chromium, site):
    context = chromium.new_context(base_url=site.url, java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto("/docs")
    page.get_by_text("All operations").click()
    page.locator(".docs-small-contents").get_by_role("link", name="Stop a reply").click()
    expect(page.get_by_role("heading", name="Stop a reply")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Copy the command: Stop a reply")).to_be_hidden()
    context.close()
