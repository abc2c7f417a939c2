"""What a refusal means: by its status, by the codes it names, by its words. Each row is a server's own."""

import email.utils
import json
import time

import pytest

from macrochat.errors import (
    ContextTooLong,
    ModelNotFound,
    UpstreamAuth,
    UpstreamBusy,
    UpstreamQuota,
    UpstreamRefused,
    UpstreamTimeout,
)
from macrochat.providers.upstream_errors import MOVED, from_complaint, from_response, retry_after_seconds


def refusal(status, message="no", headers=(), /, **error):
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return from_response(status, body, dict(headers))


STATUSES = {
    401: UpstreamAuth,
    402: UpstreamQuota,
    403: UpstreamAuth,
    404: ModelNotFound,
    400: UpstreamRefused,
    408: UpstreamTimeout,
    413: ContextTooLong,
    422: UpstreamRefused,
    429: UpstreamBusy,
    500: UpstreamRefused,
    502: UpstreamRefused,
    503: UpstreamBusy,
    504: UpstreamTimeout,
    524: UpstreamTimeout,  # ollama/ollama#3694
    529: UpstreamBusy,  # anthropics/claude-code#5184
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_a_status_means_the_same_as_an_answer_and_inside_an_event(status, kind):
    error = refusal(status)
    assert type(error) is kind
    assert error.message == kind.message
    for code in (status, str(status)):
        assert type(from_complaint({"message": "no", "code": code}, "event")) is kind
        assert type(refusal(500, code=code)) is kind, "a gateway's 500 about another server's status"
    assert type(from_complaint(f"Error code: {status} - no", "event")) is kind


CONTEXT = {
    "openai": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "openai-gpt-5": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
    "openai-responses": "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "anthropic": "prompt is too long: 210000 tokens > 200000 maximum",  # stackblitz/bolt.new#1177
    "anthropic-2": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    # google-gemini/gemini-cli#6678
    "gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "cohere": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4500.",
    "xai": "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    "tgi": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens",
    "tgi-2": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
    "groq": "Please reduce the length of the messages or completion.",
    "bedrock": "Input is too long for requested model.",
    "bedrock-2": "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
    "vllm": "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
    "vllm-2": "The prompt (total length 9000) is too long to fit into the model (context length 8192).",
    "sglang": "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "llama.cpp": "request (9000 tokens) exceeds the available context size (2048 tokens), try increasing it",
    "llama.cpp-2": "input is too large to process. increase the physical batch size",
    "ollama": "prompt too long; exceeded max context length by 12 tokens",
    "lm-studio": "The number of tokens to keep from the initial prompt is greater than the context length.",
    "openrouter": "This endpoint's maximum context length is 131072 tokens. However, you requested about 200000 tokens",
    "moonshot": "Invalid request: Your request exceeded model token limit: 8192",
    "dashscope": "Range of input length should be [1, 30720]",
    "minimax": "invalid params, context window exceeds limit",
    "zhipu": "Prompt 超长",
    "github": "prompt token count of 150000 exceeds the limit of 128000",
    "cloudflare": "The estimated number of input and maximum output tokens (9000) exceeded this model context window limit",
    "vertex": "The input token count is 40000 but the model only supports up to 32768. Reduce the input token count.",
    "bedrock-3": "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
    "databricks": "Input has 9000 tokens, but the maximum is 8192",
    "gateway": "Conversation too long, please shorten your messages",
    "azure": "Request body too large for gpt-4o model. Max size: 8000 tokens.",
}


@pytest.mark.parametrize("vendor", CONTEXT)
def test_a_conversation_that_is_too_long_is_known_by_the_words_of(vendor):
    for status in (400, 413, 422):
        assert type(refusal(status, CONTEXT[vendor], type="invalid_request_error")) is ContextTooLong
    assert type(from_complaint({"message": CONTEXT[vendor], "code": 400}, "event")) is ContextTooLong
    assert type(from_complaint(CONTEXT[vendor], "event")) is ContextTooLong


QUOTA = {
    "openai": (429, "You exceeded your current quota, please check your plan and billing details."),
    # anthropics/anthropic-sdk-typescript#618
    "anthropic": (400, "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."),
    "deepseek": (402, "Insufficient Balance"),  # continuedev/continue#9853
    "openrouter": (402, "This request requires more credits, or fewer max_tokens."),
    "openrouter-2": (403, "Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
    "xai": (
        403,
        "Your team has either used all available credits or reached its monthly spending limit: no credits left.",
    ),
    "moonshot": (429, "Your account is suspended due to insufficient balance, please recharge your account"),
    "openai-hard-limit": (400, "Billing hard limit has been reached"),
    "together": (402, "Credit limit exceeded, please navigate to billing."),
    "zhipu": (429, "您的账户余额不足，请充值"),
    "one-api": (403, "用户额度不足"),
    "one-api-2": (403, "user quota is not enough"),
    "huggingface": (429, "You have exceeded your monthly included credits for Inference Providers."),
    "xai-2": (429, "You have reached your monthly spending limit."),
    "trial": (400, "Your free trial has ended"),
    "dashscope": (400, "Access denied, please make sure your account is in good standing: overdue payment."),
}


@pytest.mark.parametrize("vendor", QUOTA)
def test_an_account_without_credit_is_told_as_such_in_the_words_of(vendor):
    status, words = QUOTA[vendor]
    for error in (refusal(status, words), from_complaint({"message": words, "code": status}, "event")):
        assert type(error) is UpstreamQuota
        assert (error.status, error.code, error.retry_after) == (402, "UPSTREAM_QUOTA", None)
        assert "try again" not in error.message


@pytest.mark.parametrize(
    ("vendor", "status", "message", "kind"),
    [
        ("groq", 429, "Rate limit reached. Upgrade at https://console.groq.com/settings/billing", UpstreamBusy),
        ("openrouter", 429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000", UpstreamBusy),
        ("gemini", 429, "Quota exceeded for metric: requests per minute", UpstreamBusy),
        ("gateway", 500, "Request timed out.", UpstreamTimeout),
        ("envoy", 500, "upstream request timeout", UpstreamTimeout),
        ("envoy", 500, "no healthy upstream", UpstreamBusy),
        ("huggingface", 500, "Model too busy, unable to get response in less than 60 second(s)", UpstreamBusy),
        ("one-api", 500, "当前分组上游负载已饱和，请稍后再试", UpstreamBusy),
        (
            "ollama",
            500,
            "server busy, please try again. maximum pending requests exceeded: queue is full",
            UpstreamBusy,
        ),
        ("groq", 400, "The model `x` has been decommissioned and is no longer supported.", ModelNotFound),
        ("deepseek", 400, "Model Not Exist", ModelNotFound),
        ("anything", 400, "You didn't provide an API key.", UpstreamAuth),
        ("openai", 400, "Invalid value for 'temperature': must be at most 2", UpstreamRefused),
        ("vllm", 400, "top_p must be less than 1", UpstreamRefused),
        ("vllm", 422, "body.messages.0.content: Input should be a valid string", UpstreamRefused),
        ("openai", 500, "The server had an error while processing your request. Sorry about that!", UpstreamRefused),
        ("openai", 429, "Rate limit reached for gpt-4 on tokens per min (TPM): Limit 10000, Used 9000.", UpstreamBusy),
        ("litellm", 500, "RateLimitError: too many requests", UpstreamBusy),
        ("llama.cpp", 503, "Loading model", UpstreamBusy),
        ("llama.cpp", 500, "Context size has been exceeded.", ContextTooLong),
        ("cloudflare", 403, "context window", UpstreamAuth),
        ("ollama", 404, "The model `x` does not exist", ModelNotFound),
        ("openrouter", 400, "x/y is not a valid model ID", ModelNotFound),
        ("litellm", 400, "Invalid model name passed in model=x", ModelNotFound),
        ("openrouter", 404, "No endpoints found for x/y", ModelNotFound),
        ("mistral", 400, "Expected last role User but got assistant", UpstreamRefused),
        ("gemini", 400, "API key not valid. Please pass a valid API key.", UpstreamAuth),
    ],
)
def test_other_words_in_json_and_as_plain_text(vendor, status, message, kind):
    assert type(refusal(status, message)) is kind
    assert type(from_response(status, message.encode(), {})) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("insufficient_quota", UpstreamQuota),
        ("Arrearage", UpstreamQuota),
        ("billing_not_active", UpstreamQuota),
        ("context_length_exceeded", ContextTooLong),
        ("exceed_context_size_error", ContextTooLong),
        ("overloaded_error", UpstreamBusy),
        ("RateLimitError", UpstreamBusy),
        ("rate_limit_exceeded", UpstreamBusy),
        ("RESOURCE_EXHAUSTED", UpstreamBusy),
        ("engine_overloaded_error", UpstreamBusy),
        ("ThrottlingException", UpstreamBusy),
        ("unavailable_error", UpstreamBusy),
        ("UNAVAILABLE", UpstreamBusy),
        ("DEADLINE_EXCEEDED", UpstreamTimeout),
        ("timeout", UpstreamTimeout),
        ("UNAUTHENTICATED", UpstreamAuth),
        ("PERMISSION_DENIED", UpstreamAuth),
        ("invalid_api_key", UpstreamAuth),
        ("authentication_error", UpstreamAuth),
        ("server_error", UpstreamRefused),
    ],
)
@pytest.mark.parametrize("field", ["code", "type", "status"])
def test_a_code_decides_where_the_status_says_nothing(code, kind, field):
    assert type(refusal(500, **{field: code})) is kind
    assert type(from_complaint({"message": "no", field: code}, "event")) is kind


FOUND_IN = {
    "openai": {"error": {"message": "no", "code": 429}},
    "vllm": {"object": "error", "message": "no", "type": "TooManyRequests", "code": 429},
    "fastapi": {"detail": "Too many requests"},
    "fastapi-list": {"detail": [{"msg": "Too many requests", "input": "what somebody said"}]},
    "gateway": {"message": "Too many requests"},
    "gemini": [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "37s"}]}}],
    "nested": {"error": {"error": {"message": "no", "code": "rate_limit_exceeded"}}},
    "openrouter": {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":{"code":429}}'}}},
    "json-in-a-message": {"error": {"message": '{"error": {"code": "429"}}'}},
    "words-of-a-client": {"error": {"message": "Error code: 429 - {'error': 'no'}"}},
    "text": {"error": "Too many requests"},
    "errors": {"errors": [{"code": 10000, "message": "Too many requests"}]},
}


