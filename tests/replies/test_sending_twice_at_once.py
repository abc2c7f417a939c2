"""Exactly once, when the repeats come at the same moment, through one server and through two."""

import gevent
import pytest

from tests.replies.asking import asked, follow, messages_of, new_chat, question, say, send, unique, when_final
from tests.support.answers import refusal


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def at_once(*calls):
    """What the calls return, all begun before any has ended."""
    jobs = [gevent.spawn(*call) for call in calls]
    return [job.get(timeout=30) for job in jobs]


def test_w11_eight_double_clicks_are_one_message_and_one_generation(ann, here, there, provider):
    chat, text = new_chat(ann), unique()
    bodies = at_once(
        *(
            (lambda at: say(ann, chat, text, "scripted-echo:20", at=at, Idempotency_Key="key"), at)
            for at in [here.url, there.url] * 4
        )
    )
    assert {body.status_code for body in bodies} == {200}
    assert {body.data.decode() for body in bodies} == {text}
    assert not any(body.cut for body in bodies)
    assert len({(body.headers["X-User-Message-Id"], body.reply_id) for body in bodies}) == 1
    assert sum("Idempotent-Replayed" not in body.headers for body in bodies) == 1
    assert len(messages_of(ann, chat)) == 2
    assert len(asked(provider, text)) == 1


def test_a_repeat_elsewhere_joins_the_running_reply(ann, there, provider):
    chat, text = new_chat(ann), unique()
    with send(ann, chat, text, "scripted-hold:3", Idempotency_Key="key") as first:
        assert first.until(9) == b"w0 w1 w2 "
        with send(ann, chat, text, "scripted-hold:3", at=there.url, Idempotency_Key="key") as again:
            assert again.headers["Idempotent-Replayed"] == "true"
            assert again.reply_id == first.reply_id
            assert again.until(9) == b"w0 w1 w2 "
            provider.release()
            assert again.to_end() == first.to_end() == b"".join(b"w%d " % k for k in range(13))
    assert len(asked(provider, text)) == 1


def test_of_two_different_messages_at_once_one_is_refused_and_not_stored(ann, here, there, provider):
    chat = new_chat(ann)

    def try_it(text, at):
        with send(ann, chat, text, "scripted-hold:3", at=at) as body:
            return body.refused() if body.status_code != 200 else body

    answers = at_once((try_it, "one", here.url), (try_it, "two", there.url))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    accepted, refused = sorted(answers, key=lambda answer: answer.status_code)
    body = refusal(refused, 409, "CHAT_BUSY")
    assert body["details"] == [{"field": "replyId", "error": accepted.reply_id}]
    assert [message["role"] for message in messages_of(ann, chat)] == ["user", "assistant"]


def test_a_person_has_five_replies_at_once_however_they_are_asked_for(ann, here, there, provider):
    chats = [new_chat(ann) for _ in range(8)]

    def try_it(chat, at):
        with send(ann, chat, "wait", "scripted-hold:3", at=at) as body:
            return body.status_code if body.status_code == 200 else body.refused().json()["code"]

    found = at_once(*((try_it, chat, at) for chat, at in zip(chats, [here.url, there.url] * 4, strict=True)))
    assert sorted(map(str, found)) == ["200"] * 5 + ["TOO_MANY_STREAMS"] * 3


@pytest.mark.parametrize("kind", ["sqlite"])
def test_two_workers_of_one_server_share_keys(crew, sign_up, provider):
    person = sign_up(crew)
    chat, text = new_chat(person), unique()
    bodies = at_once(*((lambda: say(person, chat, text, "scripted-echo:20", Idempotency_Key="key"),) for _ in range(8)))
    assert {body.data.decode() for body in bodies} == {text}
    assert len({body.reply_id for body in bodies}) == 1
    assert len(messages_of(person, chat)) == 2
    assert len(asked(provider, text)) == 1


def test_the_other_tab_sees_the_message_that_was_refused_here_only_once(ann, there, provider):
    chat = new_chat(ann)
    with send(ann, chat, "wait", "scripted-hold:3") as body:
        body.until(9)
        refused = ann.post(f"{there.url}/api/chats/{chat}/stream", json=question("me too"))
        reply_id = refusal(refused, 409, "CHAT_BUSY")["details"][0]["error"]
        with follow(ann, f"/replies/{reply_id}/stream", at=there.url) as other:
            other.until(9)
            provider.release()
            assert other.to_end() == body.to_end()
    assert when_final(ann, reply_id)["status"] == "complete"
    assert len(messages_of(ann, chat, at=there.url)) == 2
