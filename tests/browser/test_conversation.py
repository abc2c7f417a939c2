"""Writing, watching a reply come in, stopping it, asking again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, distance_to_end, expect_status, expect_text, last_reply, messages, text_of, words
from tests.support.processes import wait_until

pytestmark = pytest.mark.browser


def test_a_server_without_models_is_called_so(newcomer):
    page = newcomer.page
    page.route("**/api/models", lambda route: route.fulfill(json={"success": True, "data": []}))
    page.goto("/")
    expect(page.get_by_label("Model")).to_have_text("No models")
    page.unroute("**/api/models")
    newcomer.send("Is one there now?")
    expect_status(last_reply(page), "complete")
    expect(page.get_by_label("Model")).to_be_enabled()
    expect(page.get_by_label("Model")).to_contain_text("scripted-echo")


def test_w30_the_first_message_makes_the_chat_and_names_it(person):
    person.page.goto("/")
    expect(person.page.get_by_text("Start a new conversation to begin chatting with AI")).to_be_visible()
    person.send("Why is the sky blue?")
    expect(person.page).to_have_url(re.compile(r"/chats/[0-9a-f-]{36}$"))
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), "Why is the sky blue?")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Why is the sky blue?")
    row = person.page.get_by_role("navigation", name="Chat history").get_by_role("link", name="Why is the sky blue?")
    expect(row).to_have_attribute("aria-current", "page")


def test_words_are_seen_while_the_reply_still_streams(person, holding):
    person.enter("scripted-hold:3")
    person.send("Count")
    reply = last_reply(person.page)
    expect_status(reply, "streaming")
    expect_text(reply, words(3))
    expect(reply.locator(".streaming-cursor")).to_be_visible()
    holding.release()
    expect_status(reply, "complete")
    expect_text(reply, words(13))
    expect(reply.locator(".streaming-cursor")).to_be_hidden()


def test_a_reply_that_has_no_words_yet_says_that_the_model_thinks(person, holding):
    person.enter("scripted-hold:0")
    person.send("Think")
    reply = last_reply(person.page)
    expect_status(reply, "thinking")
    expect(reply.get_by_text("AI is thinking…")).to_be_visible()
    expect(reply.locator(".spinner")).to_be_visible()
    holding.release()
    expect_status(reply, "complete")
    expect(reply.get_by_text("AI is thinking…")).to_be_hidden()


def test_a_reload_in_the_middle_of_a_reply_loses_and_repeats_nothing(person, holding):
    chat = person.enter("scripted-hold:3")
    person.send("Count")
    expect_text(last_reply(person.page), words(3))
    person.page.reload()
    expect_status(last_reply(person.page), "streaming")
    holding.release()
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), words(13))
    assert [message["role"] for message in person.stored(chat)] == ["user", "assistant"]


def test_a_stored_reply_looks_as_it_did_when_it_streamed(person):
    person.enter("scripted-markdown")
    person.send("Show me")
    expect_status(last_reply(person.page), "complete")
    body = last_reply(person.page).locator(".message-body")
    expect(body.locator(".code-keyword").first).to_be_attached()
    streamed = body.inner_html()
    person.page.reload()
    expect(body.locator("table")).to_be_visible()
    expect(body.locator(".code-keyword").first).to_be_attached()
    assert body.inner_html() == streamed
    assert person.page.locator(".message-body script, .message-body img").count() == 0


def write_long_chat(person):
    texts = ["**needle3** word", *("\n".join(f"line {k} of {n}" for k in range(60)) for n in range(3))]
    for number, text in enumerate(texts, 1):
        person.send(text)
        expect(messages(person.page, "assistant")).to_have_count(number)
        expect_status(last_reply(person.page), "complete")


# eltmon/overdeck#1461
def test_the_browsers_search_finds_formatted_words_far_off_the_screen(person):
    person.enter("scripted-echo")
    page = person.page
    write_long_chat(person)
    page.reload()
    expect(messages(page, "assistant").first.locator("strong")).to_be_attached()
    assert page.evaluate("getSelection().removeAllRanges() ?? find('needle3 word')")
    assert page.evaluate("getSelection().anchorNode.parentElement.localName") == "strong"


def test_a_reply_that_was_not_drawn_yet_is_drawn_for_the_browsers_search(person):
    person.page.add_init_script("window.requestIdleCallback = () => {}")
    person.enter("scripted-echo")
    page = person.page
    write_long_chat(person)
    page.reload()
    expect(last_reply(page).locator(".message-actions")).to_be_attached()
    assert messages(page, "assistant").first.locator("strong").count() == 0
    page.keyboard.press("Control+f")
    assert messages(page, "assistant").first.locator("strong").count() == 1


def test_stop_ends_the_reply_within_a_second_and_keeps_its_words(person):
    chat = person.enter("scripted-endless:30")
    person.send("On and on")
    expect(last_reply(person.page).locator(".message-body")).to_contain_text("w5")
    person.button("Stop").click()
    expect_status(last_reply(person.page), "stopped", seconds=1.5)
    shown = text_of(last_reply(person.page))
    assert shown == person.stored(chat)[-1]["content"].strip()
    expect(person.button("Send")).to_be_visible()
    expect(person.page.get_by_text("You stopped this reply.")).to_be_visible()


def test_escape_stops_too(person):
    person.enter("scripted-endless:30")
    person.send("On and on")
    expect_status(last_reply(person.page), "streaming")
    person.page.keyboard.press("Escape")
    expect_status(last_reply(person.page), "stopped")


def test_enter_sends_and_shift_enter_breaks_the_line(person):
    chat = person.enter()
    box(person.page).press_sequentially("one")
    box(person.page).press("Shift+Enter")
    box(person.page).press_sequentially("two")
    box(person.page).press("Enter")
    expect_status(last_reply(person.page), "complete")
    assert person.stored(chat)[0]["content"] == "one\ntwo"


def test_enter_that_ends_a_composition_does_not_send(person):
    chat = person.enter()
    person.write("にほん")
    box(person.page).evaluate(
        "box => box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"
    )
    expect(box(person.page)).to_have_value("にほん")
    assert person.stored(chat) == []


def test_w32_a_double_click_on_send_posts_once(person):
    chat = person.enter("scripted-words:40:25")
    person.write("Once")
    person.page.evaluate("() => { const send = document.getElementById('send'); send.click(); send.click() }")
    expect_status(last_reply(person.page), "complete")
    assert [message["content"] for message in person.stored(chat) if message["role"] == "user"] == ["Once"]


def test_the_next_message_can_be_written_but_not_sent_while_a_reply_runs(person, holding):
    chat = person.enter("scripted-hold:3")
    person.send("First")
    expect_status(last_reply(person.page), "streaming")
    person.send("Second")
    expect(box(person.page)).to_have_value("Second")
    holding.release()
    expect_status(last_reply(person.page), "complete")
    assert len(person.stored(chat)) == 2


def test_a_refusal_is_a_sentence_and_retry_posts_nothing_twice(person):
    chat = person.enter("scripted-fail-then-ok:1")
    person.send("Try")
    expect_status(last_reply(person.page), "failed")
    expect(last_reply(person.page).locator(".message-notice")).to_contain_text("model")
    assert "{" not in last_reply(person.page).locator(".message-notice").inner_text()
    person.button("Retry").click()
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), "Try")
    assert [message["content"] for message in person.stored(chat)] == ["Try", "Try"]


def test_continue_goes_on_behind_what_there_is(person):
    chat = person.enter("scripted-cut:6")
    person.send("Count")
    expect_status(last_reply(person.page), "failed")
    expect_text(last_reply(person.page), words(6))
    person.button("Continue").click()
    expect_status(last_reply(person.page), "complete")
    assert text_of(last_reply(person.page)) == person.stored(chat)[-1]["content"].strip()
    assert text_of(last_reply(person.page)).startswith(words(6))
    assert messages(person.page).count() == 2


def test_w27_regenerate_asks_again_in_place(person):
    chat = person.enter()
    person.send("Again")
    expect_status(last_reply(person.page), "complete")
    before = last_reply(person.page).get_attribute("data-message-id")
    person.button("Regenerate").click()
    expect(last_reply(person.page)).not_to_have_attribute("data-message-id", before)
    expect_status(last_reply(person.page), "complete")
    assert messages(person.page).count() == 2
    assert [message["role"] for message in person.stored(chat)] == ["user", "assistant"]


def test_w43_copy_gives_the_text_as_it_was_written(person):
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat = person.enter("scripted-markdown")
    person.send("Show me")
    expect_status(last_reply(person.page), "complete")
    last_reply(person.page).get_by_role("button", name="Copy", exact=True).last.click()
    expect(person.page.get_by_text("Copied", exact=True)).to_be_visible()
    assert person.page.evaluate("navigator.clipboard.readText()") == person.stored(chat)[-1]["content"]


def test_a_reader_who_has_scrolled_up_is_left_there(person):
    person.enter("scripted-words:2000")
    person.send("A long one, please")
    expect_status(last_reply(person.page), "complete")
    scroller = person.page.locator("#conversation")
    wait_until(lambda: distance_to_end(person.page) < 5)
    scroller.hover()
    person.page.mouse.wheel(0, -900)
    expect(person.button("Jump to latest")).to_be_visible()
    top = scroller.evaluate("scroller => scroller.scrollTop")
    person.send("And another")
    expect(person.button("Jump to latest")).to_be_hidden()
    expect_status(last_reply(person.page), "complete")
    scroller.hover()
    person.page.mouse.wheel(0, -900)
    expect(person.button("Jump to latest")).to_be_visible()
    assert scroller.evaluate("scroller => scroller.scrollTop") > top
    person.button("Jump to latest").click()
    wait_until(lambda: distance_to_end(person.page) < 5)


def test_w37_scrolling_up_while_words_come_in_holds(person):
    person.page.set_viewport_size({"width": 700, "height": 420})
    person.enter("scripted-endless:30")
    person.send("\n".join(f"line {k}" for k in range(20)))
    expect(last_reply(person.page).locator(".message-body")).to_contain_text("w20")
    person.page.locator("#conversation").hover()
    person.page.mouse.wheel(0, -400)
    expect(person.button("Jump to latest")).to_be_visible()
    top = person.page.locator("#conversation").evaluate("scroller => scroller.scrollTop")
    expect(last_reply(person.page).locator(".message-body")).to_contain_text("w60")
    assert abs(person.page.locator("#conversation").evaluate("scroller => scroller.scrollTop") - top) < 3
    person.button("Stop").click()
    expect_status(last_reply(person.page), "stopped")
