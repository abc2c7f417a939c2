"""A chat longer than a page of messages: the button above the first one brings those before it."""

import pytest
from playwright.sync_api import expect

from tests.browser.support import expect_status, last_reply, messages
from tests.support.long_chats import fill

pytestmark = pytest.mark.browser


def test_earlier_messages_come_on_request_and_stay(person, site):
    chat = person.new_chat()
    fill(site.database_url, chat, 250, text=lambda number: f"message number {number}")
    person.open(chat)
    expect(messages(person.page)).to_have_count(200)
    first = person.page.get_by_text("message number 50", exact=True)
    first.scroll_into_view_if_needed()
    person.button("Show earlier messages").click()
    expect(messages(person.page)).to_have_count(250)
    expect(person.button("Show earlier messages")).to_be_hidden()
    expect(messages(person.page).first).to_contain_text("message number 0")
    expect(first).to_be_in_viewport()
    person.send("and now?")
    expect_status(last_reply(person.page), "complete")
    expect(messages(person.page)).to_have_count(252)
