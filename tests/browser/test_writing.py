"""What a keyboard, an input method, a phone and an example do to the message that is being written."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, expect_status, last_reply, messages

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# The Enter that ends a composition: as Chromium and Firefox tell it, and as Safari does, which ends the composition first
# (WebKit bug 165004, mckaywrigley/chatbot-ui#718).
OF_AN_INPUT_METHOD = [{"isComposing": True}, {"isComposing": False, "keyCode": 229}]


def press(target, key, facts):
    """Whether the page left the key to the browser."""
    script = """(target, {key, facts}) => target.dispatchEvent(
      new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true, ...facts}))"""
    return target.evaluate(script, {"key": key, "facts": facts})


@pytest.mark.parametrize("facts", OF_AN_INPUT_METHOD)
def test_enter_that_chooses_a_word_sends_nothing(person, facts):
    chat = person.enter()
    person.write("にほん")
    assert press(box(person.page), "Enter", facts)
    person.button("Collapse sidebar").focus()
    expect(box(person.page)).to_have_value("にほん")
    expect(messages(person.page)).to_have_count(0)
    assert person.stored(chat) == []


@pytest.mark.parametrize("facts", OF_AN_INPUT_METHOD)
def test_keys_of_an_input_method_are_no_shortcuts(person, facts):
    """Escape leaves the list of words: it stops no reply, closes no dialog, empties no search, ends no renaming."""
    page = person.page
    chat = person.enter("scripted-endless:30")
    person.send("On and on")
    expect_status(last_reply(page), "streaming")
    for key in ("Escape", "/", "?"):
        press(box(page), key, facts)
    search = page.get_by_role("searchbox", name="Search chats")
    search.fill("A chat")
    press(search, "Escape", facts)
    expect(search).to_have_value("A chat")
    page.get_by_role("button", name="Rename A chat").first.click()
    title = page.get_by_role("textbox", name="Chat title")
    press(title, "Escape", facts)
    press(title, "Enter", facts)
    expect(title).to_be_visible()
    page.evaluate("document.getElementById('sign-in-again').showModal()")
    press(page.get_by_role("dialog").get_by_label("Email"), "Escape", facts)
    expect(page.get_by_role("dialog", name="Please sign in again")).to_be_visible()
    expect_status(last_reply(page), "streaming")
    person.account.post(f"/api/chats/{chat}/stop")


@pytest.mark.parametrize("facts", OF_AN_INPUT_METHOD)
def test_an_input_method_is_heard_before_the_page_is_ready(person, facts):
    chat = person.new_chat()
    page = person.page
    page.route("**/js/pages/chat.js", lambda route: None)
    page.goto(f"/chats/{chat}", wait_until="commit")
    person.write("にほん")
    press(box(page), "Enter", facts)
    assert page.evaluate("document.getElementById('composer').dataset.sendWhenOpen") is None
    page.unroute_all(behavior="ignoreErrors")


# element-hq/hydrogen-web#636
def test_enter_on_a_phone_is_a_new_line_and_the_button_sends(browse, site, account):
    phone = browse(site, account=account, **PHONE)
    chat = phone.enter()
    assert box(phone.page).evaluate("box => box.enterKeyHint") == "enter"
    box(phone.page).tap()
    for key in ("a", "Enter", "b"):
        box(phone.page).press(key)
    expect(box(phone.page)).to_have_value("a\nb")
    phone.button("Send").tap()
    expect_status(last_reply(phone.page), "complete")
    box(phone.page).press_sequentially("by keyboard")
    box(phone.page).press("Control+Enter")
    expect(messages(phone.page, "user")).to_have_count(2)
    expect_status(last_reply(phone.page), "complete")
    assert [said["content"] for said in phone.stored(chat) if said["role"] == "user"] == ["a\nb", "by keyboard"]


# epam/ai-dial-chat#8754
def test_a_draft_survives_an_example(newcomer):
    page = newcomer.page
    page.goto("/")
    first, second = page.locator("[data-prompt]").nth(0), page.locator("[data-prompt]").nth(1)
    examples = [example.get_attribute("data-prompt") for example in (first, second)]
    first.click()
    expect(box(page)).to_have_value(examples[0])
    second.click()
    expect(box(page)).to_have_value(examples[1])
    box(page).fill("What I typed")
    first.click()
    expect(box(page)).to_have_value(f"What I typed\n\n{examples[0]}")
    expect(box(page)).to_be_focused()
    page.keyboard.press("Control+z")
    expect(box(page)).to_have_value("What I typed")
    first.click()
    page.reload()
    expect(box(page)).to_have_value(f"What I typed\n\n{examples[0]}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_focus_is_told_by_a_neutral_ring(browse, site, account, theme):
    """Red says that something is wrong. 3 : 1 against what surrounds it (WCAG 2.2, 1.4.11)."""
    reader = browse(site, account=account, color_scheme=theme)
    page = reader.page
    reader.enter()
    conversation = page.get_by_role("region", name="Conversation")
    page.keyboard.press("Shift+Tab")
    conversation.focus()
    rings = [ring_of(conversation), ring_of(page.locator(".account-button")), ring_of(page.locator("#search"))]
    box(page).focus()
    expect(page.locator(".composer-box")).to_have_css("border-color", rings[0])
    page.context.clear_cookies()
    page.goto("/login")
    rings.append(ring_of(page.get_by_label("Email")))
    assert len(set(rings)) == 1
    red, green, blue = (int(part) for part in rings[0].removeprefix("rgb(").removesuffix(")").split(", "))
    assert max(red, green, blue) - min(red, green, blue) < 16
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert contrast(rings[0], background) >= 3


def ring_of(element):
    element.focus()
    element.page.keyboard.press("Shift")
    return element.evaluate("element => getComputedStyle(element).outlineColor")


def contrast(*colors):
    lights = sorted(luminance(color) for color in colors)
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(color):
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(", ")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
