"""An id in a body or a header reaches no further than one in an address: what is bob's is unknown to alice."""

import uuid

import pytest
import sqlalchemy as sa

from macrochat.chats.models import Message
from macrochat.extensions import db
from tests.access.rules import CREDENTIALS

SESSION = CREDENTIALS[0]


def ask(world, **body):
    chat = world.people["alice"].chat
    body = {"messages": [{"role": "user", "content": "hello"}], **body}
    return world.client.post(f"/api/chats/{chat}/stream", json=body, headers=world.headers(SESSION))


def question_of(world, name):
    with world.app.app_context():
        query = sa.select(Message.id).where(Message.chat_id == world.people[name].chat, Message.role == "user")
        return str(db.session.scalar(query))


@pytest.mark.parametrize("which", ["reply", "question", "chat"])
def test_another_s_message_is_not_answered_again_nor_reworded(world, which):
    """It is unknown, and what is unknown means the last question of alice's own chat."""
    answers = []
    for known in (True, False):
        world.renew()
        bob = world.people["bob"]
        foreign = {"reply": bob.reply, "question": question_of(world, "bob"), "chat": bob.chat}[which]
        before = world.picture()["bob"]
        answer = ask(world, trigger="regenerate-message", messageId=str(foreign) if known else str(uuid.uuid4()))
        answers.append((answer.status_code, answer.get_data()))
        world.settle()
        assert world.picture()["bob"] == before
        assert world.provider.lines[-1].question == "hello"
        assert "X-User-Message-Id" in answer.headers
    world.renew()
    assert answers[0] == answers[1] == (200, b"An answer.")


@pytest.mark.parametrize("field", ["id", "chatId", "parentId", "userId", "replyId"])
def test_what_a_client_says_about_where_its_message_belongs_is_not_believed(world, field):
    world.renew()
    bob = world.people["bob"]
    before = world.picture()["bob"]
    message = {
        "role": "user",
        "content": "hello",
        "chatId": str(bob.chat),
        "parentId": str(bob.reply),
        "userId": str(bob.id),
    }
    answer = ask(world, **{field: str(bob.chat)}, messages=[message])
    assert answer.status_code == 200
    answer.get_data()
    world.settle()
    assert world.picture()["bob"] == before
    said = [line.question for line in world.provider.lines[-1:]]
    assert said == ["hello"]
    world.renew()


def test_a_key_of_idempotency_is_one_s_own(world):
    """bob's key tells alice nothing: the same one in her chat is a message of hers."""
    world.renew()
    ids = []
    for name in ("bob", "alice"):
        person = world.people[name]
        headers = {"X-API-KEY": person.keys["good"], "Idempotency-Key": "the-same-key"}
        body = {"messages": [{"role": "user", "content": f"hello from {name}"}]}
        answer = world.client.post(f"/api/chats/{person.chat}/stream", json=body, headers=headers)
        assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (200, False)
        answer.get_data()
        ids.append(answer.headers["X-Reply-Id"])
    world.renew()
    assert len(set(ids)) == 2
