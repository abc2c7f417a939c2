"""What one account may take of a worker, so that others do not wait for it.

What a request costs is measured: the time for which it held the event loop, that of its threads, and its bytes. An
account may cost its share (MACROCHAT_ACCOUNT_SHARE, percent of this worker's time); for a moment it may be ahead of it.
Whoever is further ahead waits before the next request begins, and who would wait too long, or has too many requests
open, is refused with 429. So however one account behaves, the rest of the time is the others'.

How many bodies of replies are open is limited elsewhere (replies/rules.py); what reading them costs is charged here.
Who is not signed in counts by address. Counts are this worker's: nothing is asked of another server for it.
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gevent
from flask import Flask, Response, current_app, g, request
from greenlet import getcurrent, gettrace, settrace  # type: ignore[import-untyped]

from ..config import Settings
from ..errors import RateLimited
from ..extensions import OnePerApp, caller
from ..stacks import THREAD_SECONDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BURST_SECONDS = 0.5  # of cost by which an account may be ahead of its share before it waits: opening a page takes 0.02
PATIENCE_SECONDS = 2.0  # the longest a request waits for its turn; then it is refused
BYTES_PER_SECOND = 50_000_000  # what bytes cost, in and out
BASE_SECONDS = 0.001  # what the server does for a request outside of the application
REFUSAL_SECONDS = 1.0  # until a refusal is told, and
REFUSALS_PER_SECOND = 50  # of one account: refusing costs time as well, so who does not listen is answered slowly
MOST_ACCOUNTS = 1000  # remembered, before the idle ones are forgotten
NEWEST_WEIGHT = 0.2  # of a request in what the next one is expected to cost
FREE_BLUEPRINTS = frozenset({"health"})
FREE_ENDPOINTS = frozenset({"static", "ops.metrics", "ops.drip_slowly"})
VISIT = "macrochat.visit"  # in the WSGI environment


class Account:
    """`due` is the moment (time.monotonic()) at which its costs so far are within its share."""

    __slots__ = ("due", "expected", "open", "refused")

    def __init__(self) -> None:
        self.due = 0.0
        self.open = 0  # requests whose answers are not sent yet
        self.refused = 0  # requests that wait for their refusal
        self.expected = 0.003  # seconds, what the next request may cost


@dataclass(slots=True)
class Visit:
    """One request. `held` is for how long it held the event loop before `since` (time.perf_counter()), in seconds."""

    since: float
    held: float = 0.0
    more: float = BASE_SECONDS  # what it costs besides
    account: Account | None = None  # once it is known whose it is; before that it costs nobody anything
    expected: float = 0.0  # what the account was charged at once


class Budget:
    """One per application and process."""

    def __init__(self, share: float, most_open: int) -> None:
        self.share = share  # of a second, per second
        self.most_open = most_open
        self._accounts: dict[str, Account] = {}
        self._running: dict[Any, Visit] = {}  # by greenlet

    def enter(self, key: str, visit: Visit) -> None:
        """Returns when the account's next request may go on. Raises RateLimited after a while when it may not."""
        account = visit.account = self._account(key)
        now = time.monotonic()
        account.due = max(account.due, now)
        wait = self._ahead(account, now)
        if account.open >= self.most_open or wait > PATIENCE_SECONDS:
            self._refuse(account, wait)
        visit.expected = account.expected
        account.due += visit.expected / self.share
        account.open += 1
        try:
            if wait > 0:
                gevent.sleep(wait)
        except BaseException:
            account.open -= 1
            raise

    def leave(self, visit: Visit) -> None:
        """The answer is sent, or its connection gone."""
        if visit.account:
            visit.account.open -= 1

    @contextlib.contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Waits until the account may go on outside of a request's view, and charges it with what is done then."""
        account = self._account(key)
        now = time.monotonic()
        account.due = max(account.due, now)
        wait, expected = self._ahead(account, now), account.expected
        account.due += expected / self.share
        if wait > 0:
            gevent.sleep(wait)
        began = time.perf_counter()
        try:
            yield
        finally:
            self._settle(account, time.perf_counter() - began, expected)

    def measuring(self, wsgi_app: WSGIApplication) -> WSGIApplication:
        """The same application; what a request costs until its answer begins is charged to who entered with it."""

        def measured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            visit = environ[VISIT] = self._running[getcurrent()] = Visit(time.perf_counter())
            # From now on every switch of greenlets is seen, until nobody is measured: half a microsecond each.
            if gettrace() is None:
                settrace(self._switched)
            try:
                return wsgi_app(environ, start_response)
            finally:
                del self._running[getcurrent()]
                if not self._running:
                    settrace(None)
                visit.held += time.perf_counter() - visit.since
                self._charge(visit)

        return measured

    def _charge(self, visit: Visit) -> None:
        if visit.account:
            self._settle(visit.account, visit.held + visit.more, visit.expected)

    def _settle(self, account: Account, cost: float, expected: float) -> None:
        account.due += (cost - expected) / self.share
        account.expected += NEWEST_WEIGHT * (cost - account.expected)

    def _ahead(self, account: Account, now: float) -> float:
        """How many seconds must pass until the account may go on; not positive when it may now."""
        return account.due - now - BURST_SECONDS / self.share

    def _refuse(self, account: Account, wait: float) -> None:
        account.refused += 1
        try:
            gevent.sleep(max(REFUSAL_SECONDS, account.refused / REFUSALS_PER_SECOND))
        finally:
            account.refused -= 1
        raise RateLimited("This account asks for too much at once; please wait a moment", retry_after=_seconds(wait))

    def _account(self, key: str) -> Account:
        if key not in self._accounts:
            if len(self._accounts) >= MOST_ACCOUNTS:
                now = time.monotonic()
                kept = {name: one for name, one in self._accounts.items() if one.open or one.refused or one.due > now}
                self._accounts = kept
            self._accounts[key] = Account()
        return self._accounts[key]

    def _switched(self, _event: str, switch: tuple[Any, Any]) -> None:
        origin, target = switch
        now = time.perf_counter()
        if visit := self._running.get(origin):
            visit.held += now - visit.since
        if visit := self._running.get(target):
            visit.since = now


