"""What a model server's refusal means, in our errors. Raw bodies go into `detail`, for the log only."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from macrochat.errors import ContextTooLong, ProviderError, UpstreamAuth, UpstreamBusy, UpstreamRefused

DEFAULT_RETRY_AFTER = 5  # seconds, when a busy server does not say
MAX_RETRY_AFTER = 3600  # seconds

DETAIL_CHARACTERS = 500

# The words of OpenAI, llama.cpp, vLLM, OpenRouter, Anthropic's and Mistral's gateways for the same trouble.
_CONTEXT_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context (length|size|window)|maximum context|model_max_prompt_tokens"
    r"|(prompt|input)( is)? too long|too many (input |prompt )?tokens",
    re.IGNORECASE,
)
_BUSY = re.compile(r"rate_limit|rate limit|overloaded|server_busy|too_many_requests|unavailable_error", re.IGNORECASE)
_AUTH = re.compile(r"invalid_api_key|authentication_error|permission_error|permission_denied", re.IGNORECASE)

_NO_QUOTA = "The model's server says that this server's quota is used up; its operator must check the account"


def from_response(status: int, body: bytes, headers: Mapping[str, str]) -> ProviderError:
    """The error for an HTTP answer other than 200. `body` may be anything, cut anywhere."""
    text = body.decode(errors="replace")
    detail = f"HTTP {status}: {text[:DETAIL_CHARACTERS]}"
    return _classify(status, _telling_words(text), detail, headers.get("retry-after"))


def from_error_object(error: Any) -> ProviderError:
    """The error for an `{"error": …}` that came inside a stream, after the HTTP status had been sent."""
    words = json.dumps(error, ensure_ascii=False) if isinstance(error, dict) else str(error)
    status = 0
    if isinstance(error, dict):
        status = next((code for key in ("code", "status") if (code := _as_status(error.get(key)))), 0)
    return _classify(status, words, f"error event: {words[:DETAIL_CHARACTERS]}", None)


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


def _classify(status: int, words: str, detail: str, retry_after: str | None) -> ProviderError:
    if status in (401, 403):
        return UpstreamAuth(detail=detail)
    if "insufficient_quota" in words:  # OpenAI sends it as 429, but waiting does not help
        return UpstreamRefused(_NO_QUOTA, detail=detail)
    if status in (429, 503):
        return UpstreamBusy(detail=detail, retry_after=retry_after_seconds(retry_after))
    if _CONTEXT_TOO_LONG.search(words):
        return ContextTooLong(detail=detail)
    if status == 0 and _BUSY.search(words):
        return UpstreamBusy(detail=detail, retry_after=DEFAULT_RETRY_AFTER)
    if status == 0 and _AUTH.search(words):
        return UpstreamAuth(detail=detail)
    return UpstreamRefused(detail=detail)


def _telling_words(text: str) -> str:
    """What the server says in its own words: its code, type and message – not a proxy's HTML page about itself."""
    return text if text.lstrip().startswith("{") else ""


def _as_status(code: Any) -> int:
    """`code` if it can be an HTTP status, else 0. Servers send numbers, numbers as text, and words."""
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:4])
    return code if isinstance(code, int) and 400 <= code <= 599 else 0
