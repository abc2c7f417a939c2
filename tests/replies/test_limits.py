"""What a person may have at once, and what a reply may be."""

import pytest

from macrochat.providers.scripted import expected_text
from macrochat.replies import rules
from tests.replies.asking import messages_of, new_chat, question, status_of, when_final
from tests.replies.hearing import hear, post, tell
from tests.support import servers
from tests.support.answers import refusal
from tests.support.processes import wait_until


@pytest.fixture
def held(alice, chat):
    """A reply that runs in `chat` until the provider lets it go."""
    answer = post(alice, chat, question("wait", model="scripted-hold:3"))
    assert answer.status_code == 200
    return answer.headers["X-Reply-Id"]


@pytest.fixture(autouse=True)
def nothing_left(alice, provider):
    yield
    provider.release()
    for chat in alice.get("/api/chats?limit=100").get_json()["data"]:
        alice.delete(f"/api/chats/{chat['id']}")


def test_a_second_message_in_a_busy_chat_is_refused_and_names_the_reply_that_runs(alice, chat, held):
    body = refusal(post(alice, chat, question("and?")), 409, "CHAT_BUSY")
    assert body["details"] == [{"field": "replyId", "error": held}]
    assert len(messages_of(alice, chat)) == 2
    assert status_of(alice, held)["status"] == "streaming"


def test_a_busy_chat_answers_nothing_again(alice, chat, held):
    body = question("wait", trigger="regenerate-message")
    refusal(post(alice, chat, body), 409, "CHAT_BUSY")


def test_a_chat_is_free_again_when_its_reply_is_final(alice, chat, held, provider):
    provider.release()
    assert when_final(alice, held)["status"] == "complete"
    assert tell(alice, chat, "and?").data == b"and?"


def test_a_second_chat_is_not_busy(alice, held):
    assert tell(alice, new_chat(alice), "and?").data == b"and?"


def test_w09_the_sixth_reply_at_once_is_refused_for_a_moment(alice, bob, provider):
    for _ in range(5):
        assert post(alice, new_chat(alice), question("wait", model="scripted-hold:3")).status_code == 200
    sixth = new_chat(alice)
    answer = post(alice, sixth, question("wait"))
    refusal(answer, 429, "TOO_MANY_STREAMS")
    assert int(answer.headers["Retry-After"]) >= 1
    assert messages_of(alice, sixth) == []
    assert tell(bob, new_chat(bob), "others may").data == b"others may"

    provider.release()
    for busy in (one["id"] for one in alice.get("/api/chats").get_json()["data"] if one["id"] != sixth):
        when_final(alice, messages_of(alice, busy)[1]["id"])
    assert tell(alice, sixth, "now").data == b"now"


def test_a_reply_without_end_is_cut_at_the_limit_and_kept(run_app, provider):
    with run_app(MACROCHAT_MAX_REPLY_BYTES="2000") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        chat = new_chat(person)
        heard = tell(person, chat, "hello", "scripted-endless:0")
        status, message = status_of(person, heard.reply_id), messages_of(person, chat)[1]
    assert heard.cut == "failed"
    assert (status["status"], status["error"]["code"]) == ("failed", "REPLY_TOO_LONG")
    assert len(heard.data) == status["bytes"] <= 2000
    assert message["content"].encode() == heard.data
    assert expected_text("scripted-endless:0", []).startswith(heard.data.decode())
    wait_until(lambda: provider.requests[-1]["how"] == "client_closed", what="the provider goes on for nobody")


def test_a_model_that_falls_silent_fails_and_what_it_said_is_kept(run_app, provider):
    with run_app(MACROCHAT_PROVIDER_TIMEOUT="1") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        heard = hear(post(person, new_chat(person), question("hello", model="scripted-stall:3")))
        status = status_of(person, heard.reply_id)
    assert (heard.data, heard.cut) == (b"w0 w1 w2 ", "failed")
    assert (status["status"], status["error"]["code"], status["bytes"]) == ("failed", "UPSTREAM_TIMEOUT", 9)


def test_one_person_does_not_use_up_the_streams_of_all(run_app, provider, monkeypatch):
    monkeypatch.setattr(rules, "READERS_PER_STREAM", 3)
    with run_app(MACROCHAT_MAX_STREAMS_PER_USER="1") as app:
        carol = servers.register(app.test_client(), "carol@example.org")
        answer = post(carol, new_chat(carol), question("hello", model="scripted-hold:3"))
        path = f"/api/replies/{answer.headers['X-Reply-Id']}/stream"
        answer.close()
        bodies = [carol.get(path) for _ in range(3)]
        assert [next(iter(body.response)) for body in bodies] == [b""] * 3
        fourth = carol.get(path)
        refusal(fourth, 429, "TOO_MANY_STREAMS")
        assert int(fourth.headers["Retry-After"]) >= 1
        dan = servers.register(app.test_client(), "dan@example.org")
        assert tell(dan, new_chat(dan), "others may").data == b"others may"
        bodies.pop().close()
        assert carol.get(path).status_code == 200
        provider.release()


def test_the_longest_message_is_a_setting(run_app, provider):
    with run_app(MACROCHAT_MAX_MESSAGE_CHARACTERS="5") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        chat = new_chat(person)
        assert tell(person, chat, "𝒳" * 5).data.decode() == "𝒳" * 5
        refusal(post(person, chat, question("x" * 6)), 413, "MESSAGE_TOO_LONG")
