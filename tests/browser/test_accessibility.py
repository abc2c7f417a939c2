"""WCAG 2.2 AA as far as a program can tell (axe-core), by keyboard, at 320 px and at 200 %."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, expect_status, last_reply

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = {"type": "rule", "values": ["color-contrast"]}  # all that a theme can change


def complaints(page, rules=ALL):
    """What axe finds, as one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("runOnly => axe.run(document, {runOnly})", rules)["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]} – {one['nodes'][0]['failureSummary']}" for one in found]


@pytest.fixture
def reader(newcomer):
    newcomer.chat = newcomer.enter("scripted-markdown")
    newcomer.send("Show me everything")
    expect_status(last_reply(newcomer.page), "complete")
    return newcomer


@pytest.mark.parametrize(("theme", "rules"), [("light", ALL), ("dark", CONTRAST)])
def test_nothing_to_complain_about_when_signed_in(reader, theme, rules):
    page = reader.page
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.get_by_role("button", name="Delete A chat").click()
    page.get_by_role("button", name="Account menu").click()
    assert complaints(page, rules) == []
    for path in ("/", "/settings", "/chats/00000000-0000-7000-8000-000000000000"):
        page.goto(path)
        assert complaints(page, rules) == [], path


@pytest.mark.parametrize(("theme", "rules"), [("light", ALL), ("dark", CONTRAST)])
def test_nothing_to_complain_about_at_the_door(chromium, site, theme, rules):
    context = chromium.new_context(base_url=site.url, color_scheme=theme)
    page = context.new_page()
    for path in ("/register", "/docs"):
        page.goto(path)
        assert complaints(page, rules) == [], path
    page.goto("/login")
    page.get_by_label("Email").fill("a@b.example")
    page.get_by_label("Password", exact=True).fill("wrong password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert complaints(page, rules) == []
    context.close()


def test_nothing_to_complain_about_when_things_go_wrong(person):
    person.page.emulate_media(reduced_motion="reduce")
    person.enter("scripted-status:401")
    person.send("Try")
    expect_status(last_reply(person.page), "failed")
    assert complaints(person.page) == []
    person.page.keyboard.press("Shift+Tab")
    person.page.keyboard.press("?")
    expect(person.page.get_by_role("dialog")).to_be_visible()
    assert complaints(person.page) == []


@pytest.mark.parametrize("width", [320, 600])
def test_nothing_is_cut_off_on_a_narrow_screen(reader, width):
    page = reader.page
    page.set_viewport_size({"width": width, "height": 640})
    for path in (f"/chats/{reader.chat}", "/", "/settings", "/docs"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("#main").evaluate("main => main.scrollWidth - main.clientWidth") <= 0, path
    page.goto(f"/chats/{reader.chat}")
    expect(box(page)).to_be_in_viewport()
    assert complaints(page) == []


def test_everything_is_there_at_twice_the_size(reader):
    """200 % zoom of a 1280 px window is a window of 640 CSS pixels."""
    page = reader.page
    page.set_viewport_size({"width": 640, "height": 360})
    page.goto(f"/chats/{reader.chat}")
    expect(box(page)).to_be_in_viewport()
    expect(page.get_by_role("button", name="Open sidebar")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_a_conversation_by_keyboard_alone(newcomer):
    page = newcomer.page
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    expect(newcomer.button("Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect_status(last_reply(page), "complete")
    expect(box(page)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(newcomer.button("Regenerate")).to_be_focused()


def test_w41_a_screen_reader_is_told_once_how_a_reply_goes(person):
    person.enter("scripted-slow-first:1500")
    person.send("Hi")
    announcer = person.page.locator("#announcer")
    expect(announcer).to_have_text("AI is thinking…")
    expect_status(last_reply(person.page), "complete")
    expect(announcer).to_contain_text("Reply: w0 w1")


def test_a_reply_is_announced_in_words_without_the_marks_of_markdown(person):
    person.enter("scripted-echo")
    person.send("Hello **world**")
    expect(person.page.locator("#announcer")).to_have_text("Reply: Hello world")
