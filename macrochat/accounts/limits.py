"""How often: Flask-Limiter for API and pages together, per user; our own counts for guesses and new accounts.

Counts are kept where MACROCHAT_RATE_LIMIT_STORAGE says. `memory://` counts in each worker by itself: with N workers a
caller may get N times as much. A store that is down lets everybody in: it must not become an outage of the chats.
"""

from __future__ import annotations

import hashlib
import time
import uuid

import limits as counting
from flask import Flask, Response, current_app, has_request_context, request
from flask_limiter import RateLimitExceeded
from limits import RateLimitItem, RateLimitItemPerDay

from ..config import ConfigError, Settings
from ..errors import RateLimited
from ..extensions import caller_address, limiter
from ..logs import get_logger
from ..web import failures

log = get_logger(__name__)
LOGINS_PER_ACCOUNT = counting.parse("10 per minute")
LOGINS_PER_ADDRESS = counting.parse("30 per minute")
REGISTRATIONS_PER_ADDRESS = counting.parse("10 per hour")
CONFIRMATIONS_PER_ACCOUNT = counting.parse("10 per minute")
WRONG_KEYS_PER_ADDRESS = counting.parse("30 per minute")


def init_app(app: Flask) -> None:
    settings: Settings = app.config["SETTINGS"]
    app.config["RATELIMIT_ENABLED"] = settings.rate_limits.lower() != "off"
    if not app.config["RATELIMIT_ENABLED"]:
        return
    try:
        counting.parse_many(settings.rate_limits)
    except ValueError:
        raise ConfigError(
            f"MACROCHAT_RATE_LIMITS must be off, or limits such as '600 per minute', not {settings.rate_limits!r}"
        ) from None
    app.config.update(
        RATELIMIT_STORAGE_URI=settings.rate_limit_storage,
        RATELIMIT_STRATEGY="sliding-window-counter",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
    )
    try:
        limiter.init_app(app)
    except counting.errors.ConfigurationError as error:
        raise ConfigError(f"MACROCHAT_RATE_LIMIT_STORAGE cannot be used: {error}") from None
    limiter.request_filter(_is_free)
    app.register_error_handler(RateLimitExceeded, _refuse)
    app.after_request(_tell)


def count_login(email: str) -> None:
    """Counts an attempt to sign in. Raises RateLimited with the time to wait."""
    _count(LOGINS_PER_ACCOUNT, "login-account", hashlib.sha256(email.encode(errors="replace")).hexdigest())
    _count(LOGINS_PER_ADDRESS, "login-address", caller_address())


def count_registration() -> None:
    """Counts an attempt to make an account. Raises RateLimited with the time to wait."""
    _count(REGISTRATIONS_PER_ADDRESS, "register-address", caller_address())


def count_confirmation(user_id: uuid.UUID) -> None:
    """Counts a password that confirms: who stole a session must not find it by trying. Raises RateLimited."""
    _count(CONFIRMATIONS_PER_ACCOUNT, "confirm-account", str(user_id))


def count_wrong_key() -> None:
    """Counts an API key that nobody has. Raises RateLimited with the time to wait.

    Right keys are not kept out: behind one address there may be many programs, one of them with an old key.
    """
    _count(WRONG_KEYS_PER_ADDRESS, "wrong-key-address", caller_address())


def count_stored(user_id: uuid.UUID, text: str) -> None:
    """Counts what a person stores: one must not fill the disk of all. Raises RateLimited after a day's worth."""
    most = RateLimitItemPerDay(current_app.config["SETTINGS"].stored_mib_per_day * 1024)
    kibibytes = len(text.encode(errors="replace")) // 1024 + 1
    _count(most, "stored-account", str(user_id), cost=kibibytes, sentence="This account has stored enough for today")


def _count(limit: RateLimitItem, *whose: str, cost: int = 1, sentence: str | None = None) -> None:
    if not has_request_context() or not current_app.config["RATELIMIT_ENABLED"]:
        return
    try:
        if limiter.limiter.hit(limit, *whose, cost=cost):
            return
        headers = _headers(limit, *limiter.limiter.get_window_stats(limit, *whose))
    except Exception:  # whatever client library the store has
        log.warning("rate limit storage failed", exc_info=True)
        return
    raise RateLimited(sentence, retry_after=int(headers["RateLimit-Reset"]), headers=headers)


def _is_free() -> bool:
    """Files, probes and figures are not counted; all else is, pages and forms too."""
    return request.endpoint in ("static", "ops.metrics") or request.blueprint == "health"


def _refuse(_error: RateLimitExceeded) -> Response:
    window = limiter.current_limit
    wait = max(1, int(window.reset_at - time.time())) if window else 1
    return failures.show(RateLimited(retry_after=wait))


def _tell(response: Response) -> Response:
    window = limiter.current_limit
    if window and "RateLimit-Limit" not in response.headers:
        response.headers.update(_headers(window.limit, window.reset_at, window.remaining))
    return response


def _headers(limit: RateLimitItem, reset_at: float, remaining: int) -> dict[str, str]:
    """draft-ietf-httpapi-ratelimit-headers: the reset is in seconds from now."""
    wait = max(1, int(reset_at - time.time()) + 1)
    return {
        "RateLimit-Limit": str(limit.amount),
        "RateLimit-Remaining": str(max(0, remaining)),
        "RateLimit-Reset": str(wait),
    }
