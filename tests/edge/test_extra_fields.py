"""A body changes what it is meant to change. Nobody makes themselves an administrator, another's chat their own, or

the server talk to an address they chose.
"""

import uuid

import pytest
import sqlalchemy as sa

from macrochat.accounts.models import ApiKey, BrowserSession, User
from macrochat.chats.models import Chat, Message
from macrochat.extensions import db
from macrochat.replies.models import Reply
from tests.access.rules import CREDENTIALS, TABLE
from tests.support.answers import refusal
from tests.support.servers import register

SESSION = CREDENTIALS[0]
SOMEBODY = str(uuid.UUID(int=7))
EXTRA = {
    "id": SOMEBODY, "userId": SOMEBODY, "user_id": SOMEBODY, "isAdmin": True, "is_admin": True, "isActive": False,
    "is_active": False, "passwordHash": "x", "password_hash": "x", "createdAt": "2000-01-01T00:00:00Z", "prefix": "mck_mine",
    "sha256": "00", "key": "mck_mine", "revokedAt": None, "lastUsedAt": None, "headId": SOMEBODY, "head_id": SOMEBODY,
    "owner": SOMEBODY, "status": "complete", "finishReason": "stop", "metadata": {"status": "complete"}, "role": "system",
    "__proto__": {"isAdmin": True}, "constructor": {}, "baseUrl": "http://169.254.169.254/", "base_url": "http://127.0.0.1:22/",
    "apiKey": "sk-mine", "provider": "mine", "url": "http://127.0.0.1:22/", "headers": {"Authorization": "Bearer x"},
    "tools": [{"type": "function"}], "temperature": 2, "max_tokens": 10**9, "stream": False, "n": 100,
}  # fmt: skip
ROUTES = [
    "POST /api/auth/register", "PATCH /api/users/me", "POST /api/keys", "POST /api/chats", "PATCH /api/chats/<chat_id>",
    "PUT /api/chats/<chat_id>", "POST /api/chats/<chat_id>/stream", "POST /api/replies/<reply_id>/continue",
    "POST /api/replies/<reply_id>/stop",
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_fields_that_nobody_may_set_are_ignored(world, route):
    world.renew()
    alice = world.people["alice"]
    method, path = route.split(" ")
    path = path.replace("<chat_id>", str(alice.chat)).replace("<reply_id>", str(alice.reply))
    headers = world.headers(SESSION)
    body = EXTRA | (TABLE[route].body or {})
    body |= {"messages": [EXTRA | {"role": "user", "content": "hello"}]} if "stream" in path else {}
    answer = world.client.open(path, method=method, json=body, headers=headers)
    assert answer.status_code == TABLE[route].ok, answer.text
    answer.get_data()
    world.settle()
    assert SOMEBODY not in answer.text
    with world.app.app_context():
        assert [user.email for user in db.session.scalars(sa.select(User).where(User.is_admin))] == [
            "admin@example.org"
        ]
        assert {user.password_hash for user in db.session.scalars(sa.select(User))}.isdisjoint({"x"})
        assert not db.session.scalar(
            sa.select(User).where(User.is_active.is_(False), User.email != "disabled@example.org")
        )
        for table in (User, Chat, Message, Reply, ApiKey, BrowserSession):
            rows = [
                {c.key: getattr(row, c.key) for c in sa.inspect(table).column_attrs}
                for row in db.session.scalars(sa.select(table))
            ]
            assert uuid.UUID(SOMEBODY) not in [value for row in rows for value in row.values()], table
        assert "mck_mine" not in db.session.scalars(sa.select(ApiKey.prefix)).all()
        assert {message.role for message in db.session.scalars(sa.select(Message))} == {"user", "assistant"}


MODELS = [
    "http://169.254.169.254/latest/meta-data", "//127.0.0.1:22", "../../v1/models", "tiny@http://127.0.0.1:9/v1",
    "file:///etc/passwd", "tiny?x=1", "tiny#x", "tiny/../small", "TINY", " tiny", "tiny\n", "tiny\u200b", "*", "%",
]  # fmt: skip


def test_a_model_is_one_of_a_list_and_no_address(make_app, sqlite_url):
    app = make_app(sqlite_url, OPENAI_BASE_URL="http://127.0.0.1:9/v1", MACROCHAT_MODELS="tiny,small")
    person = register(app.test_client(), "alice@example.org")
    chat = person.post("/api/chats", json={}).get_json()["data"]["id"]
    question = {"messages": [{"role": "user", "content": "x"}]}
    doors = [("POST", "/api/chats"), ("PATCH", f"/api/chats/{chat}"), ("POST", f"/api/chats/{chat}/stream")]
    for model in MODELS:
        for method, path in doors:
            refusal(person.open(path, method=method, json=question | {"model": model}), 400, "UNKNOWN_MODEL")
    assert person.get(f"/api/chats/{chat}").get_json()["data"]["messages"] == []
    app.extensions["macrochat"].stop()
