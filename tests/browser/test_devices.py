"""Two tabs, two devices: one reply, one transcript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, expect_status, expect_text, last_reply, messages, text_of, words

pytestmark = pytest.mark.browser


def test_a_second_tab_shows_the_same_reply_live(person):
    chat = person.enter("scripted-endless:30")
    person.send("On and on")
    expect(last_reply(person.page).locator(".message-body")).to_contain_text("w5")
    other = person.open_tab()
    person.open(chat, page=other)
    expect_status(last_reply(other), "streaming")
    expect(last_reply(other).locator(".message-body")).to_contain_text("w40")
    person.button("Stop", page=other).click()
    for page in (person.page, other):
        expect_status(last_reply(page), "stopped", seconds=2)
        assert text_of(last_reply(page)) == person.stored(chat)[-1]["content"].strip()


def test_a_tab_that_is_open_already_follows_without_a_reload(person):
    chat = person.enter("scripted-endless:30")
    other = person.open_tab()
    person.open(chat, page=other)
    person.page.bring_to_front()
    person.send("On and on")
    other.bring_to_front()
    expect(messages(other, "user").locator(".message-body")).to_have_text(["On and on"])
    expect_status(last_reply(other), "streaming")
    person.button("Stop", page=other).click()
    expect_status(last_reply(person.page), "stopped", seconds=2)


def test_another_device_sees_what_was_said_here_and_can_stop_it(browse, site, account, person):
    chat = person.enter("scripted-endless:30")
    elsewhere = browse(site, account=account)
    elsewhere.page.clock.install()
    elsewhere.open(chat)
    person.send("Said on the phone")
    expect_status(last_reply(person.page), "streaming")
    elsewhere.page.clock.run_for(10_500)
    expect_text(messages(elsewhere.page, "user").last, "Said on the phone")
    expect_status(last_reply(elsewhere.page), "streaming")
    elsewhere.button("Stop").click()
    expect_status(last_reply(elsewhere.page), "stopped", seconds=2)
    expect_status(last_reply(person.page), "stopped", seconds=2)


def test_sending_in_two_tabs_at_once_posts_one_and_keeps_the_other(person):
    chat = person.enter("scripted-words:40:45")
    other = person.open_tab()
    person.open(chat, page=other)
    person.write("from the first")
    person.write("from the second", page=other)
    for page in (person.page, other):
        page.evaluate("document.getElementById('send').click()")
    for page in (person.page, other):
        page.bring_to_front()
        expect_status(last_reply(page), "complete")
        expect_text(last_reply(page), words(40))
    asked = [message["content"] for message in person.stored(chat) if message["role"] == "user"]
    kept = [box(page).input_value() for page in (person.page, other)]
    assert sorted(asked + [text for text in kept if text]) == ["from the first", "from the second"]
    assert len(asked) == 1


def test_a_tab_where_nothing_happens_asks_less_and_less(newcomer):
    page = newcomer.page
    page.clock.install()
    chat = newcomer.enter()
    asked = []
    page.on("response", lambda answer: asked.append(answer.status) if "/api/chats?" in answer.url else None)
    for _ in range(5):
        with page.expect_response("**/api/chats?*"):
            page.clock.run_for(10_000)
    assert set(asked[1:]) == {304}
    for _ in range(60):
        page.clock.run_for(60_000)
        page.wait_for_timeout(20)
    assert len(asked) < 60
    newcomer.account.patch(f"/api/chats/{chat}", json={"title": "Named elsewhere", "model": "scripted-markdown"})
    page.mouse.move(300, 300)
    page.clock.run_for(11_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Named elsewhere")
    expect(page.get_by_label("Model")).to_have_value("scripted-markdown")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_label("Model").select_option("scripted-echo")
    newcomer.send("Who is it now?")
    expect_text(last_reply(page), "Who is it now?")
    expect(page.get_by_label("Model")).to_have_value("scripted-echo")


def test_a_message_that_waits_for_its_server_goes_out_soon_however_long_that_was_away(newcomer):
    page = newcomer.page
    page.clock.install()
    chat = newcomer.enter()
    page.route("**/api/**", lambda route: route.abort())
    newcomer.send("Patience")
    for _ in range(60):
        page.clock.run_for(30_000)
        page.wait_for_timeout(20)
    page.unroute("**/api/**")
    page.clock.run_for(11_000)
    expect_status(last_reply(page), "complete")
    assert [message["content"] for message in newcomer.stored(chat)] == ["Patience", "Patience"]


def test_a_chat_deleted_elsewhere_leaves_the_list(newcomer):
    kept, gone = newcomer.new_chat(title="Kept"), newcomer.new_chat(title="Gone")
    newcomer.page.clock.install()
    newcomer.open(kept)
    rows = newcomer.page.get_by_role("navigation", name="Chat history")
    expect(rows.get_by_role("link", name="Gone")).to_be_visible()
    newcomer.account.delete(f"/api/chats/{gone}")
    newcomer.page.clock.run_for(10_500)
    expect(rows.get_by_role("link", name="Gone")).to_have_count(0)
    expect(rows.get_by_role("link", name="Kept")).to_be_visible()


def test_a_tab_that_nobody_sees_gives_its_connection_back_and_catches_up(person):
    """Browsers have six connections for a server: the seventh tab with a reply would wait for ever."""
    person.page.clock.install()
    person.enter("scripted-endless:30")
    person.send("On and on")
    expect_status(last_reply(person.page), "streaming")
    turn_away(person.page, True)
    person.page.clock.run_for(16_000)
    before = text_of(last_reply(person.page))
    person.page.wait_for_timeout(500)
    assert text_of(last_reply(person.page)) == before
    turn_away(person.page, False)
    expect(last_reply(person.page).locator(".message-body")).to_contain_text(before + " w")
    person.button("Stop").click()
    expect_status(last_reply(person.page), "stopped")


def turn_away(page, hidden):
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true })
          document.dispatchEvent(new Event('visibilitychange'))
        }""",
        hidden,
    )
