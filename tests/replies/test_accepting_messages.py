"""Which bodies a send takes, and which it refuses before anything is stored (S7, S11, S22; W5, W6)."""

import gzip
import json
import uuid

import pytest
import sqlalchemy as sa

from macrochat.chats.models import Chat
from macrochat.extensions import db
from tests.replies.asking import messages_of, question
from tests.replies.hearing import hear, post
from tests.support.answers import data_of, refusal

USER = {"role": "user", "content": "hello"}


def stored(person, chat):
    shown = data_of(person.get(f"/api/chats/{chat}?parts=0"))["messages"]
    return [message["content"] for message in shown if message["role"] == "user"]


@pytest.mark.parametrize("body", [{}, {"messages": []}], ids=["missing", "empty"])
def test_an_empty_list_is_refused_in_the_words_of_the_specification(alice, chat, body):
    assert refusal(post(alice, chat, body), 400, "VALIDATION_ERROR")["error"] == "Messages array must not be empty"


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "hello",
        {"0": USER},
        [None],
        ["hello"],
        [[]],
        [{}],
        [{"content": "hello"}],
        [USER, {"role": "assistant", "content": "hi"}],
        [{"role": "system", "content": "obey"}],
        [{"role": "tool", "content": "42"}],
        [{"role": "User", "content": "hello"}],
        [{"role": ["user"], "content": "hello"}],
        [{"role": "user"}],
        *([{"role": "user", "content": content}] for content in (None, "", " \n\t ", "\u200b\ufeff\u2060", 7, True)),
        *([{"role": "user", "content": content}] for content in ({"text": "hi"}, ["hi"], [{"type": "text"}])),
        [{"role": "user", "parts": []}],
        [{"role": "user", "parts": [{"type": "image", "url": "x"}]}],
        [{"role": "user", "parts": [{"type": "text", "text": 7}]}],
        [{"role": "user", "parts": [{"type": "text", "text": " "}]}],
        [{"role": "user", "parts": "hello"}],
    ],
    ids=lambda messages: json.dumps(messages)[:60],
)
def test_what_says_nothing_or_is_not_the_users_is_refused_and_not_stored(alice, chat, messages):
    body = refusal(post(alice, chat, {"messages": messages}), 400, "VALIDATION_ERROR")
    assert body["details"][0]["field"].startswith("messages")
    assert messages_of(alice, chat) == []


@pytest.mark.parametrize(("text", "code"), [("a\0b", "TEXT_CONTAINS_NUL"), ("a\ud83d", "TEXT_NOT_UNICODE")])
@pytest.mark.parametrize("shape", ["content", "parts"])
def test_texts_that_no_database_keeps_are_refused_by_name(alice, chat, text, code, shape):
    said = text if shape == "content" else [{"type": "text", "text": text}]
    refusal(post(alice, chat, {"messages": [{"role": "user", shape: said}]}), 400, code)
    assert messages_of(alice, chat) == []


@pytest.mark.parametrize("length", [100_001, 10_000_000])
def test_a_message_that_is_too_long_is_refused(alice, chat, length):
    body = refusal(post(alice, chat, question("x" * length)), 413, "MESSAGE_TOO_LONG")
    assert body["details"] == [{"field": "messages.0.content", "error": "must have at most 100000 characters"}]
    assert messages_of(alice, chat) == []


def test_a_message_may_have_100000_characters_of_any_width(alice, chat):
    text = "𝒳" * 100_000
    assert hear(post(alice, chat, question(text))).data.decode() == text
    assert stored(alice, chat) == [text]


@pytest.mark.parametrize(
    "text", ["a\r\nb", "*" * 50_000, "</script><img onerror=x>", "e\u0301 n\u0303", "👩‍👩‍👧‍👦", " kept  as it is \n"]
)
def test_any_other_text_is_stored_byte_for_byte(alice, chat, text):
    hear(post(alice, chat, question(text)))
    assert stored(alice, chat) == [text]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "hello"}, "hello"),
        ({"content": "hello", "parts": [{"type": "text", "text": "other"}]}, "hello"),
        ({"parts": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]}, "hello"),
        ({"content": None, "parts": [{"type": "text", "text": "hello"}]}, "hello"),
        ({"parts": [{"type": "step-start"}, {"type": "text", "text": "hello"}, None, {"type": "file"}]}, "hello"),
        ({"content": "hello", "createdAt": "2026-01-01", "experimental_attachments": []}, "hello"),
    ],
)
def test_the_text_is_the_content_or_else_the_parts(alice, chat, message, text):
    assert hear(post(alice, chat, {"messages": [{"role": "user", **message}]})).data.decode() == text
    assert stored(alice, chat) == [text]


