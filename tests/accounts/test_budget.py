"""However much one account asks for, it gets its share of a worker's time, and the others get theirs at once."""

import time

import gevent
import pytest
from gevent import GreenletExit

from macrochat import create_app
from macrochat.accounts import budget as budgets
from macrochat.accounts.budget import BURST_SECONDS, PATIENCE_SECONDS, REFUSALS_PER_SECOND, VISIT, Budget, Visit
from macrochat.errors import RateLimited
from macrochat.extensions import db
from tests.support import servers
from tests.support.answers import refusal
from tests.support.databases import settings_for
from tests.support.long_chats import fill

SHARE = 0.25


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(budgets.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(budgets.gevent, "sleep", clock.sleep)
    return clock


@pytest.fixture
def budget():
    return Budget(SHARE, most_open=10)


def visit(budget, key, seconds):
    """A request that costs so much."""
    one = Visit(since=0.0)
    budget.enter(key, one)
    one.held, one.more = seconds, 0.0
    budget._charge(one)
    budget.leave(one)


def test_who_asks_without_a_pause_gets_no_more_than_the_share(budget, clock):
    began = clock.now
    for _ in range(1_000):
        visit(budget, "eve", 0.02)
    assert (990 * 0.02 - BURST_SECONDS) / SHARE <= clock.now - began <= (1_000 * 0.02) / SHARE


def test_opening_a_page_or_two_waits_for_nothing(budget, clock):
    for _ in range(20):
        visit(budget, "ann", 0.02)
    assert clock.slept == 0


def test_nobody_waits_for_another_account(budget, clock):
    for _ in range(200):
        visit(budget, "eve", 0.02)
    waited = clock.slept
    visit(budget, "ann", 0.02)
    assert clock.slept == waited


def test_who_would_wait_too_long_is_refused_and_told_how_long(budget, clock):
    visit(budget, "eve", 2.0)
    with pytest.raises(RateLimited) as refused:
        visit(budget, "eve", 0.01)
    assert refused.value.code == "RATE_LIMITED"
    assert refused.value.retry_after > PATIENCE_SECONDS
    clock.sleep(refused.value.retry_after)
    visit(budget, "eve", 0.01)


def test_answers_that_are_not_taken_count(budget, clock):
    stalled = [Visit(since=0.0) for _ in range(10)]
    for one in stalled:
        budget.enter("eve", one)
    with pytest.raises(RateLimited):
        visit(budget, "eve", 0.001)
    visit(budget, "ann", 0.001)
    budget.leave(stalled[0])
    visit(budget, "eve", 0.001)


def test_who_does_not_listen_to_refusals_is_told_them_more_slowly(budget, clock):
    visit(budget, "eve", 100.0)
    account = budget._account("eve")
    account.refused = 10 * REFUSALS_PER_SECOND
    slept = clock.slept
    with pytest.raises(RateLimited):
        visit(budget, "eve", 0.001)
    assert clock.slept - slept >= 10
    assert account.refused == 10 * REFUSALS_PER_SECOND


def test_idle_accounts_are_forgotten(budget, clock, monkeypatch):
    monkeypatch.setattr(budgets, "MOST_ACCOUNTS", 5)
    visit(budget, "eve", 10.0)
    for number in range(20):
        visit(budget, f"somebody {number}", 0.001)
        clock.sleep(1)
    assert len(budget._accounts) <= 6
    with pytest.raises(RateLimited):
        visit(budget, "eve", 0.001)


def test_what_others_do_while_a_request_waits_is_not_its_cost(budget):
    def burn():
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            pass

    def application(environ, _start_response):
        gevent.sleep(0.01) if environ["who"] == "waits" else burn()
        return []

    measured = budget.measuring(application)
    environs = {who: {"who": who} for who in ("waits", "works")}
    gevent.joinall([gevent.spawn(measured, environ, None) for environ in environs.values()], raise_error=True)
    waits, works = (environs[who][VISIT].held for who in ("waits", "works"))
    assert works >= 0.05
    assert waits < works / 2
    assert not budget._running


def test_reading_a_long_text_takes_turns_within_the_share(budget, clock, monkeypatch):
    monkeypatch.setattr(budgets.time, "perf_counter", clock.monotonic)
    began = clock.now
    for _ in range(200):
        with budget.turn("eve"):
            clock.now += 0.02  # it reads
    assert clock.now - began >= (190 * 0.02 - BURST_SECONDS) / SHARE
    slept = clock.slept
    with budget.turn("ann"):
        pass
    assert clock.slept == slept


# Over the application


@pytest.fixture
def app(sqlite_url, tmp_path):
    settings = {"MACROCHAT_RATE_LIMITS": "100000 per minute", "MACROCHAT_ACCOUNT_SHARE": "10"}
    app = create_app(settings_for(sqlite_url, tmp_path, **settings))
    yield app
    app.extensions["macrochat"].stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_one_account_is_refused_by_whatever_route_and_another_is_served(app, monkeypatch):
    eve, ann = (servers.register(app.test_client(), f"{name}@example.org") for name in ("eve", "ann"))
    monkeypatch.setattr(budgets, "BURST_SECONDS", 0.02)
    monkeypatch.setattr(budgets, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(budgets, "REFUSAL_SECONDS", 0.01)
    for url in ("/api/chats", "/", "/settings", "/api/users/me", "/api/keys"):
        statuses = [eve.get(url).status_code for _ in range(30)]
        assert 429 in statuses, url
    refused = eve.get("/api/chats")
    refusal(refused, 429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) >= 1
    assert ann.get("/api/chats").status_code == 200
    assert app.test_client().get("/healthz").status_code == 200


def killed():
    raise GreenletExit


def test_every_answer_gives_back_its_place(app, monkeypatch):
    eve = servers.register(app.test_client(), "eve@example.org")
    budget = budgets.budgets.of(app)
    chat = eve.post("/api/chats", json={}).get_json()["data"]["id"]
    budget._accounts.clear()  # this client closes no answer by itself
    for method, url in [("GET", "/api/nothing"), ("GET", "/api/chats/x"), ("POST", "/api/health"), ("GET", "/")]:
        eve.open(url, method=method).close()
    eve.post(f"/api/chats/{chat}/stream", data="{", content_type="application/json").close()
    monkeypatch.setitem(app.view_functions, "accounts.show_me", lambda: 1 / 0)
    eve.get("/api/users/me").close()
    monkeypatch.setitem(app.view_functions, "accounts.show_me", killed)
    with pytest.raises(GreenletExit):
        eve.get("/api/users/me")
    assert {key: one.open for key, one in budget._accounts.items() if one.open} == {}
    assert not budget._running


def test_a_long_answer_goes_out_in_slices_and_is_whole(app):
    eve = servers.register(app.test_client(), "eve@example.org")
    chat = eve.post("/api/chats", json={}).get_json()["data"]["id"]
    fill(app.config["SETTINGS"].database_url, chat, 2, text=lambda _number: "ü" * 200_000)
    for url in (f"/api/chats/{chat}", f"/chats/{chat}"):
        answer = eve.get(url)
        pieces = list(answer.response)
        assert max(map(len, pieces)) <= 65536
        assert sum(map(len, pieces)) == answer.content_length > 400_000
