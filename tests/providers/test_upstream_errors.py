"""What a refusal means."""

import email.utils
import json
import time

import pytest

from macrochat.errors import ContextTooLong, UpstreamAuth, UpstreamBusy, UpstreamRefused
from macrochat.providers.upstream_errors import from_response, retry_after_seconds


def refusal(status, message="no", headers=(), **error):
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return from_response(status, body, dict(headers))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal(401), UpstreamAuth),
        (refusal(403, "context window"), UpstreamAuth),
        (refusal(429), UpstreamBusy),
        (refusal(503, "Loading model", type="unavailable_error"), UpstreamBusy),
        (refusal(404, "The model `x` does not exist"), UpstreamRefused),
        (refusal(400, "Bad role"), UpstreamRefused),
        (refusal(402, "Insufficient credits"), UpstreamRefused),
        (refusal(500), UpstreamRefused),
        (refusal(429, code="insufficient_quota"), UpstreamRefused),
        (refusal(400, code="context_length_exceeded"), ContextTooLong),
        (refusal(400, type="exceed_context_size_error"), ContextTooLong),
        (refusal(400, "This model's maximum context length is 8192 tokens."), ContextTooLong),
        (refusal(400, "prompt is too long: 210000 tokens > 200000 maximum"), ContextTooLong),
        (refusal(500, "Context size has been exceeded."), ContextTooLong),
        (from_response(400, b"<html>the maximum context length of this proxy", {}), UpstreamRefused),
        (from_response(500, b"\xff\xfe\x00", {}), UpstreamRefused),
        (from_response(302, b"", {}), UpstreamRefused),
    ],
)
def test_statuses_and_words_become_our_errors(error, kind):
    assert type(error) is kind
    assert error.message == kind.message or "quota" in error.message


def test_the_raw_body_is_for_the_log_only():
    error = refusal(500, "SELECT secret")
    assert "SELECT" not in error.message
    assert "SELECT" in error.detail


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 5),
        ("7", 7),
        ("1.6", 2),
        ("0", 1),
        ("-3", 1),
        ("99999999", 3600),
        ("inf", 3600),
        ("nan", 1),
        ("1e999", 3600),
        ("soon", 5),
        ("", 5),
        ("Mon, 99 Nov 2026 00:00:00 GMT", 5),
        (email.utils.formatdate(time.time() - 100, usegmt=True), 1),
        (email.utils.formatdate(time.time() + 99_999, usegmt=True), 3600),
    ],
)
def test_retry_after_is_seconds_within_bounds(header, seconds):
    assert retry_after_seconds(header) == seconds


def test_retry_after_may_be_a_date():
    assert 58 <= retry_after_seconds(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 61
