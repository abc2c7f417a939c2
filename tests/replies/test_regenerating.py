"""`trigger: "regenerate-message"`: another answer to a question, on a branch of its own."""

import uuid

import pytest

from tests.replies.asking import asked, messages_of, new_chat, question, status_of, unique
from tests.replies.hearing import hear, post, tell
from tests.support.answers import data_of, refusal


def again(person, chat, text="hello", **more):
    return hear(post(person, chat, question(text, trigger="regenerate-message", **more)))


def test_the_new_answer_takes_the_old_one_s_place_and_the_message_stays_one(alice, chat, provider):
    text = unique()
    old = tell(alice, chat, text)
    new = again(alice, chat, text, model="scripted-words:3")
    assert new.question_id == old.question_id
    assert new.reply_id != old.reply_id
    shown = messages_of(alice, chat)
    assert [(message["id"], message["content"]) for message in shown] == [
        (old.question_id, text),
        (new.reply_id, "w0 w1 w2 "),
    ]
    assert asked(provider, text)[-1]["messages"] == [{"role": "user", "content": text}]


def test_the_old_answer_can_still_be_read(alice, chat):
    old = tell(alice, chat, "hello")
    again(alice, chat, model="scripted-words:3")
    assert data_of(alice.get(f"/api/replies/{old.reply_id}"))["bytes"] == 5


@pytest.mark.parametrize("meant", ["the answer", "the question", "the client's own id", "unknown", "nonsense", 7, None])
def test_the_question_is_found_by_any_id_or_it_is_the_last(alice, chat, meant):
    body = {"messages": [{"role": "user", "id": "msg-1", "content": "hello"}]}
    old = hear(post(alice, chat, body))
    ids = {
        "the answer": old.reply_id,
        "the question": old.question_id,
        "the client's own id": "msg-1",
        "unknown": str(uuid.uuid4()),
    }
    new = again(alice, chat, messageId=ids.get(meant, meant))
    assert new.question_id == old.question_id
    assert len(messages_of(alice, chat)) == 2


def test_an_earlier_question_is_answered_again_without_what_came_after_it(alice, chat, provider):
    one, _two = tell(alice, chat, "one"), tell(alice, chat, "two")
    new = again(alice, chat, "one", messageId=one.reply_id)
    assert new.question_id == one.question_id
    assert provider.requests[-1]["messages"] == [{"role": "user", "content": "one"}]
    assert [message["id"] for message in messages_of(alice, chat)] == [one.question_id, new.reply_id]


def test_a_failed_answer_is_asked_for_again(alice, chat):
    post(alice, chat, question("hello", model="scripted-status:500"))
    assert again(alice, chat).data == b"hello"
    assert [m["metadata"].get("status") for m in messages_of(alice, chat)] == [None, "complete"]


def test_a_message_of_another_chat_is_not_meant(alice, chat):
    elsewhere = tell(alice, new_chat(alice), "elsewhere")
    here = tell(alice, chat, "here")
    assert again(alice, chat, "here", messageId=elsewhere.reply_id).question_id == here.question_id


def test_there_must_be_something_to_answer_again(alice, chat):
    body = question("hello", trigger="regenerate-message")
    refusal(post(alice, chat, body), 400, "VALIDATION_ERROR")
    assert messages_of(alice, chat) == []


def test_the_same_key_again_gives_the_same_new_answer(alice, chat):
    tell(alice, chat, "hello")
    body = question("hello", trigger="regenerate-message", model="scripted-words:3")
    first, second = (hear(post(alice, chat, body, Idempotency_Key="key")) for _ in range(2))
    assert (second.reply_id, second.data) == (first.reply_id, first.data)
    assert second.answer.headers["Idempotent-Replayed"] == "true"


def test_any_other_trigger_is_a_send(alice, chat):
    for trigger in ("submit-message", "resubmit", 7, None):
        hear(post(alice, chat, question("hello", trigger=trigger)))
    assert len(messages_of(alice, chat)) == 8


NOTHING_SAID = ["scripted-status:500", "scripted-cut:0", "scripted-context-too-long"]


@pytest.mark.parametrize("model", NOTHING_SAID)
# princeton-ddss/blackfish#243
def test_an_answer_that_could_not_be_replaced_stays_with_the_error_beside_it(alice, chat, model):
    old = tell(alice, chat, "hello")
    refused = post(alice, chat, question("hello", trigger="regenerate-message", model=model))
    new = refused.headers["X-Reply-Id"]
    hear(refused) if refused.status_code == 200 else None
    _user, assistant = messages_of(alice, chat)
    assert (assistant["id"], assistant["content"]) == (old.reply_id, "hello")
    assert assistant["metadata"]["status"] == "complete"
    error = status_of(alice, new)["error"]
    assert assistant["metadata"]["laterAttempt"] == {"id": new, "status": "failed", "error": error}
    assert error["code"]


def test_stopped_before_its_first_word_a_new_answer_gives_the_old_one_back(alice, chat, monkeypatch):
    monkeypatch.setattr("macrochat.replies.service.FIRST_EVENT_SECONDS", 0.2)
    old = tell(alice, chat, "hello")
    running = post(alice, chat, question("hello", trigger="regenerate-message", model="scripted-silent"))
    new = running.headers["X-Reply-Id"]
    assert messages_of(alice, chat)[-1]["id"] == new, "while it runs, it is what is shown"
    assert data_of(alice.post(f"/api/chats/{chat}/stop"))["id"] == new
    assert status_of(alice, new)["status"] == "stopped"
    [_user, assistant] = messages_of(alice, chat)
    assert (assistant["id"], assistant["content"]) == (old.reply_id, "hello")
    assert assistant["metadata"]["laterAttempt"] == {"id": new, "status": "stopped", "error": None}


def test_a_chat_whose_answer_was_given_back_goes_on_from_it(alice, chat, provider):
    tell(alice, chat, "hello", "scripted-words:3")
    post(alice, chat, question("hello", trigger="regenerate-message", model="scripted-status:500"))
    tell(alice, chat, "and now")
    assert [m["content"] for m in provider.requests[-1]["messages"]] == ["hello", "w0 w1 w2 ", "and now"]
    assert len(messages_of(alice, chat)) == 4


def test_of_several_failures_the_last_is_told_and_a_success_ends_the_telling(alice, chat):
    tell(alice, chat, "hello")
    body = question("hello", trigger="regenerate-message", model="scripted-status:500")
    new = [post(alice, chat, body).headers["X-Reply-Id"] for _ in range(2)]
    assert messages_of(alice, chat)[-1]["metadata"]["laterAttempt"]["id"] == new[-1]
    again(alice, chat)
    assert messages_of(alice, chat)[-1]["metadata"]["laterAttempt"] is None


def test_the_same_key_tries_once_more_and_then_shows_the_new_answer(alice, chat):
    tell(alice, chat, "hello")
    body = question("hello", trigger="regenerate-message", model="scripted-fail-then-ok:1")
    refused = post(alice, chat, body, Idempotency_Key="key")
    assert refused.status_code == 502
    new = hear(post(alice, chat, body, Idempotency_Key="key"))
    assert new.reply_id == refused.headers["X-Reply-Id"]
    assert [m["id"] for m in messages_of(alice, chat)][1:] == [new.reply_id]
