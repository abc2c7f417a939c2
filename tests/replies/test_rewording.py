"""A question in other words: how the AI SDK's pages edit a message. The new words and their answer are a branch."""

import pytest

from tests.replies.asking import messages_of, question, unique
from tests.replies.hearing import hear, post, tell
from tests.support.answers import data_of, refusal


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(run_app, request):
    with run_app(request.param) as app:
        yield app


def ask(person, chat, text, own_id, **more):
    message = {"id": own_id, "role": "user", "parts": [{"type": "text", "text": text}]}
    return hear(post(person, chat, {"messages": [message], **more}))


def edit(person, chat, text, own_id, **more):
    return ask(person, chat, text, own_id, trigger="submit-message", messageId=own_id, **more)


def again(person, chat, text, own_id, **more):
    return ask(person, chat, text, own_id, trigger="regenerate-message", **more)


def shown(person, chat):
    return [message["content"] for message in messages_of(person, chat)]


@pytest.mark.parametrize("way", [edit, again])
def test_the_new_words_take_the_place_of_the_old_ones(alice, chat, provider, way):
    tell(alice, chat, "before")
    old = ask(alice, chat, "hallo", "msg-1")
    tell(alice, chat, "what came after")
    new = way(alice, chat, "hello", "msg-1")
    assert new.data == b"hello"
    assert new.question_id != old.question_id
    assert [m["content"] for m in provider.requests[-1]["messages"]] == ["before", "before", "hello"]
    assert shown(alice, chat) == ["before", "before", "hello", "hello"]
    assert data_of(alice.get(f"/api/replies/{old.reply_id}"))["bytes"] == 5, "the old branch is kept"


@pytest.mark.parametrize("way", [edit, again])
def test_a_first_question_can_be_reworded_and_more_than_once(alice, chat, way):
    ask(alice, chat, "one", "msg-1")
    for text in ("two", "three"):
        assert way(alice, chat, text, "msg-1").data == text.encode()
    assert shown(alice, chat) == ["three", "three"]


@pytest.mark.parametrize("way", [edit, again])
def test_our_own_ids_name_the_question_too(alice, chat, way):
    """A page that was loaded from us knows no others, and keeps them for the new words."""
    old = tell(alice, chat, "hallo")
    new = way(alice, chat, "hello", old.question_id)
    assert shown(alice, chat) == ["hello", "hello"]
    assert again(alice, chat, "hello", old.question_id).question_id == new.question_id


def test_an_edit_that_is_sent_again_is_not_posted_twice(alice, chat, provider):
    text = unique()
    ask(alice, chat, "hallo", "msg-1")
    first, second = (edit(alice, chat, text, "msg-1") for _ in range(2))
    assert (second.reply_id, second.data) == (first.reply_id, first.data)
    assert second.answer.headers["Idempotent-Replayed"] == "true"
    assert shown(alice, chat) == [text, text]


def test_the_old_words_without_an_edit_are_still_refused_under_the_same_id(alice, chat):
    ask(alice, chat, "hallo", "msg-1")
    edit(alice, chat, "hello", "msg-1")
    body = {"messages": [{"id": "msg-1", "role": "user", "content": "hallo"}]}
    refusal(post(alice, chat, body), 422, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_in_the_header_belongs_to_one_text(alice, chat):
    tell(alice, chat, "hallo", key="key")
    body = {"messages": [{"id": "msg-1", "role": "user", "content": "hello"}], "messageId": "msg-1"}
    refusal(post(alice, chat, body, Idempotency_Key="key"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert shown(alice, chat) == ["hallo", "hallo"]


def test_an_edit_of_an_unknown_message_is_the_next_message(alice, chat):
    tell(alice, chat, "before")
    edit(alice, chat, "hello", "never-sent")
    assert shown(alice, chat) == ["before", "before", "hello", "hello"]


@pytest.mark.parametrize("meant", ["a\0b", "\ud800", "x" * 10_000])
def test_an_id_that_cannot_be_ours_names_nothing(alice, chat, meant):
    old = tell(alice, chat, "hello")
    body = question("hello", trigger="regenerate-message", messageId=meant)
    assert hear(post(alice, chat, body)).question_id == old.question_id
