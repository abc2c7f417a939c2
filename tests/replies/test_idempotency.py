"""Sending twice does not post twice (W11): a repeat finds the same ids and the same bytes. One after the other."""

import pytest

from tests.replies.asking import asked, messages_of, new_chat, question, unique
from tests.replies.hearing import hear, post, tell
from tests.support.answers import refusal


def ids(heard):
    return heard.question_id, heard.reply_id


def test_the_same_key_again_gives_the_same_reply_from_its_first_byte(alice, chat, provider):
    text = unique()
    first = tell(alice, chat, text, key="key")
    again = tell(alice, chat, text, key="key")
    assert "Idempotent-Replayed" not in first.answer.headers
    assert again.answer.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data == text.encode()
    assert ids(again) == ids(first)
    assert len(messages_of(alice, chat)) == 2
    assert len(asked(provider, text)) == 1


def test_the_last_message_s_id_is_a_key_too(alice, chat):
    body = {"messages": [{"role": "user", "id": "msg-1", "content": "hello"}]}
    first, again = hear(post(alice, chat, body)), hear(post(alice, chat, body))
    assert ids(again) == ids(first)
    assert again.answer.headers["Idempotent-Replayed"] == "true"
    assert len(messages_of(alice, chat)) == 2


def test_the_header_goes_before_the_message_s_id(alice, chat):
    one = {"messages": [{"role": "user", "id": "msg-1", "content": "hello"}]}
    other = {"messages": [{"role": "user", "id": "msg-2", "content": "hello"}]}
    first = hear(post(alice, chat, one, Idempotency_Key="key"))
    assert ids(hear(post(alice, chat, other, Idempotency_Key="key"))) == ids(first)
    assert len(messages_of(alice, chat)) == 2


def test_without_a_key_every_send_is_a_new_message(alice, chat):
    tell(alice, chat, "hello")
    tell(alice, chat, "hello")
    assert len(messages_of(alice, chat)) == 4


def test_a_key_belongs_to_its_chat(alice, chat):
    first = tell(alice, chat, "hello", key="key")
    other = tell(alice, new_chat(alice), "goodbye", key="key")
    assert other.data == b"goodbye"
    assert set(ids(first)).isdisjoint(ids(other))


def test_a_key_belongs_to_its_user(alice, bob, chat):
    tell(alice, chat, "hello", key="key")
    theirs = tell(bob, new_chat(bob), "goodbye", key="key")
    assert theirs.data == b"goodbye"


@pytest.mark.parametrize(
    "other",
    [question("goodbye"), question("hello ", model="scripted-echo"), question("hello", model="scripted-words:3")],
    ids=["text", "white space", "model"],
)
def test_a_key_with_another_body_is_refused_and_changes_nothing(alice, chat, other):
    first = tell(alice, chat, "hello", key="key")
    before = messages_of(alice, chat)
    refusal(post(alice, chat, other, Idempotency_Key="key"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert messages_of(alice, chat) == before
    assert before[1]["id"] == first.reply_id


def test_a_key_with_another_body_is_refused_after_a_failure_too(alice, chat):
    post(alice, chat, question("hello", model="scripted-status:500"), Idempotency_Key="key")
    refusal(post(alice, chat, question("goodbye"), Idempotency_Key="key"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert [message["content"] for message in messages_of(alice, chat)] == ["hello", ""]


def test_a_repeat_of_a_broken_reply_is_that_broken_reply(alice, chat, provider):
    text = unique()
    first = tell(alice, chat, text, "scripted-cut:3", key="key")
    again = tell(alice, chat, text, "scripted-cut:3", key="key")
    assert (again.data, again.cut, ids(again)) == (first.data, "failed", ids(first))
    assert len(asked(provider, text)) == 1, "what was seen is not thrown away by a retry; Continue goes on with it"


def test_a_reply_that_broke_before_its_first_byte_is_tried_again(alice, chat, provider):
    text = unique()
    first = tell(alice, chat, text, "scripted-cut:0", key="key")
    again = tell(alice, chat, text, "scripted-cut:0", key="key")
    assert (first.data, first.cut) == (b"", "failed")
    assert ids(again) == ids(first)
    assert len(asked(provider, text)) == 2
    assert len(messages_of(alice, chat)) == 2


def test_a_repeat_finds_its_own_reply_however_far_the_chat_has_gone(alice, chat):
    first = tell(alice, chat, "one", key="key-1")
    tell(alice, chat, "two", key="key-2")
    again = tell(alice, chat, "one", key="key-1")
    assert (again.data, ids(again)) == (b"one", ids(first))
    assert [message["content"] for message in messages_of(alice, chat)] == ["one", "one", "two", "two"]


def test_a_repeat_goes_to_the_first_model_when_the_chat_s_has_changed_since(alice, chat):
    first = tell(alice, chat, "hello", None, key="key")
    alice.patch(f"/api/chats/{chat}", json={"model": "scripted-words:3"})
    assert ids(tell(alice, chat, "hello", None, key="key")) == ids(first)


def test_a_key_s_characters_are_compared_one_by_one(alice, chat):
    tell(alice, chat, "hello", key="key")
    tell(alice, chat, "hello", key="KEY")
    tell(alice, chat, "hello", key="k%y")
    assert len(messages_of(alice, chat)) == 6


def test_a_key_of_a_send_does_not_fit_a_regeneration(alice, chat):
    tell(alice, chat, "hello", key="key")
    again = question("hello", trigger="regenerate-message")
    refusal(post(alice, chat, again, Idempotency_Key="key"), 422, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_of_a_regeneration_does_not_fit_a_send(alice, chat):
    tell(alice, chat, "hello")
    hear(post(alice, chat, question("hello", trigger="regenerate-message"), Idempotency_Key="key"))
    refusal(post(alice, chat, question("goodbye"), Idempotency_Key="key"), 422, "IDEMPOTENCY_KEY_REUSED")
