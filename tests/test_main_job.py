"""The main job, as a newcomer does it: register, write, watch the local model's reply stream in, reload."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from tests.support.patience import Stopwatch

PASSWORD = "correct horse battery staple"
QUESTION = "Write a short paragraph of five sentences about a lighthouse keeper and the sea."
SECONDS = 60_000  # Playwright's unit is the millisecond
WORDS_SEEN_EARLY = 20  # characters that must be on the page while the reply is still streaming
FIRST_TOKEN_SECONDS = 10  # the promise is 3 s on a quiet machine; tests share the caches of theirs

pytestmark = [pytest.mark.slow, pytest.mark.local_model]


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, server):
    return server(database=request.param, provider="local")


@pytest.mark.browser
@pytest.mark.timeout(180)
def test_a_newcomer_registers_writes_watches_the_reply_grow_and_finds_it_after_a_reload(house, chromium):
    context = chromium.new_context(base_url=house.url)
    page = context.new_page()
    _register(page)

    page.get_by_role("textbox", name="Message").fill(QUESTION)
    page.get_by_role("textbox", name="Message").press("Enter")
    reply = page.locator("article[data-role=assistant]")
    early = _text_while_streaming(page)
    page.locator("article[data-role=assistant][data-status=complete]").wait_for(timeout=SECONDS)
    whole = reply.locator(".message-body").inner_text()

    assert len(early) >= WORDS_SEEN_EARLY
    assert len(whole) > len(early)
    page.reload()
    page.locator("article[data-role=assistant][data-status=complete]").wait_for(timeout=SECONDS)
    assert reply.locator(".message-body").inner_text() == whole
    context.close()


def test_w28_curl_prints_the_same_stream_live_and_the_database_keeps_it(house):
    person = house.client()
    chat = person.post("/api/chats").json()["data"]["id"]
    cookie = f"macrochat_session={person.cookies['macrochat_session']}"
    body = json.dumps({"messages": [{"role": "user", "content": QUESTION}]})
    watch = Stopwatch()
    command = ["curl", "-sS", "-N", "-b", cookie, "-H", "Content-Type: application/json", "-d", body]
    curl = subprocess.Popen([*command, f"{house.url}/api/chats/{chat}/stream"], stdout=subprocess.PIPE)
    first = curl.stdout.read1()
    first_after = watch.seconds
    status_early = person.get(f"/api/chats/{chat}").json()["data"]["messages"][-1]["metadata"]["status"]
    text = first + curl.stdout.read()

    assert curl.wait() == 0
    assert first_after < FIRST_TOKEN_SECONDS
    assert status_early == "streaming"
    stored = person.get(f"/api/chats/{chat}").json()["data"]["messages"][-1]
    assert stored["content"].encode() == text
    assert stored["metadata"]["status"] == "complete"


def _register(page):
    page.goto("/")
    page.get_by_role("link", name="Create an account").or_(page.get_by_role("link", name="Register")).first.click()
    page.get_by_label("Email").fill(f"newcomer-{time.time_ns()}@example.org")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Message").wait_for()


def _text_while_streaming(page):
    """The reply's text at a moment when it was on the page in part and still growing."""
    body = page.locator("article[data-role=assistant][data-status=streaming] .message-body")
    body.wait_for(timeout=SECONDS)
    while len(text := body.inner_text(timeout=SECONDS)) < WORDS_SEEN_EARLY:
        page.wait_for_timeout(20)
    return text
