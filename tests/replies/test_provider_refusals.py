"""A provider that refuses before its first word: a real status, the message kept, a retry that is no second message.

(W1, W2: no 200 before the provider has answered, no refusal swallowed.)
"""

import pytest

from tests.replies.asking import asked, messages_of, new_chat, question, unique
from tests.replies.hearing import post, tell
from tests.support import servers
from tests.support.answers import refusal
from tests.support.patience import Stopwatch
from tests.support.processes import free_port

REFUSALS = [
    ("scripted-status:401", 502, "UPSTREAM_AUTH"),
    ("scripted-status:403", 502, "UPSTREAM_AUTH"),
    ("scripted-status:400", 502, "UPSTREAM_ERROR"),
    ("scripted-status:404", 502, "UPSTREAM_MODEL_NOT_FOUND"),
    ("scripted-status:500", 502, "UPSTREAM_ERROR"),
    ("scripted-no-quota", 402, "UPSTREAM_QUOTA"),
    ("scripted-redirect", 502, "UPSTREAM_ERROR"),
    ("scripted-html", 502, "UPSTREAM_BAD_RESPONSE"),
    ("scripted-empty", 502, "UPSTREAM_BAD_RESPONSE"),
    ("scripted-status:429:7", 503, "UPSTREAM_BUSY"),
    ("scripted-status:503", 503, "UPSTREAM_BUSY"),
    ("scripted-context-too-long", 422, "CONTEXT_TOO_LONG"),
    ("scripted-context-too-long:llama", 422, "CONTEXT_TOO_LONG"),
]


def check_named(answer, question_id, reply_id):
    """A refusal names what is stored, so that nobody need guess and send it twice."""
    assert answer.headers["X-User-Message-Id"] == question_id
    assert answer.headers["X-Reply-Id"] == reply_id
    details = {detail["field"]: detail["error"] for detail in answer.get_json()["details"]}
    assert (details["userMessageId"], details["replyId"]) == (question_id, reply_id)


@pytest.mark.parametrize(("model", "status", "code"), REFUSALS)
def test_w01_a_refusal_is_a_real_status_and_the_message_is_kept(alice, chat, model, status, code):
    answer = post(alice, chat, question("hello", model=model))
    body = refusal(answer, status, code)
    assert "You asked for" not in answer.text, "a provider's own words are for the log"

    user, assistant = messages_of(alice, chat)
    check_named(answer, user["id"], assistant["id"])
    assert (user["role"], user["content"]) == ("user", "hello")
    assert (assistant["parentId"], assistant["content"]) == (user["id"], "")
    metadata = assistant["metadata"]
    assert (metadata["status"], metadata["bytes"], metadata["finishReason"]) == ("failed", 0, None)
    assert metadata["error"] == {"code": code, "message": body["error"]}
    assert metadata["finishedAt"] is not None


def test_a_busy_provider_s_retry_after_is_handed_on(alice, chat):
    answer = post(alice, chat, question("hello", model="scripted-status:429:7"))
    assert answer.headers["Retry-After"] == "7"


