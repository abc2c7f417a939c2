"""How replies end (W2, W3, W4): `complete` only if the model said so, and whatever came before a break is kept."""

import hashlib
import json

import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import messages_of, new_chat, say, status_of

BREAKS = [
    ("scripted-cut:3", "UPSTREAM_INTERRUPTED"),
    ("scripted-reset:3", "UPSTREAM_INTERRUPTED"),
    ("scripted-no-finish", "UPSTREAM_INTERRUPTED"),
    ("scripted-error-event:3", "UPSTREAM_ERROR"),
    ("scripted-error-event:3:context_length_exceeded", "CONTEXT_TOO_LONG"),
    ("scripted-garbage", "UPSTREAM_BAD_RESPONSE"),
    ("scripted-huge-line:20000000", "UPSTREAM_BAD_RESPONSE"),
]
ENDS = [
    ("scripted-words:3", "stop"),
    ("scripted-finish:length", "length"),
    ("scripted-finish:content_filter", "content_filter"),
    ("scripted-no-done", "stop"),
    ("scripted-json", "stop"),
    ("scripted-bad-utf8", "stop"),
    ("scripted-linger", "stop"),
    ("scripted-cut-after-finish", "stop"),
    ("scripted-close-delimited", "stop"),
]
ODD = [
    "scripted-null-content",
    "scripted-list-content",
    "scripted-nul",
    "scripted-lone-surrogate",  # Kohaku-Lab/KohakuTerrarium#48
    "scripted-two-choices",
    "scripted-refusal",
    "scripted-reasoning",
    "scripted-crlf",
    "scripted-unicode",
    "scripted-markdown",
    "scripted-bytes:300000",
]


def check_stored(person, chat, body):
    """What was read is what is stored, in every view; returns the status object."""
    status, message = status_of(person, body.reply_id), messages_of(person, chat)[1]
    assert message["content"].encode() == body.data
    assert status["bytes"] == message["metadata"]["bytes"] == len(body.data)
    assert status["sha256"] == hashlib.sha256(body.data).hexdigest()
    assert status["status"] == message["metadata"]["status"]
    return status


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("model", "code"), BREAKS)
def test_a_break_cuts_the_body_and_keeps_what_came(ann, model, code):
    chat = new_chat(ann)
    body = say(ann, chat, "hello", model)
    assert body.status_code == 200
    assert body.cut, "the client cannot tell this from success"
    assert body.data == b"w0 w1 w2 "
    status = check_stored(ann, chat, body)
    assert (status["status"], status["finishReason"], status["error"]["code"]) == ("failed", None, code)
    assert status["error"]["message"]


@pytest.mark.parametrize(("model", "reason"), ENDS)
def test_a_finish_reason_makes_a_reply_complete(ann, model, reason):
    chat = new_chat(ann)
    body = say(ann, chat, "hello", model)
    assert not body.cut
    assert body.data.decode() == expected_text(model, [])
    status = check_stored(ann, chat, body)
    assert (status["status"], status["finishReason"], status["error"]) == ("complete", reason, None)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("model", ODD)
def test_odd_text_arrives_and_is_stored_as_the_same_bytes(ann, model):
    chat = new_chat(ann)
    body = say(ann, chat, "hello", model)
    assert body.data.decode() == expected_text(model, [])
    assert check_stored(ann, chat, body)["status"] == "complete"


def test_a_long_line_without_an_end_is_kept_and_the_reply_failed(ann):
    chat = new_chat(ann)
    body = say(ann, chat, "hello", "scripted-huge-line:300000")
    assert body.cut
    assert body.data == b"w0 w1 w2 " + b"x" * 300_000
    assert check_stored(ann, chat, body)["status"] == "failed"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("stop", "UPSTREAM_EMPTY"),
        ("length", "UPSTREAM_EMPTY"),
        ("content_filter", "CONTENT_FILTERED"),
        ("tool_calls", "TOOL_CALLS_UNSUPPORTED"),
    ],
)
def test_an_answer_without_a_word_says_why(ann, reason, code):
    chat = new_chat(ann)
    end = {"event": {"choices": [{"delta": {}, "finish_reason": reason}]}}
    body = say(ann, chat, json.dumps({"body": [end, "data: [DONE]\n\n"]}), "scripted-play")
    assert body.data == b""
    status = check_stored(ann, chat, body)
    assert (status["status"], status["error"]["code"]) == ("failed", code)
    assert status["error"]["message"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "facts",
    [
        {"choices": [{"delta": {}, "finish_reason": "half \ud83d"}]},
        {"choices": [{"delta": {}, "finish_reason": "nul\0"}]},
        {"choices": [{"delta": {}, "finish_reason": "x" * 65}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 2**63}},
        {
            "choices": [{"delta": {}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": -1, "completion_tokens": 2**31},
        },
    ],
)
def test_no_fact_that_a_provider_states_keeps_a_reply_from_its_end(ann, facts):
    chat = new_chat(ann)
    steps = [{"event": {"choices": [{"delta": {"content": "Hello world"}}]}}, {"event": facts}, "data: [DONE]\n\n"]
    body = say(ann, chat, json.dumps({"body": steps}), "scripted-play")
    assert body.data == b"Hello world"
    assert check_stored(ann, chat, body)["status"] == "complete"


def test_words_after_an_early_finish_reason_are_part_of_the_reply(ann):
    chat = new_chat(ann)
    first, second = (
        {"event": {"choices": [{"delta": {"content": t}, "finish_reason": "stop"}]}} for t in ("Hello", " you")
    )
    body = say(ann, chat, json.dumps({"body": [first, 2.1, second, "data: [DONE]\n\n"]}), "scripted-play")
    assert body.data == b"Hello you"
    assert check_stored(ann, chat, body)["status"] == "complete"
