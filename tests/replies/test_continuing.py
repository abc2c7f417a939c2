"""POST /api/replies/<id>/continue: a reply that ended early goes on, appending to what it has."""

import uuid

import gevent
import pytest
import sqlalchemy as sa

from macrochat.extensions import db
from macrochat.providers.scripted import expected_text
from macrochat.replies.models import Reply
from tests.replies.asking import begin, follow, messages_of, new_chat, question, say, status_of, unique
from tests.replies.hearing import hear, post, tell
from tests.support import servers
from tests.support.answers import data_of, refusal, without_request_id
from tests.support.processes import wait_until

WHOLE = expected_text("scripted-cut:3:8", []).encode()


def go_on(person, reply_id, **headers):
    return hear(person.post(f"/api/replies/{reply_id}/continue", headers=headers))


@pytest.fixture
def broken(alice, chat):
    """The id of a reply that failed after nine bytes and has 15 more to say."""
    return tell(alice, chat, "hello", "scripted-cut:3:8").reply_id


def test_only_what_is_new_is_in_the_body_and_all_of_it_is_stored(alice, chat, broken):
    heard = go_on(alice, broken)
    assert heard.answer.headers["X-Reply-Id"] == broken
    assert heard.answer.headers["X-Reply-Offset"] == "9"
    assert (heard.data, heard.cut) == (WHOLE[9:], None)
    status, (user, assistant) = status_of(alice, broken), messages_of(alice, chat)
    assert (status["status"], status["finishReason"], status["error"]) == ("complete", "stop", None)
    assert (status["bytes"], status["attempts"]) == (len(WHOLE), 2)
    assert (user["content"], assistant["content"]) == ("hello", WHOLE.decode())
    assert heard.answer.headers["X-User-Message-Id"] == user["id"]


def test_the_model_is_asked_to_go_on_where_it_stopped(alice, broken, provider):
    go_on(alice, broken)
    *before, last = provider.requests[-1]["messages"]
    assert before == [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "w0 w1 w2 "}]
    assert last["role"] == "user"
    assert "ontinue" in last["content"]


def test_a_model_that_goes_on_by_prefill_is_given_its_own_text_as_the_last_message(run_app, provider):
    with run_app(MACROCHAT_CONTINUE_MODE="prefill") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        reply_id = tell(person, new_chat(person), "hello", "scripted-cut:3:8").reply_id
        assert go_on(person, reply_id).data == WHOLE[9:]
    assert provider.requests[-1]["messages"] == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "w0 w1 w2 "},
    ]


def test_a_model_that_cannot_go_on_is_not_asked_to(run_app, provider):
    with run_app(MACROCHAT_CONTINUE_MODE="none") as app:
        person = servers.register(app.test_client(), "carol@example.org")
        reply_id = tell(person, new_chat(person), "hello", "scripted-cut:3:8").reply_id
        before = status_of(person, reply_id)
        refusal(person.post(f"/api/replies/{reply_id}/continue"), 409, "CANNOT_CONTINUE")
        assert status_of(person, reply_id) == before
    assert len(provider.requests) == 1


def test_a_stopped_reply_goes_on(alice, chat, provider):
    text = expected_text("scripted-words:200:10", []).encode()
    reply_id = post(alice, chat, question("hello", model="scripted-words:200:10")).headers["X-Reply-Id"]
    wait_until(lambda: status_of(alice, reply_id)["bytes"] > 50)
    stopped = data_of(alice.post(f"/api/replies/{reply_id}/stop"))
    assert stopped["bytes"] < len(text)
    heard = go_on(alice, reply_id)
    assert heard.data == text[stopped["bytes"] :]
    assert messages_of(alice, chat)[1]["content"].encode() == text


def test_an_interrupted_reply_goes_on(app, alice, chat, broken):
    with app.app_context():
        found = Reply.id == uuid.UUID(broken)
        db.session.execute(sa.update(Reply).where(found).values(status="interrupted", error_code="WORKER_LOST"))
        db.session.commit()
    assert go_on(alice, broken).data == WHOLE[9:]
    assert status_of(alice, broken)["status"] == "complete"


def test_a_reply_that_was_refused_begins_afresh(alice, chat, provider):
    text = unique()
    refusal(post(alice, chat, question(text, model="scripted-fail-then-ok:1")), 502, "UPSTREAM_ERROR")
    heard = go_on(alice, messages_of(alice, chat)[1]["id"])
    assert heard.data.decode() == text
    assert heard.answer.headers["X-Reply-Offset"] == "0"
    assert len(messages_of(alice, chat)) == 2


def test_a_refusal_is_a_real_status_here_too_and_the_text_stays(alice, chat):
    post(alice, chat, question("hello", model="scripted-status:401"))
    reply_id = messages_of(alice, chat)[1]["id"]
    refusal(alice.post(f"/api/replies/{reply_id}/continue"), 502, "UPSTREAM_AUTH")
    assert status_of(alice, reply_id)["status"] == "failed"


