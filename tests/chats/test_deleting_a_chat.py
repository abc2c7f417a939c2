"""DELETE /api/chats/<id>. What it does to a running reply: tests/replies/test_deleting.py."""

import uuid

from macrochat.chats.models import Chat
from macrochat.extensions import db
from tests.support.answers import refusal


def test_the_answer_is_exactly_this(alice, chat):
    answer = alice.delete(f"/api/chats/{chat['id']}")
    assert answer.status_code == 200
    assert answer.get_json() == {"success": True, "message": "Chat deleted successfully"}


def test_a_deleted_chat_is_gone_for_good(alice, chat, app):
    alice.delete(f"/api/chats/{chat['id']}")
    refusal(alice.get(f"/api/chats/{chat['id']}"), 404, "CHAT_NOT_FOUND")
    with app.app_context():
        assert db.session.get(Chat, uuid.UUID(chat["id"])) is None


def test_only_the_one_chat_goes(newcomer):
    tax, plans = (newcomer.post("/api/chats", json={"title": title}).get_json()["data"] for title in ("Tax", "Plans"))
    newcomer.delete(f"/api/chats/{plans['id']}")
    assert [row["id"] for row in newcomer.get("/api/chats").get_json()["data"]] == [tax["id"]]


def test_a_chat_is_deleted_once(alice, chat):
    alice.delete(f"/api/chats/{chat['id']}")
    refusal(alice.delete(f"/api/chats/{chat['id']}"), 404, "CHAT_NOT_FOUND")
