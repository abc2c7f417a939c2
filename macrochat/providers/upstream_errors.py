"""What a model server's refusal means, in our errors: by its status, the codes it names, and its words – three tables.

Neither bodies nor words go into `detail`, which is logged: they may repeat what people said.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

from macrochat.errors import (
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    UpstreamAuth,
    UpstreamBusy,
    UpstreamQuota,
    UpstreamRefused,
    UpstreamTimeout,
)
from macrochat.providers.complaints import Complaint, read_complaint

DEFAULT_RETRY_AFTER = 5  # seconds, when a busy server does not say
MAX_RETRY_AFTER = 3600  # seconds

Kind = type[ProviderError]

# A status that says it all, unless the words are about the account.
STATUSES: dict[int, Kind] = {
    401: UpstreamAuth,
    402: UpstreamQuota,
    403: UpstreamAuth,
    404: ModelNotFound,
    408: UpstreamTimeout,
    429: UpstreamBusy,
    498: UpstreamBusy,  # Groq: no room in the flexible tier
    503: UpstreamBusy,
    504: UpstreamTimeout,
    522: UpstreamTimeout,  # Cloudflare: connecting took too long
    524: UpstreamTimeout,  # Cloudflare: answering took too long
    529: UpstreamBusy,  # Anthropic: overloaded
}

# Codes and types, in lower case and snake case, without "error" and "exception" at their ends.
_CODES: dict[Kind, str] = {
    UpstreamQuota: """
        insufficient_quota insufficient_balance insufficient_credits insufficient_credit insufficient_funds
        insufficient_user_quota exceeded_current_quota billing billing_not_active billing_hard_limit_reached
        credit_limit_reached credits_exhausted no_credits out_of_credits payment_required arrearage
    """,
    ContextTooLong: """
        context_length_exceeded max_context_length_exceeded context_window_exceeded exceed_context_size
        context_too_long prompt_too_long input_too_long request_too_large string_above_max_length
        tokens_limit_reached model_max_prompt_tokens_exceeded
    """,
    UpstreamBusy: """
        rate_limit rate_limit_exceeded rate_limited too_many_requests resource_exhausted throttling throttled slow_down
        overloaded server_overloaded server_is_overloaded engine_overloaded model_overloaded server_busy
        unavailable service_unavailable no_capacity capacity_exceeded model_not_ready
    """,
    ModelNotFound: """
        model_not_found model_not_exist invalid_model unknown_model deployment_not_found model_decommissioned
    """,
    UpstreamTimeout: "timeout request_timeout gateway_timeout upstream_timeout api_timeout deadline_exceeded",
    UpstreamAuth: """
        invalid_api_key incorrect_api_key invalid_authentication authentication unauthenticated unauthorized
        permission permission_denied access_denied forbidden account_deactivated
    """,
}
CODES = {code: kind for kind, codes in _CODES.items() for code in codes.split()}


def _words(*patterns: str) -> re.Pattern[str]:
    """Each is tried in time linear in the words, of which read_complaint keeps 4,000 characters."""
    return re.compile("|".join(patterns), re.IGNORECASE)


_QUOTA = _words(
    r"insufficient[ _-](quota|balance|credit|fund)",
    r"(credit|account|negative) balance",
    r"balance is (too low|not enough|insufficient|exhausted)",
    r"(credits?|balance)( \w+){0,3} (exhausted|depleted|used up|too low)",
    r"(no|not enough|out of|low on|more|exhausted|exceeded)( your| the| available)? credits?\b",
    r"(exceeded|reached|used up|exhausted)[^.]{0,40}\bcredits?\b",
    r"\bbilling\b|spend(ing)? (limit|cap)\b|top[ -]up your|recharge your",
    r"exceeded your current quota|quota (is )?(not enough|insufficient|used up)",
    r"payment (is )?required|overdue payment|in arrears",
    r"(trial|subscription|plan) (has |is )?(ended|expired|over)\b",
    r"余额不足|额度不足|额度已用尽|欠费",
)
_CONTEXT_TOO_LONG = _words(
    r"context[ _-]?(length|size|window|limit)|exceed_context|overflows the context",
    r"max(imum)?[ _](allowed )?(context|prompt|input|sequence|model)[ _-]?(length|size|tokens|characters)",
    r"max_model_len|model_max_prompt_tokens|tokens? limit",
    r"(prompt|inputs?|request|messages?|body|conversation|text|string|query)\b[^.]{0,60} too (long|large|big)\b",
    r"too many (input |prompt |total )?tokens",
    r"(prompt|input)\b[^.]{0,40} exceeds? max",
    r"(tokens?|token count|number of tokens|(input|prompt) length)\b[^.]{0,80}"
    r"\b(exceed|(longer|greater|larger|more|less) than|over the|must be <=)",
    r"exceed\w*[^.]{0,80} tokens?\b",
    r"range of input length|(less than|at most|supports up to) \d+( \w+)? tokens",
    r"tokens?\b[^.]{0,80}\bsupports up to",
    r"max(imum)?\b( \w+){0,4} tokens?\b|tokens?\b[^.]{0,60}\bmax(imum)?\b",
    r"(reduce|shorten) (the|your) (length|size|number|prompt|input|messages?|conversation|context)",
    r"超长|过长|超出最大长度",
)
_BUSY = _words(
    r"rate[ _-]?limit|throttl|too many (concurrent )?requests|per (minute|second|hour|day)\b",
    r"overload|at (full )?capacity|(currently|temporarily) unavailable|high (demand|load|traffic)",
    r"(server|model|service) is (currently |too )?(busy|loading)|too busy|loading model|queue is full",
    r"no (available|healthy) (server|worker|upstream|instance|channel|capacity)|负载已饱和|请求过于频繁",
)
_TIMEOUT = _words(r"timed? ?out\b", r"deadline exceeded")
_AUTH = _words(
    r"(invalid|incorrect|missing|wrong|no|expired) (api[ _-]?key|credentials|bearer|access token)",
    r"api[ _-]?key (is )?(not valid|invalid|missing|expired|incorrect)",
    r"(provide|supply) (an|your) api[ _-]?key|api[ _-]?key (is )?(required|not provided|not found)",
    r"unauthori[sz]ed|authentication|permission denied",
)
_NO_MODEL = _words(
    r"\bmodel\b[^.]{0,80}\b(not (found|exist|available|supported)|no longer|decommissioned|deprecated|retired)\b",
    r"(no such|unknown|invalid|not a valid) model|no endpoints found for",
)
# The first that matches decides.
WORDINGS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (_QUOTA, UpstreamQuota),
    (_BUSY, UpstreamBusy),
    (_CONTEXT_TOO_LONG, ContextTooLong),
    (_TIMEOUT, UpstreamTimeout),
    (_AUTH, UpstreamAuth),
    (_NO_MODEL, ModelNotFound),
)

MOVED = "The model's server has moved to another address; its operator must correct the address"

_RETRY_IN_WORDS = _words(
    r"(?:try again|retry|wait)(?: in| after| for)? (\d{1,6}(?:\.\d{1,6})?) ?"
    r"(ms|milliseconds|s|sec|seconds?|m|min|minutes?)\b"
)


def from_response(status: int, body: bytes, headers: Mapping[str, str]) -> ProviderError:
    """The error for an HTTP answer other than 200. `body` may be anything, cut anywhere."""
    complaint = read_complaint(body.decode(errors="replace"))
    detail = f"HTTP {status}, {len(body)} bytes: {complaint.facts}"
    if (request_id := headers.get("x-request-id", "")).isascii() and request_id.isprintable() and request_id:
        detail += f", request {request_id[:100]}"
    if 300 <= status < 400:
        return UpstreamRefused(MOVED, detail=detail)
    return _error(status, complaint, detail, headers)


def from_complaint(said: Any, where: str) -> ProviderError:
    """The error for a trouble told under status 200: `said` is JSON's value, or text; `where` is for the log."""
    complaint = read_complaint(said)
    return _error(0, complaint, f"{where}: {complaint.facts}", {})


