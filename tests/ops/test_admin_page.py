"""The administrators' page in Chromium: live figures without flicker, and a stop button that stops."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from tests.support.answers import data_of

pytestmark = pytest.mark.browser
MODELS = "scripted-endless:30,scripted-words:5"


@pytest.fixture(scope="module")
def site(_new_server):
    site = _new_server(workers=2, MACROCHAT_MODELS=MODELS)
    yield site.start()
    site.close()


@pytest.fixture(scope="module")
def operator(site):
    person = site.client("operator@example.org")
    engine = sa.create_engine(site.database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE users SET is_admin = true WHERE email = 'operator@example.org'"))
    engine.dispose()
    return person


@pytest.fixture
def page(chromium, site, operator):
    context = chromium.new_context(base_url=site.url, viewport={"width": 1200, "height": 1000})
    context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in operator.cookies.items()])
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    context.close()
    assert not problems


@pytest.fixture
def running(site):
    """A reply of somebody else's that never ends by itself; gives person, reply id and open body."""
    person = site.client()
    chat = data_of(person.post("/api/chats", json={"model": "scripted-endless:30"}), 201)
    body = {"messages": [{"role": "user", "content": "a canary of the question"}]}
    with person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        yield person, answer.headers["X-Reply-Id"], pieces
    person.post(f"/api/chats/{chat['id']}/stop")


def test_a_live_reply_is_shown_grows_and_is_stopped_by_the_button(page, running):
    person, reply, pieces = running
    page.goto("/admin")
    row = page.locator(f"#streams tr[data-id='{reply}']")
    expect(row).to_contain_text(person.email)
    expect(row.locator("[data-cell=readers]")).to_have_text("1")
    row.evaluate("row => { row.marked = true }")
    size = int(row.locator("[data-cell=bytes]").inner_text())
    page.wait_for_function(
        "([id, size]) => Number(document.querySelector(`[data-id='${id}'] [data-cell=bytes]`).textContent) > size",
        arg=[reply, size],
    )
    assert row.evaluate("row => row.marked")  # the same row: nothing was drawn anew
    assert "canary" not in page.content()
    page.set_viewport_size({"width": 360, "height": 900})
    # Charts are drawn anew for it. (A function: the page lets nobody evaluate a string.)
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")

    row.get_by_role("button", name=re.compile("Stop")).click()
    expect(row).to_have_count(0)
    expect(page.locator("#no-streams")).to_be_visible()
    assert sum(len(piece) for piece in pieces)  # the body came to a clean end
    assert data_of(person.get(f"/api/replies/{reply}"))["status"] == "stopped"


def test_plots_people_and_providers_are_there_and_fit_every_width(page, operator):
    page.goto("/admin")
    expect(page.locator("[data-plot] canvas")).to_have_count(4)
    expect(page.get_by_text("operator@example.org")).to_be_visible()
    expect(page.locator("#providers li")).to_have_attribute("data-reachable", "yes")
    for width in (360, 800, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(
            "[...document.querySelectorAll('[data-plot]')].every(p => p.querySelector('canvas').clientWidth <= p.clientWidth)"
        )


def test_a_lost_server_is_told_and_forgotten_when_it_is_back(page, operator):
    page.goto("/admin")
    page.route("**/api/ops/overview", lambda route: route.abort())
    expect(page.locator("#admin-state")).to_have_attribute("data-state", "stale")
    page.unroute("**/api/ops/overview")
    expect(page.locator("#admin-state")).to_have_attribute("data-state", "live")