@pytest.mark.parametrize(
    "body",
    [
        {
            "id": "chat",
            "messages": [
                {"role": "user", "content": "earlier", "parts": [{"type": "text", "text": "earlier"}]},
                {"role": "assistant", "content": "", "parts": []},
                {"role": "user", "content": "hello", "parts": [{"type": "text", "text": "hello"}]},
            ],
        },
        {
            "id": "chat",
            "trigger": "submit-message",
            "messages": [
                {"id": "a1", "role": "assistant", "parts": [{"type": "step-start"}, {"type": "text", "text": ""}]},
                {"id": "u2", "role": "user", "parts": [{"type": "text", "text": "hello"}], "metadata": {"a": 1}},
            ],
        },
    ],
    ids=["4.x", "5.x"],
)
def test_the_ai_sdk_s_bodies_are_understood(alice, chat, body):
    assert hear(post(alice, chat, body)).data == b"hello"
    assert stored(alice, chat) == ["hello"]


def test_only_the_last_element_counts_however_odd_the_others(alice, chat):
    others = [
        None,
        7,
        {},
        {"role": "system", "content": "obey"},
        {"role": "user", "content": ""},
        "\ud800",
        "x" * 200_000,
    ]
    assert hear(post(alice, chat, {"messages": [*others, USER]})).data == b"hello"
    assert [message["role"] for message in messages_of(alice, chat)] == ["user", "assistant"]


def test_w06_a_history_of_megabytes_in_the_body_does_no_harm(alice, chat):
    others = [{"role": "user", "content": "x" * 9_000}] * 1_000
    assert hear(post(alice, chat, {"messages": [*others, USER]})).data == b"hello"


@pytest.mark.parametrize(
    ("model", "code"), [("gigantic", "UNKNOWN_MODEL"), (7, "VALIDATION_ERROR"), ("", "VALIDATION_ERROR")]
)
def test_a_model_that_is_not_here_is_refused_and_nothing_is_stored(alice, chat, model, code):
    refusal(post(alice, chat, {"messages": [USER], "model": model}), 400, code)
    assert messages_of(alice, chat) == []


def test_a_chat_whose_model_is_no_longer_here_says_so_and_can_choose_another(app, alice, chat):
    with app.app_context():
        db.session.execute(sa.update(Chat).where(Chat.id == uuid.UUID(chat)).values(model="retired"))
        db.session.commit()
    refusal(post(alice, chat, {"messages": [USER]}), 400, "UNKNOWN_MODEL")
    assert messages_of(alice, chat) == []
    assert hear(post(alice, chat, {"messages": [USER], "model": "scripted-echo"})).data == b"hello"


@pytest.mark.parametrize("key", ["", "  ", "k" * 256])
def test_a_key_has_1_to_255_characters(alice, chat, key):
    refusal(post(alice, chat, {"messages": [USER]}, Idempotency_Key=key), 400, "VALIDATION_ERROR")
    assert messages_of(alice, chat) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe{\0}\0", b'{"messages": [NaN]}', b"[" * 100_000],
    ids=["empty", "cut", "utf-16", "NaN", "deep"],
)
def test_what_is_not_json_is_refused(alice, chat, body):
    answer = alice.post(f"/api/chats/{chat}/stream", data=body, content_type="application/json")
    refusal(answer, 400, "INVALID_JSON")


def test_a_body_in_another_type_or_coding_is_refused(alice, chat):
    url, body = f"/api/chats/{chat}/stream", json.dumps({"messages": [USER]}).encode()
    refusal(alice.post(url, data=body, content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
    packed = {"data": gzip.compress(body), "headers": {"Content-Encoding": "gzip"}, "content_type": "application/json"}
    refusal(alice.post(url, **packed), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert messages_of(alice, chat) == []


def test_a_body_over_16_mib_is_refused(alice, chat):
    body = b" " * (16 * 1024 * 1024 + 1)
    answer = alice.post(f"/api/chats/{chat}/stream", data=body, content_type="application/json")
    refusal(answer, 413, "BODY_TOO_LARGE")
