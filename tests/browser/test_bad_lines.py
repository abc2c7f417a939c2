"""What a person's connection does to a reply must not matter."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import box, expect_status, expect_text, last_reply, messages, text_of, words

pytestmark = pytest.mark.browser


def status_line(page):
    return page.get_by_role("status").first


@pytest.mark.parametrize("after", [0, 40])
def test_a_connection_cut_after_any_byte_heals(on_proxy, proxy, after):
    chat = on_proxy.enter("scripted-words:40:25")
    proxy.cut(after)
    on_proxy.send("Count")
    expect_status(last_reply(on_proxy.page), "complete")
    expect_text(last_reply(on_proxy.page), words(40))
    assert len(on_proxy.stored(chat)) == 2


def test_many_cuts_of_one_reply_heal(on_proxy, proxy):
    on_proxy.enter("scripted-words:40:25")
    for after in (30, 25, 20, 15):
        proxy.cut(after)
    on_proxy.send("Count")
    expect_status(last_reply(on_proxy.page), "complete")
    expect_text(last_reply(on_proxy.page), words(40))


# caddyserver/caddy#5951
def test_a_cut_body_that_looks_whole_is_found_out(person):
    """Some proxies end a broken body as if it were complete: only the server's own account tells."""
    person.enter("scripted-words:40:25")

    def shorten(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body()[:37])

    person.page.route(re.compile(r"/api/chats/.*/stream"), shorten, times=1)
    person.send("Count")
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), words(40))


def test_a_body_with_other_bytes_is_read_again(person):
    person.enter("scripted-words:40:25")

    def spoil(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body().replace(b"w7", b"??"))

    person.page.route(re.compile(r"/api/chats/.*/stream"), spoil, times=1)
    person.send("Count")
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), words(40))


def test_a_server_that_is_away_is_retried_with_a_count_and_a_button(on_proxy, proxy):
    on_proxy.enter("scripted-words:40:45")
    on_proxy.send("Count")
    expect(last_reply(on_proxy.page).locator(".message-body")).to_contain_text("w5")
    with proxy.away():
        expect(status_line(on_proxy.page)).to_have_attribute("data-retry-count", "2")
        expect(status_line(on_proxy.page)).to_contain_text(re.compile(r"Reconnecting \(2 of 3\), in \d s"))
        expect(on_proxy.button("Stop")).to_be_visible()
    on_proxy.button("Try now").click()
    expect_status(last_reply(on_proxy.page), "complete")
    expect_text(last_reply(on_proxy.page), words(40))
    expect(status_line(on_proxy.page)).to_have_attribute("data-retry-count", "0")
    expect(status_line(on_proxy.page)).to_have_text("")


def test_a_send_whose_answer_is_lost_is_posted_once(person):
    chat = person.enter("scripted-words:40:25")

    def lose(route):
        route.fetch()
        route.abort("connectionreset")

    person.page.route(re.compile(r"/api/chats/.*/stream"), lose, times=1)
    person.send("Once")
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), words(40))
    assert [message["content"] for message in person.stored(chat) if message["role"] == "user"] == ["Once"]


def test_a_message_written_offline_goes_out_once_when_the_line_returns(person):
    chat = person.enter()
    person.context.set_offline(True)
    person.send("From the tunnel")
    expect(status_line(person.page)).to_contain_text("goes out when it is back")
    expect_status(messages(person.page, "user").last, "sending")
    person.context.set_offline(False)
    expect_status(last_reply(person.page), "complete")
    assert [message["content"] for message in person.stored(chat)] == ["From the tunnel", "From the tunnel"]


def test_a_message_that_did_not_leave_survives_a_reload(person):
    chat = person.enter()
    person.page.route(re.compile(r"/api/chats/.*/stream"), lambda route: route.abort("connectionreset"))
    person.send("Do not lose me")
    expect(status_line(person.page)).to_have_attribute("data-retry-count", "1")
    person.page.unroute_all()
    person.page.reload()
    expect_status(last_reply(person.page), "complete")
    assert [message["content"] for message in person.stored(chat)] == ["Do not lose me", "Do not lose me"]


