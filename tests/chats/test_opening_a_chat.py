"""GET /api/chats/<id> of a chat in which nothing was said yet; with messages: tests/replies."""

import uuid

from tests.support.answers import data_of, refusal


def test_a_new_chat_has_no_messages(alice, chat):
    assert data_of(alice.get(f"/api/chats/{chat['id']}")) == chat | {"messages": []}


def test_an_id_in_capitals_is_the_same_id(alice, chat):
    assert data_of(alice.get(f"/api/chats/{chat['id'].upper()}"))["id"] == chat["id"]


def test_an_answer_is_not_kept_by_caches(alice, chat):
    assert "no-store" in alice.get(f"/api/chats/{chat['id']}").headers["Cache-Control"]


def test_an_unknown_chat_is_not_found_in_the_words_of_the_contract(alice):
    body = refusal(alice.get(f"/api/chats/{uuid.uuid4()}"), 404, "CHAT_NOT_FOUND")
    assert body["error"] == "Chat not found or access denied"