budgets: OnePerApp[Budget] = OnePerApp("macrochat.budget")  # none where limits are off


def init_app(app: Flask) -> None:
    """After the guard, which knows who calls."""
    settings: Settings = app.config["SETTINGS"]
    if settings.rate_limits.lower() == "off":
        return
    budget = Budget(settings.account_share / 100, settings.max_requests_per_user)
    budgets.keep(app, budget)
    app.wsgi_app = budget.measuring(app.wsgi_app)  # type: ignore[assignment,method-assign]
    app.before_request(_enter)
    app.after_request(_leave_later)
    app.teardown_request(_leave_now)


def turns(user_id: uuid.UUID) -> Callable[[], AbstractContextManager[None]]:
    """As `Budget.turn` for this user, also when the request's context is gone; nothing when limits are off."""
    budget = budgets.find(current_app)
    return functools.partial(budget.turn, f"user:{user_id}") if budget else contextlib.nullcontext


def _enter() -> None:
    if request.endpoint in FREE_ENDPOINTS or request.blueprint in FREE_BLUEPRINTS or VISIT not in request.environ:
        return
    budgets.current.enter(caller(), request.environ[VISIT])
    g.visit = request.environ[VISIT]


def _leave_later(response: Response) -> Response:
    visit: Visit | None = g.pop("visit", None)
    if visit is None:
        return response
    budget = budgets.current
    visit.more += g.get(THREAD_SECONDS, 0.0)
    visit.more += ((g.get("received_bytes") or 0) + (response.content_length or 0)) / BYTES_PER_SECOND
    if hasattr(response, "follower"):
        budget.leave(visit)
    else:
        response.call_on_close(lambda: budget.leave(visit))
    return response


def _leave_now(_error: BaseException | None) -> None:
    """Whatever ended the request before it had an answer."""
    if visit := g.pop("visit", None):
        budgets.current.leave(visit)


def _seconds(wait: float) -> int:
    return max(1, math.ceil(wait))
