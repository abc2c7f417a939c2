"""What operators ask is answered by SQLite and PostgreSQL alike."""

import json

import pytest
import sqlalchemy as sa

from macrochat.accounts.models import User
from macrochat.chats.models import Chat, Message
from macrochat.database import new_id, now
from macrochat.extensions import db
from macrochat.replies.models import Reply, ReplyChunk
from tests.support.answers import data_of


@pytest.fixture
def app(make_app, database_url):
    return make_app(database_url)


@pytest.fixture
def replies(app, admin):
    """A running reply of which 7 bytes are committed, and a failed one."""
    with app.app_context():
        user = db.session.scalar(sa.select(User))
        for status, size in (("streaming", 0), ("failed", 40)):
            chat = Chat(user_id=user.id, title="x")
            db.session.add(chat)
            db.session.flush()
            message = Message(chat_id=chat.id, role="assistant", content="ä" * (size // 2))
            db.session.add(message)
            db.session.flush()
            ended = {} if status == "streaming" else {"first_byte_at": now(), "finished_at": now(), "error_code": "X"}
            reply = Reply(
                id=message.id, chat_id=chat.id, user_id=user.id, owner=new_id(), model="m", bytes=size, **ended
            )
            reply.status = status
            db.session.add(reply)
            db.session.flush()
            if status == "streaming":
                db.session.add(ReplyChunk(reply_id=reply.id, offset=0, bytes=b"seven b"))
        db.session.commit()


def test_the_overview_and_the_details(admin, replies):
    overview = data_of(admin.get("/api/ops/overview"))
    assert overview["live"]["total"] == 1
    assert overview["live"]["streams"][0]["bytes"] == 7
    assert (sum(overview["history"]["replies"]), sum(overview["history"]["errors"])) == (2, 1)
    details = data_of(admin.get("/api/ops/health"))
    assert details["checks"]["schema"] == "ok"
    assert details["workers"] == []
    page = admin.get("/admin")
    assert page.status_code == 200
    assert "seven" not in page.text


def test_the_commands(app, admin, replies, tmp_path):
    run = app.test_cli_runner().invoke
    stats = json.loads(run(args=["stats", "--json"]).stdout)
    assert (stats["replies_failed"], stats["replies_streaming"], stats["failed_last_day"]) == (1, 1, 1)
    assert stats["database_bytes"] > 0
    assert "ok" in run(args=["doctor"]).stdout.lower()
    archive = tmp_path / "chats.jsonl"
    assert run(args=["chats", "export", "--output", str(archive)]).exit_code == 0
    texts = [json.loads(line)["messages"][0]["content"] for line in archive.read_bytes().splitlines()[1:]]
    assert sorted(texts) == ["seven b", "ä" * 20]
    assert [row["status"] for row in json.loads(run(args=["replies", "sweep", "--json"]).stdout)] == ["interrupted"]
    run(args=["users", "delete", "root@example.org", "--yes"])
    assert "2 chats and 2 messages are new" in run(args=["chats", "import", str(archive), "--create-users"]).stdout
