"""Replies that think, as a person sees them."""

import re

import pytest
from playwright.sync_api import expect

from macrochat.providers.scripted import expected_text, expected_thought
from tests.browser.support import expect_status, last_reply, words
from tests.support.processes import wait_until

HELD = "gpt-5/scripted-thinks-hold:25:6"
SLOW = "scripted-thinks:30:100:20:50"


@pytest.fixture
def provider(scripted):
    scripted.reset()
    yield scripted
    scripted.release()


def thought(page):
    return last_reply(page).locator("details.thought").last


def thoughts_of(page):
    """The kinds of the last reply's parts, as the page shows them."""
    return last_reply(page).evaluate(
        """article => [...article.children].flatMap(child => {
            if (child.matches(".thought")) return ["reasoning"]
            if (child.matches(".seam")) return ["restart"]
            return child.matches(".message-body") && child.textContent.trim() ? ["text"] : []
        })"""
    )


def test_a_thought_streams_folded_with_a_clock_and_what_it_has_come_to(person, provider):
    person.enter(HELD)
    person.send("Think")
    line = thought(person.page)
    expect(line).not_to_have_attribute("open", "")
    expect(line.locator(".thought-gist")).to_have_text("Step 2")
    expect(line.locator(".thought-label")).to_have_text(re.compile(r"Thinking · \d+ s"))
    expect(last_reply(person.page).get_by_text("AI is thinking…")).to_be_hidden()
    provider.release()
    expect_status(last_reply(person.page), "complete")
    expect(line.locator(".thought-label")).to_have_text(re.compile("Thought for"))
    expect(last_reply(person.page).locator(".message-body")).to_have_text(words(6))
    expect(line.locator(".thought-body")).to_be_hidden()


def test_an_open_thought_is_markdown_live_and_the_same_after_a_reload(person, provider):
    person.enter(HELD)
    person.send("Think")
    line = thought(person.page)
    line.locator("summary").click()
    expect(line.locator(".thought-body strong").first).to_have_text("Step 0")
    expect(line.locator(".thought-body")).to_contain_text("Thought 24.")
    live = line.locator(".thought-body").inner_html()
    provider.release()
    expect_status(last_reply(person.page), "complete")
    expect(line.locator(".thought-body")).to_be_visible()
    assert line.locator(".thought-body").inner_html() == live
    person.page.reload()
    expect(thought(person.page)).to_have_attribute("open", "")  # as this person likes them
    expect(thought(person.page).locator(".thought-body strong").first).to_have_text("Step 0")
    assert thought(person.page).locator(".thought-body").inner_html() == live
    thought(person.page).locator("summary").click()
    person.page.reload()
    expect(thought(person.page)).not_to_have_attribute("open", "")


def test_a_page_that_comes_in_mid_thought_goes_on_with_it(person, provider):
    person.enter(SLOW)
    person.send("Think")
    expect(thought(person.page).locator(".thought-gist")).to_have_text("Step 0")
    person.page.reload()
    expect(thought(person.page).locator(".thought-gist")).to_have_text("Step 2")
    expect_status(last_reply(person.page), "complete")
    assert thoughts_of(person.page) == ["reasoning", "text"]
    thought(person.page).locator("summary").click()
    expect(thought(person.page).locator(".thought-body")).to_contain_text("Thought 29")
    told = thought(person.page).locator(".thought-body").inner_text()
    assert re.findall(r"Thought \d+", told) == re.findall(r"Thought \d+", expected_thought(SLOW))
    expect(last_reply(person.page).locator(".message-body")).to_have_text(expected_text(SLOW, []).strip())


def test_a_thought_is_copied_by_itself(person, provider):
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat = person.enter("scripted-thinks:5:0:5")
    person.send("Think")
    expect_status(last_reply(person.page), "complete")
    thought(person.page).locator("summary").click()
    thought(person.page).get_by_role("button", name="Copy the thought").click()
    expect(person.page.get_by_text("Copied")).to_be_visible()
    copied = person.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == expected_thought("scripted-thinks:5:0:5")
    last_reply(person.page).hover()
    person.button("Copy").last.click()
    wait_until(lambda: person.page.evaluate("() => navigator.clipboard.readText()") == "w0 w1 w2 w3 w4 ", what="copied")
    assert [part["type"] for part in person.stored(chat)[-1]["parts"]] == ["reasoning", "text"]


def test_an_answer_that_is_only_thought_says_so(person):
    person.enter("scripted-thinks-only")
    person.send("Think")
    expect_status(last_reply(person.page), "complete")
    expect(last_reply(person.page).locator(".message-notice")).to_have_text("The model thought, but wrote no answer.")
    expect(thought(person.page).locator(".thought-label")).to_have_text("Thought for a moment")


def test_a_thought_between_two_texts_stands_between_them(person):
    person.enter("scripted-thinks-after")
    person.send("Think")
    expect_status(last_reply(person.page), "complete")
    assert thoughts_of(person.page) == ["text", "reasoning", "text"]
    person.page.reload()
    assert thoughts_of(person.page) == ["text", "reasoning", "text"]


def test_who_cannot_wait_gets_the_answer_now(person, provider):
    chat = person.enter(HELD)
    person.send("Think")
    expect(thought(person.page).locator(".thought-gist")).to_have_text("Step 2")
    person.button("Answer now").click()
    expect(last_reply(person.page).locator(".seam")).to_have_text("Asked to answer now")
    provider.release()
    expect_status(last_reply(person.page), "complete")
    expect(person.button("Answer now")).to_be_hidden()
    kinds = [part["type"] for part in person.stored(chat)[-1]["parts"]]
    assert kinds == thoughts_of(person.page) == ["reasoning", "restart", "reasoning", "text"]


def test_the_effort_chip_is_there_for_models_that_can_be_asked_and_remembered(person, provider):
    person.enter("scripted-words:3")
    chip = person.page.locator("#effort")
    expect(person.page.locator("#model")).to_be_enabled()
    expect(chip).to_be_hidden()
    person.enter(HELD)
    expect(chip).to_be_visible()
    chip.select_option("high")
    person.send("Think")
    wait_until(lambda: provider.requests, what="a request")
    assert provider.requests[-1]["body"]["reasoning_effort"] == "high"
    provider.release()
    person.page.reload()
    expect(chip).to_have_value("high")


def test_screen_readers_hear_of_it_once(person, provider):
    person.enter("scripted-thinks:5:0:40:25")
    person.send("Think")
    announcer = person.page.locator("#announcer")
    expect(announcer).to_have_text("The model has thought and is answering.")
    expect_status(last_reply(person.page), "complete")
    expect(announcer).to_contain_text("Reply: w0 w1")