def test_a_busy_provider_that_does_not_say_gets_a_retry_after_of_ours(alice, chat):
    answer = post(alice, chat, question("hello", model="scripted-status:503"))
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_provider_that_is_not_there_is_unreachable(run_app):
    with run_app(OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        chat = new_chat(person)
        refusal(post(person, chat, question("hello")), 502, "UPSTREAM_UNREACHABLE")
        assert messages_of(person, chat)[1]["metadata"]["status"] == "failed"


def test_a_provider_that_never_answers_times_out(run_app, provider):
    with run_app(MACROCHAT_PROVIDER_TIMEOUT="1") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        chat, watch = new_chat(person), Stopwatch()
        refusal(post(person, chat, question("hello", model="scripted-silent")), 504, "UPSTREAM_TIMEOUT")
        assert watch.seconds < 4
        assert watch.wall_seconds > 0.9
        assert messages_of(person, chat)[1]["metadata"]["status"] == "failed"


@pytest.mark.parametrize("carrier", ["header", "message id"])
def test_a_retry_with_the_same_key_tries_again_without_a_second_message(alice, chat, provider, carrier):
    text = unique()
    body = question(text, model="scripted-fail-then-ok:1")
    headers = {"Idempotency_Key": "key"} if carrier == "header" else {}
    if carrier == "message id":
        body["messages"][0]["id"] = "key"

    refusal(post(alice, chat, body, **headers), 502, "UPSTREAM_ERROR")
    failed = messages_of(alice, chat)
    answer = post(alice, chat, body, **headers)

    assert answer.status_code == 200
    assert answer.data.decode() == text
    assert (answer.headers["X-User-Message-Id"], answer.headers["X-Reply-Id"]) == tuple(m["id"] for m in failed)
    user, assistant = messages_of(alice, chat)
    assert (user["content"], assistant["content"], assistant["metadata"]["status"]) == (text, text, "complete")
    assert assistant["metadata"]["error"] is None
    assert len(asked(provider, text)) == 2


def test_a_retry_that_is_refused_again_leaves_one_message(alice, chat):
    for _ in range(3):
        refusal(
            post(alice, chat, question("hello", model="scripted-status:500"), Idempotency_Key="key"),
            502,
            "UPSTREAM_ERROR",
        )
    assert [message["role"] for message in messages_of(alice, chat)] == ["user", "assistant"]


def test_w05_a_chat_goes_on_after_a_refusal(alice, chat):
    post(alice, chat, question("hello", model="scripted-status:500"))
    assert tell(alice, chat, "and now").data == b"hello\n\nand now"
    assert [m["metadata"].get("status") for m in messages_of(alice, chat)] == [None, "failed", None, "complete"]


def test_the_answer_waits_a_bounded_time_and_then_begins_without_a_word(alice, chat, monkeypatch):
    """The reply's text, which is there only after a second and a half, has not begun when the answer has."""
    monkeypatch.setattr("macrochat.replies.service.FIRST_EVENT_SECONDS", 0.3)
    watch = Stopwatch()
    answer = post(alice, chat, question("think", model="scripted-slow-first:1500"))
    assert answer.status_code == 200
    assert watch.seconds < 1.2
    assert watch.wall_seconds >= 0.3
    assert answer.data == b"w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 "


def broken(*_args, **_more):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "what", ["macrochat.replies.service.follow", "macrochat.replies.writing.worker.LocalWorker.generate"]
)
def test_a_500_after_the_message_is_stored_names_it_too(alice, chat, monkeypatch, what):
    monkeypatch.setattr(what, broken)
    answer = post(alice, chat, question("hello"))
    refusal(answer, 500, "INTERNAL_ERROR")
    user, assistant = messages_of(alice, chat)
    check_named(answer, user["id"], assistant["id"])


def test_a_generation_that_breaks_names_what_is_stored(alice, chat, monkeypatch):
    monkeypatch.setattr("macrochat.providers.openai_compatible.OpenAICompatibleProvider.open", broken)
    answer = post(alice, chat, question("hello"))
    refusal(answer, 500, "INTERNAL_ERROR")
    user, assistant = messages_of(alice, chat)
    check_named(answer, user["id"], assistant["id"])


def test_too_many_readers_refuse_after_the_message_is_stored_and_name_it(alice, chat, monkeypatch):
    monkeypatch.setattr("macrochat.replies.rules.READERS_PER_STREAM", 0)
    answer = post(alice, chat, question("hello"))
    refusal(answer, 429, "TOO_MANY_STREAMS")
    user, assistant = messages_of(alice, chat)
    check_named(answer, user["id"], assistant["id"])


def test_a_continue_that_is_refused_names_the_reply(alice, chat, monkeypatch):
    old = tell(alice, chat, "hello", "scripted-cut:3")
    monkeypatch.setattr("macrochat.replies.rules.READERS_PER_STREAM", 0)
    answer = alice.post(f"/api/replies/{old.reply_id}/continue")
    refusal(answer, 429, "TOO_MANY_STREAMS")
    check_named(answer, old.question_id, old.reply_id)


def test_a_refusal_before_anything_is_stored_names_nothing(alice, chat):
    answer = post(alice, chat, question("hello", model="unheard-of"))
    refusal(answer, 400, "UNKNOWN_MODEL")
    assert "X-User-Message-Id" not in answer.headers
