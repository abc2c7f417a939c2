"""Finding, naming and deleting chats."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import DESK, box

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 740}


def rows(page):
    return page.get_by_role("navigation", name="Chat history")


@pytest.fixture
def owner(newcomer):
    newcomer.chat = newcomer.new_chat(title="Winter tyres")
    newcomer.other = newcomer.new_chat(title="Leek soup")
    newcomer.open(newcomer.chat)
    return newcomer


def rename(page, title, wanted, key="Enter"):
    page.get_by_role("button", name=f"Rename {title}").click()
    field = page.get_by_role("textbox", name="Chat title")
    expect(field).to_be_focused()
    field.fill(wanted)
    field.press(key)


def test_an_empty_list_says_what_to_do(newcomer):
    newcomer.page.goto("/")
    expect(rows(newcomer.page)).to_contain_text("No chats yet")
    expect(rows(newcomer.page)).to_contain_text("Create your first chat to get started")


def test_w31_rename_shows_at_once_everywhere(owner):
    rename(owner.page, "Winter tyres", "  Summer tyres ")
    expect(rows(owner.page).get_by_role("link", name="Summer tyres")).to_be_visible()
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("Summer tyres")
    expect(owner.page).to_have_title(re.compile("Summer tyres"))
    expect(owner.page.get_by_text("Chat title updated successfully!")).to_be_visible()
    owner.page.reload()
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("Summer tyres")


def test_escape_and_an_unchanged_name_ask_nobody(owner):
    asked = []
    owner.page.on("request", lambda request: asked.append(request.method))
    rename(owner.page, "Winter tyres", "Other", "Escape")
    expect(owner.page.get_by_role("button", name="Rename Winter tyres")).to_be_focused()
    rename(owner.page, "Winter tyres", "Winter tyres")
    expect(owner.page.get_by_role("textbox", name="Chat title")).to_have_count(0)
    assert "PATCH" not in asked


def test_a_rename_that_fails_is_taken_back(owner):
    owner.page.route(re.compile("/api/chats/"), lambda route: route.abort())
    rename(owner.page, "Winter tyres", "Summer tyres")
    expect(owner.page.get_by_text("Failed to update chat title. Please try again.")).to_be_visible()
    expect(rows(owner.page).get_by_role("link", name="Winter tyres")).to_be_visible()


def test_delete_asks_first_and_then_leads_away_from_what_is_gone(owner):
    owner.page.get_by_role("button", name="Delete Winter tyres").click()
    expect(owner.page.get_by_text('Delete "Winter tyres"?')).to_be_visible()
    expect(owner.page.get_by_text("This action cannot be undone.")).to_be_visible()
    owner.button("Cancel").click()
    expect(rows(owner.page).get_by_role("link", name="Winter tyres")).to_be_visible()
    owner.page.get_by_role("button", name="Delete Winter tyres").click()
    owner.button("Confirm deletion").click()
    expect(owner.page).to_have_url(f"{owner.url}/")
    expect(rows(owner.page).get_by_role("link", name="Winter tyres")).to_have_count(0)
    assert owner.account.get(f"/api/chats/{owner.chat}").status_code == 404


def test_a_delete_that_fails_brings_the_row_back(owner):
    owner.page.route(re.compile("/api/chats/"), lambda route: route.abort())
    owner.page.get_by_role("link", name="Leek soup").hover()
    owner.page.get_by_role("button", name="Delete Leek soup").click()
    owner.button("Confirm deletion").click()
    expect(owner.page.get_by_text("Failed to delete chat. Please try again.")).to_be_visible()
    expect(rows(owner.page).get_by_role("link", name="Leek soup")).to_be_visible()


def test_search_narrows_the_list_and_escape_widens_it_again(owner):
    owner.page.keyboard.press("Control+k")
    field = owner.page.get_by_role("searchbox", name="Search chats")
    expect(field).to_be_focused()
    field.fill("soup")
    expect(rows(owner.page).get_by_role("link")).to_have_text(["Leek soup"])
    field.fill("nothing like it")
    expect(rows(owner.page)).to_contain_text("No chats found")
    field.press("Escape")
    expect(rows(owner.page).get_by_role("link")).to_have_count(2)


def test_w38_chats_beyond_the_first_page_can_be_reached(newcomer):
    for number in range(45):
        newcomer.new_chat(title=f"Chat {number}")
    newcomer.page.goto("/")
    expect(rows(newcomer.page).get_by_role("link", name="Chat 0", exact=True)).to_have_count(0)
    newcomer.page.get_by_role("link", name="Older chats").click()
    expect(rows(newcomer.page).get_by_role("link", name="Chat 0", exact=True)).to_be_visible()
    expect(newcomer.page.get_by_role("link", name="Older chats")).to_be_hidden()


def many_chats(person, count):
    """The ids of `count` chats by title, newest last."""
    return {f"Chat {number}": person.new_chat(title=f"Chat {number}") for number in range(count)}


def titles(page):
    return rows(page).locator(".chat-title").all_inner_texts()


def test_older_chats_are_all_there_once_whatever_others_do_meanwhile(newcomer):
    chats = many_chats(newcomer, 60)
    newcomer.page.goto("/")
    for number in (59, 58, 57):
        newcomer.account.delete(f"/api/chats/{chats.pop(f'Chat {number}')}")
    newcomer.account.patch(f"/api/chats/{chats.pop('Chat 3')}", json={"title": "Changed"})
    newcomer.page.get_by_role("link", name="Older chats").click()
    expect(rows(newcomer.page).get_by_role("link", name="Chat 0", exact=True)).to_be_visible()
    expect(newcomer.page.get_by_role("link", name="Older chats")).to_be_hidden()
    assert [title for title in titles(newcomer.page) if title in chats] == list(reversed(chats))


def test_a_long_list_stays_whole_when_another_device_pushes_it_down(newcomer):
    chats = many_chats(newcomer, 125)
    newcomer.page.goto("/")
    for number in (84, 44, 4):
        expect(rows(newcomer.page).get_by_role("link", name=f"Chat {number}", exact=True)).to_have_count(0)
        newcomer.page.get_by_role("link", name="Older chats").click()
        expect(rows(newcomer.page).get_by_role("link", name=f"Chat {number}", exact=True)).to_have_count(1)
    newcomer.new_chat(title="From elsewhere")
    newcomer.account.delete(f"/api/chats/{chats.pop('Chat 100')}")
    newcomer.page.evaluate("dispatchEvent(new Event('online'))")
    expect(rows(newcomer.page).get_by_role("link", name="From elsewhere")).to_be_visible()
    assert titles(newcomer.page) == ["From elsewhere", *reversed(chats)]


def test_who_comes_by_a_search_can_reach_older_chats_too(newcomer):
    many_chats(newcomer, 41)
    newcomer.page.goto("/?q=Chat+40")
    expect(rows(newcomer.page).get_by_role("link")).to_have_text(["Chat 40"])
    newcomer.page.get_by_role("searchbox", name="Search chats").press("Escape")
    newcomer.page.get_by_role("link", name="Older chats").click()
    expect(rows(newcomer.page).get_by_role("link", name="Chat 0", exact=True)).to_be_visible()


def height_of(page, title):
    """Pixels from the top of the list to a row, and how much of the list is in sight."""
    return page.evaluate(
        """title => {
          const list = document.getElementById('chat-list')
          const row = [...list.querySelectorAll('.chat-row')].find(row => row.querySelector('.chat-title').textContent === title)
          return [row.getBoundingClientRect().top - list.getBoundingClientRect().top, list.clientHeight]
        }""",
        title,
    )


def expect_marked(page, title):
    row = rows(page).get_by_role("link", name=title, exact=True)
    expect(row).to_have_attribute("aria-current", "page")
    expect(row).to_be_in_viewport()
    expect(rows(page).locator("[aria-current]")).to_have_count(1)


# discourse/discourse#42864
def test_the_list_keeps_its_place_and_marks_a_chat_far_down(newcomer):
    page = newcomer.page
    chats = many_chats(newcomer, 160)
    page.goto("/")
    for number in (119, 79, 39):
        page.get_by_role("link", name="Older chats").click()
        expect(rows(page).get_by_role("link", name=f"Chat {number}", exact=True)).to_have_count(1)
    row = rows(page).get_by_role("link", name="Chat 10", exact=True)  # the 150th
    row.scroll_into_view_if_needed()
    height, _ = height_of(page, "Chat 10")
    row.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chat 10")
    for _ in range(2):
        expect_marked(page, "Chat 10")
        assert abs(height_of(page, "Chat 10")[0] - height) < 40
        page.reload()
    page.goto(f"/chats/{chats['Chat 100']}")
    expect_marked(page, "Chat 100")
    page.go_back()
    expect_marked(page, "Chat 10")
    page.get_by_role("searchbox", name="Search chats").fill("Chat 12")
    expect(rows(page).get_by_role("link", name="Chat 100", exact=True)).to_have_count(0)
    page.get_by_role("searchbox", name="Search chats").press("Escape")
    expect_marked(page, "Chat 10")
    page.get_by_role("searchbox", name="Search chats").fill("Chat 55")
    rows(page).get_by_role("link", name="Chat 55", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chat 55")
    expect_marked(page, "Chat 55")
    page.go_back()
    expect_marked(page, "Chat 10")
    page.go_forward()
    expect_marked(page, "Chat 55")
    page.go_back()
    page.set_viewport_size(PHONE)
    newcomer.button("Open sidebar").click()
    expect_marked(page, "Chat 10")


def test_a_chat_further_down_than_any_list_is_marked_too(newcomer):
    page = newcomer.page
    chats = many_chats(newcomer, 345)
    newcomer.open(chats["Chat 3"])
    expect_marked(page, "Chat 3")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.get_by_role("link", name="Older chats").click()
    expect(rows(page).get_by_role("link", name="Chat 285", exact=True)).to_have_count(1)
    shown = titles(page)
    assert shown == sorted(shown, key=lambda title: -int(title.split()[1]))
    assert shown[-1] == "Chat 3"


def test_shortcuts(owner):
    owner.page.keyboard.press("Control+Shift+O")
    expect(owner.page).to_have_url(f"{owner.url}/")
    box(owner.page).blur()
    owner.page.keyboard.press("?")
    dialog = owner.page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    owner.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    owner.page.keyboard.press("/")
    expect(box(owner.page)).to_be_focused()
    box(owner.page).press_sequentially("?/")
    expect(box(owner.page)).to_have_value("?/")


def test_the_sidebar_stays_as_it_was_left(owner):
    owner.button("Collapse sidebar").click()
    expect(rows(owner.page)).to_be_hidden()
    owner.page.reload()
    expect(rows(owner.page)).to_be_hidden()
    owner.button("Expand sidebar").click()
    expect(rows(owner.page)).to_be_visible()


def test_on_a_phone_the_sidebar_is_a_drawer(owner):
    owner.page.set_viewport_size(PHONE)
    expect(rows(owner.page)).to_be_hidden()
    owner.button("Open sidebar").click()
    expect(rows(owner.page)).to_be_visible()
    owner.page.keyboard.press("Escape")
    expect(rows(owner.page)).to_be_hidden()
    owner.button("Open sidebar").click()
    owner.button("Close sidebar").click()
    expect(rows(owner.page)).to_be_hidden()
    owner.button("Open sidebar").click()
    rows(owner.page).get_by_role("link", name="Leek soup").click()
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("Leek soup")
    expect(rows(owner.page)).to_be_hidden()
    owner.page.set_viewport_size(DESK)
    expect(rows(owner.page)).to_be_visible()


def test_groups_are_calendar_days_of_the_viewer(browse, site):
    far = browse(site, timezone_id="Pacific/Kiritimati")
    far.new_chat(title="Now")
    far.page.goto("/")
    expect(far.page.get_by_role("heading", name="Today")).to_be_visible()
    far.page.reload()
    expect(far.page.get_by_role("heading", name="Today")).to_be_visible()