def test_a_reply_that_breaks_again_keeps_what_it_has(alice, chat):
    reply_id = tell(alice, chat, "hello", "scripted-garbage").reply_id
    heard = go_on(alice, reply_id)
    assert (heard.data, heard.cut) == (b"", "failed")
    assert (status_of(alice, reply_id)["status"], messages_of(alice, chat)[1]["content"]) == ("failed", "w0 w1 w2 ")


def test_a_reply_that_ended_at_the_length_limit_goes_on(alice, chat):
    reply_id = tell(alice, chat, "hello", "scripted-length:3:8").reply_id
    before = status_of(alice, reply_id)
    assert (before["status"], before["finishReason"], before["bytes"]) == ("complete", "length", 9)
    heard = go_on(alice, reply_id)
    assert (heard.data, heard.cut) == (WHOLE[9:], None)
    status = status_of(alice, reply_id)
    assert (status["status"], status["finishReason"], status["attempts"]) == ("complete", "stop", 2)
    assert messages_of(alice, chat)[-1]["content"] == WHOLE.decode()
    refusal(alice.post(f"/api/replies/{reply_id}/continue"), 409, "REPLY_COMPLETE")


def test_a_complete_reply_has_nothing_to_go_on_with(alice, chat):
    reply_id = tell(alice, chat, "hello").reply_id
    before = status_of(alice, reply_id)
    refusal(alice.post(f"/api/replies/{reply_id}/continue"), 409, "REPLY_COMPLETE")
    assert status_of(alice, reply_id) == before


def test_a_reply_that_runs_is_not_begun_again(alice, chat, provider):
    reply_id = post(alice, chat, question("hello", model="scripted-hold:3")).headers["X-Reply-Id"]
    body = refusal(alice.post(f"/api/replies/{reply_id}/continue"), 409, "CHAT_BUSY")
    assert body["details"] == [{"field": "replyId", "error": reply_id}]
    alice.post(f"/api/replies/{reply_id}/stop")


def test_no_reply_goes_on_while_another_runs_in_its_chat(alice, chat, broken, provider):
    running = post(alice, chat, question("more", model="scripted-hold:3")).headers["X-Reply-Id"]
    body = refusal(alice.post(f"/api/replies/{broken}/continue"), 409, "CHAT_BUSY")
    assert body["details"] == [{"field": "replyId", "error": running}]
    alice.post(f"/api/replies/{running}/stop")


def test_an_earlier_reply_goes_on_without_what_was_said_after_it(alice, chat, broken, provider):
    tell(alice, chat, "never mind")
    assert go_on(alice, broken).data == WHOLE[9:]
    assert "never mind" not in str(provider.requests[-1]["messages"])
    assert [m["content"] for m in messages_of(alice, chat)] == ["hello", WHOLE.decode(), "never mind", "never mind"]


def test_what_is_new_comes_as_events_too(alice, broken):
    heard = go_on(alice, broken, Accept="text/event-stream")
    assert heard.data.startswith(b"event: delta\nid: ")
    assert f"event: done\nid: {len(WHOLE)}.0\n".encode() in heard.data
    assert b"w2" not in heard.data.split(b"event: done")[0]


def test_a_stranger_goes_on_with_nothing_and_learns_nothing(alice, bob, broken):
    theirs = bob.post(f"/api/replies/{broken}/continue")
    unknown = bob.post(f"/api/replies/{uuid.uuid4()}/continue")
    refusal(theirs, 404, "REPLY_NOT_FOUND")
    assert without_request_id(theirs) == without_request_id(unknown)
    assert status_of(alice, broken)["status"] == "failed"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_two_who_go_on_at_once_through_two_servers_one_does(ann, here, there):
    chat = new_chat(ann)
    reply_id = say(ann, chat, "hello", "scripted-cut:3:8").reply_id
    calls = [gevent.spawn(ann.post, f"{at}/api/replies/{reply_id}/continue") for at in (here.url, there.url)]
    answers = sorted((call.get(timeout=60) for call in calls), key=lambda answer: answer.status_code)
    assert answers[0].content == WHOLE[9:]
    assert answers[1].json()["code"] in ("CHAT_BUSY", "REPLY_COMPLETE")
    assert messages_of(ann, chat)[1]["content"].encode() == WHOLE


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whoever_follows_from_elsewhere_sees_it_go_on(ann, there, provider):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    data_of(ann.post(f"/api/replies/{reply_id}/stop"))
    with ann.stream("POST", f"{there.url}/api/replies/{reply_id}/continue") as going_on:
        assert going_on.headers["X-Reply-Offset"] == "9"
        with follow(ann, f"/replies/{reply_id}/stream") as body:
            provider.release()
            assert body.to_end() == b"w0 w1 w2 " + going_on.read()
    assert status_of(ann, reply_id)["status"] == "complete"