def classify(status: int, complaint: Complaint) -> Kind:
    """What it means. `status` is the answer's own, 0 or 200 if it says nothing."""
    codes = [_plain(code) for code in complaint.codes]
    if UpstreamQuota in (CODES.get(code) for code in codes) or (status < 500 and _QUOTA.search(complaint.words)):
        return UpstreamQuota  # servers send it as 400, 403 or 429, but neither another key nor waiting helps
    status = status if status in STATUSES or not complaint.status else complaint.status
    if kind := STATUSES.get(status):
        return kind
    if status == 413:
        return ContextTooLong
    kinds = [CODES[code] for code in codes if code in CODES]
    kinds += [kind for pattern, kind in WORDINGS if pattern.search(complaint.words)]
    return kinds[0] if kinds else UpstreamRefused


def retry_after_seconds(value: str | None) -> int:
    """`Retry-After` as whole seconds from now, 1 to MAX_RETRY_AFTER; RFC 9110 §10.2.3 allows seconds or a date."""
    if value is None:
        return DEFAULT_RETRY_AFTER
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return DEFAULT_RETRY_AFTER
    # min before round: a server may say "inf" or "1e999"; NaN fails both comparisons and becomes 1.
    return round(min(seconds, MAX_RETRY_AFTER)) if seconds >= 1 else 1


def _error(status: int, complaint: Complaint, detail: str, headers: Mapping[str, str]) -> ProviderError:
    kind = classify(status, complaint)
    if kind is UpstreamBusy:
        return UpstreamBusy(detail=detail, retry_after=retry_after_seconds(_wait(complaint, headers)))
    return kind(detail=detail)


def _wait(complaint: Complaint, headers: Mapping[str, str]) -> str | None:
    """How long to wait, as a Retry-After header says it, from wherever the server says it."""
    if (value := headers.get("retry-after-ms")) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return str(float(value) / 1000)
    if value := headers.get("retry-after"):
        return value
    if complaint.retry_after:
        return complaint.retry_after.removesuffix("s")
    if said := _RETRY_IN_WORDS.search(complaint.words):
        unit = said[2].lower()
        factor = 0.001 if unit.startswith(("ms", "milli")) else 60 if unit.startswith("m") else 1
        return str(float(said[1]) * factor)
    return None


def _plain(code: str) -> str:
    """RateLimitError, rate-limit-error and RATE_LIMIT as rate_limit."""
    code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", code)
    code = re.sub(r"[^a-z0-9]+", "_", code.lower()).strip("_")
    return code.removesuffix("_error").removesuffix("_exception")