def test_going_offline_in_the_middle_of_a_reply_and_back(person):
    person.enter("scripted-words:40:45")
    person.send("Count")
    expect(last_reply(person.page).locator(".message-body")).to_contain_text("w4")
    person.context.set_offline(True)
    person.page.wait_for_timeout(500)
    person.context.set_offline(False)
    expect_status(last_reply(person.page), "complete")
    expect_text(last_reply(person.page), words(40))


def test_a_draft_survives_a_reload_and_belongs_to_its_chat(person):
    first, second = person.new_chat(), person.new_chat()
    person.open(first)
    person.write("half a thought")
    person.page.reload()
    expect(box(person.page)).to_have_value("half a thought")
    person.open(second)
    expect(box(person.page)).to_have_value("")


def test_a_server_restarted_in_the_middle_of_a_reply_goes_on(server, settings, browse):
    own = server(**settings)
    person = browse(own)
    chat = person.enter("scripted-words:40:45")
    person.send("Count")
    expect(last_reply(person.page).locator(".message-body")).to_contain_text("w6")
    seen = text_of(last_reply(person.page))
    own.kill()
    own.start()
    expect_status(last_reply(person.page), "complete")
    assert text_of(last_reply(person.page)).startswith(seen)
    assert text_of(last_reply(person.page)) == person.stored(chat)[-1]["content"].strip() == words(40)


def test_429_waits_as_long_as_the_server_asks(person):
    person.enter()
    refusal = {
        "success": False,
        "error": "Too many requests; please wait a moment",
        "code": "RATE_LIMITED",
        "requestId": "r",
    }
    person.page.route(
        re.compile(r"/api/chats/.*/stream"),
        lambda route: route.fulfill(status=429, headers={"Retry-After": "2"}, json=refusal),
        times=1,
    )
    person.send("Hi")
    expect(status_line(person.page)).to_contain_text(re.compile(r"trying again \(1 of 3\), in [12] s"))
    expect_status(last_reply(person.page), "complete")


def test_a_message_that_is_too_long_stays_in_the_composer_with_a_sentence(person):
    chat = person.enter()
    person.write("🎈" + "x" * 100_000)
    expect(person.page.get_by_role("alert").first).to_have_text("This message is too long by 1 character.")
    expect(person.button("Send")).to_be_disabled()
    box(person.page).evaluate("box => { box.dataset.limit = 1e9 }")
    box(person.page).press("End")
    person.page.keyboard.type("x")
    box(person.page).press("Enter")
    expect(person.page.get_by_role("alert").first).to_have_text(re.compile("too long"))
    assert len(box(person.page).input_value()) == 100_002
    assert person.stored(chat) == []


class TestASilence:
    """Time runs by the page's clock, so that nobody has to wait for half a minute."""

    @pytest.fixture
    def patient(self, on_proxy, holding):
        on_proxy.page.clock.install()
        return on_proxy

    def test_of_the_model_is_called_thinking(self, patient, holding):
        patient.enter("scripted-hold:3")
        patient.send("Wait")
        expect(last_reply(patient.page).locator(".message-body")).to_contain_text("w2")
        line = status_line(patient.page)
        expect(line).to_have_attribute("data-health", "healthy")
        patient.page.clock.run_for(21_000)
        expect(line).to_have_attribute("data-health", "degraded")
        expect(line).to_contain_text("The model is thinking")
        patient.page.clock.run_for(15_000)
        expect(line).to_have_attribute("data-health", "failed")
        holding.release()
        expect_status(last_reply(patient.page), "complete")
        expect(line).to_have_attribute("data-health", "healthy")

    def test_of_the_connection_is_mended_at_once(self, patient, proxy, holding):
        patient.enter("scripted-hold:3")
        proxy.stall(4)
        patient.send("Wait")
        expect_status(last_reply(patient.page), "streaming")
        holding.release()
        patient.page.wait_for_timeout(300)
        patient.page.clock.run_for(21_000)
        expect_status(last_reply(patient.page), "complete")
        expect_text(last_reply(patient.page), words(13))

    def test_between_replies_raises_no_alarm(self, patient):
        patient.enter()
        patient.page.clock.run_for(120_000)
        expect(status_line(patient.page)).to_have_attribute("data-health", "healthy")
        expect(status_line(patient.page)).to_have_text("")
