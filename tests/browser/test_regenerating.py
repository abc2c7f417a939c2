"""Asking for another answer, going on with one, and what is wrong with a reply, as a person sees it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, expect_status, expect_text, last_reply, messages, words

pytestmark = pytest.mark.browser


@pytest.fixture
def answered(person):
    """In a chat with one complete answer: "Old answer"."""
    person.chat = person.enter()
    person.send("Old answer")
    expect_status(last_reply(person.page), "complete")
    return person


def use(person, model):
    person.account.patch(f"/api/chats/{person.chat}", json={"model": model})


def expect_old_answer(person, notice):
    for _ in range(2):
        expect_status(last_reply(person.page), "complete")
        expect_text(last_reply(person.page), "Old answer")
        expect(messages(person.page)).to_have_count(2)
        expect(last_reply(person.page).locator(".message-notice")).to_contain_text(notice)
        person.page.reload()


@pytest.mark.parametrize("model", ["scripted-status:401", "scripted-status:400"])
# princeton-ddss/blackfish#243
def test_a_refused_regenerate_leaves_the_answer_with_the_error_beside_it(answered, model):
    use(answered, model)
    answered.button("Regenerate").click()
    expect_old_answer(answered, "model")
    expect(answered.page.locator("#composer-error")).to_be_hidden()
    use(answered, "scripted-words:3")
    answered.button("Regenerate").click()
    expect_text(last_reply(answered.page), words(3))
    expect(last_reply(answered.page).locator(".message-notice")).to_be_hidden()


def test_stop_right_after_regenerate_stops_the_new_answer_and_gives_the_old_one_back(answered):
    use(answered, "scripted-slow-first:8000")
    answered.button("Regenerate").click()
    expect(last_reply(answered.page).get_by_text("AI is thinking…")).to_be_visible()
    expect_text(last_reply(answered.page), "Old answer")
    answered.page.wait_for_timeout(800)
    answered.button("Stop").click()
    expect_status(last_reply(answered.page), "complete", seconds=5)
    running = answered.account.get(f"/api/chats/{answered.chat}/stream")
    assert running.status_code == 204
    expect_old_answer(answered, "the one before it")


# janhq/jan#418
@pytest.mark.parametrize("way", ["reloaded", "followed by another tab"])
def test_an_answer_is_back_for_whoever_came_while_its_replacement_was_silent(answered, holding, way):
    use(answered, "scripted-hold:0")
    page = answered.page
    answered.button("Regenerate").click()
    expect(last_reply(page).get_by_text("AI is thinking…")).to_be_visible()
    if way == "reloaded":
        page.reload()
    else:
        page = answered.open_tab()
        answered.open(answered.chat, page=page)
    expect(last_reply(page).get_by_text("AI is thinking…")).to_be_visible()
    answered.button("Stop", page=page).click()
    expect_status(last_reply(page), "complete", seconds=5)
    expect_text(last_reply(page), "Old answer")
    expect(last_reply(page).locator(".message-notice")).to_contain_text("the one before it")


def test_a_reply_at_the_length_limit_can_be_continued_by_keyboard(person):
    chat = person.enter("scripted-length:6:12")
    person.send("Count")
    expect_status(last_reply(person.page), "complete")
    for _ in range(2):
        expect_text(last_reply(person.page), words(6))
        expect(last_reply(person.page).locator(".message-notice")).to_contain_text("length limit")
        expect(person.button("Continue")).to_be_visible()
        person.page.reload()
    box(person.page).focus()
    person.page.keyboard.press("Shift+Tab")
    expect(person.button("Continue")).to_be_focused()
    person.page.keyboard.press("Enter")
    expect_text(last_reply(person.page), words(12))
    expect_status(last_reply(person.page), "complete")
    expect(person.button("Continue")).to_be_hidden()
    assert len(person.stored(chat)) == 2


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ("scripted-status:401", "its operator must check the API key"),
        ("scripted-status:404", "does not have the model scripted-status:404, or not at this address; choose another"),
    ],
)
def test_a_refusal_says_once_what_to_do_and_retry_is_offered_where_it_helps(person, model, what):
    """What is refused is refused again: asking anew stays possible, but is not proposed."""
    person.enter(model)
    person.send("Try")
    expect_status(last_reply(person.page), "failed")
    for _ in range(2):
        expect(person.page.get_by_text(what)).to_have_count(1)
        expect(last_reply(person.page).locator(".message-notice")).to_contain_text(what)
        expect(person.button("Retry")).to_be_hidden()
        expect(person.button("Regenerate")).to_be_visible()
        person.page.reload()


def test_a_message_that_a_failover_lost_is_offered_again(newcomer):
    chat = newcomer.enter()
    newcomer.send("Once acknowledged")
    expect_status(last_reply(newcomer.page), "complete")
    page = newcomer.page
    kept = page.evaluate("Object.entries(localStorage).filter(([name]) => name.startsWith('macrochat-outbox'))")
    [[name, entry]] = kept
    gone = "00000000-0000-7000-8000-000000000000"
    lost = re.sub(r'"(userMessageId|replyId|key)":"[^"]*"', rf'"\1":"{gone}"', entry).replace("Once", "Twice")
    page.evaluate("([name, entry]) => localStorage.setItem(name, entry)", [name.rsplit(":", 1)[0] + ":" + gone, lost])
    page.reload()
    message = messages(page, "user").last
    expect(message).to_contain_text("Twice acknowledged")
    expect(message).to_contain_text("The server has lost this message")
    newcomer.button("Send again").click()
    expect(messages(page, "user")).to_have_count(2)
    expect_status(last_reply(page), "complete")
    expect(newcomer.button("Send again")).to_have_count(0)
    said = [one["content"] for one in newcomer.stored(chat) if one["role"] == "user"]
    assert said == ["Once acknowledged", "Twice acknowledged"]