@pytest.mark.parametrize("shape", FOUND_IN)
def test_a_trouble_is_found_in_the_shape_of(shape):
    body = json.dumps(FOUND_IN[shape]).encode()
    assert type(from_response(500, body, {})) is UpstreamBusy
    assert type(from_complaint(FOUND_IN[shape], "event")) is UpstreamBusy


@pytest.mark.parametrize(
    "body",
    [b"<html>the maximum context length of this proxy", b"\xff\xfe\x00", b"", b"[" * 100_000, b'{"a":' * 50_000, b"17"],
)
def test_a_body_that_tells_nothing_is_a_refusal(body):
    assert type(from_response(400, body, {})) is UpstreamRefused


@pytest.mark.parametrize("said", [{}, [], None, "", 17, True, {"message": ["x"]}, {"code": True}, {"code": 10**30}])
def test_an_error_that_tells_nothing_is_a_refusal(said):
    assert type(from_complaint(said, "event")) is UpstreamRefused


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_told(status):
    error = from_response(status, b"", {"location": "http://elsewhere.example/"})
    assert (type(error), error.message) == (UpstreamRefused, MOVED)


def test_neither_bodies_nor_words_reach_the_log_or_a_reader():
    secret = "my secret diary"
    body = {"error": {"message": f"bad: {secret}", "type": "invalid_request_error", "code": secret, "param": secret}}
    error = from_response(400, json.dumps(body).encode(), {"x-request-id": "req_17"})
    assert secret not in error.message + error.detail
    assert "HTTP 400" in error.detail
    assert "invalid_request_error" in error.detail
    assert "req_17" in error.detail
    assert secret not in from_response(500, secret.encode(), {"x-request-id": "a\nb"}).detail
    assert secret not in from_complaint(secret, "event").detail


def test_classifying_takes_no_time_however_long_and_odd_the_words():
    for words in ("prompt " * 500_000, "tokens" * 500_000, "exceed " * 500_000, "credits " * 500_000):
        began = time.process_time()
        refusal(400, words)
        assert time.process_time() - began < 1


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


@pytest.mark.parametrize(
    ("headers", "error", "seconds"),
    [
        ({"retry-after-ms": "2500", "retry-after": "9"}, {}, 2),
        ({"retry-after-ms": "soon", "retry-after": "9"}, {}, 9),
        ({"retry-after-ms": "9" * 400}, {}, 5),
        ({}, {"message": "Rate limit reached. Please try again in 20s."}, 20),
        ({}, {"message": "Please retry after 7 seconds."}, 7),
        ({}, {"message": "Please try again in 250ms."}, 1),
        ({}, {"message": "Try again in 2 minutes"}, 120),
        ({}, {"details": [{"retryDelay": "37s"}]}, 37),
        ({}, {"message": "Try again in 999999 minutes"}, 3600),
    ],
)
def test_how_long_to_wait_is_found_where_the_server_says_it(headers, error, seconds):
    body = json.dumps({"error": error}).encode()
    assert from_response(429, body, headers).retry_after == seconds
