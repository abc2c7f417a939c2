"""flask chats export, import: nothing lost, nothing twice."""

import json
import uuid
import zipfile

import pytest
import sqlalchemy as sa

from macrochat.accounts.models import User
from macrochat.chats.models import Chat, Message
from macrochat.cli.restoring import NOBODY
from macrochat.database import new_id, now
from macrochat.extensions import db
from macrochat.replies.models import Reply

TEXT = "naïve 👩‍👩‍👧 \u2028 line\r\nand </script> end"


@pytest.fixture
def chat(app, alice):
    """A chat of alice's with two branches; the second answer failed."""
    ids = [new_id() for _ in range(4)]
    with app.app_context():
        user = db.session.scalar(sa.select(User).where(User.email == "alice@example.org"))
        chat = Chat(user_id=user.id, title="Ünicode", system_prompt="Be kind", head_id=ids[3])
        db.session.add(chat)
        db.session.flush()
        for at, (role, parent) in enumerate([("user", None), ("assistant", 0), ("user", 1), ("assistant", 2)]):
            parent_id = None if parent is None else ids[parent]
            key = f"key-{at}" if role == "user" else None
            message = Message(
                id=ids[at], chat_id=chat.id, parent_id=parent_id, role=role, content=TEXT * at, client_id=key
            )
            db.session.add(message)
            db.session.flush()
            if role == "assistant":
                db.session.add(_reply(chat, message, "complete" if at == 1 else "failed"))
        db.session.commit()
        return chat.id


def _reply(chat, message, status):
    return Reply(
        id=message.id, chat_id=chat.id, user_id=chat.user_id, owner=NOBODY, model="m", status=status,
        bytes=len(message.content.encode()), request_key=f"ask-{status}", error_code="UPSTREAM_BUSY", completion_tokens=7,
        first_byte_at=now(), finished_at=now(), attempts=3,
    )  # fmt: skip


def rows(app):
    """Everything stored, except which worker wrote it and when rows changed."""
    with app.app_context():
        return {
            table.__tablename__: [
                {column.key: getattr(row, column.key) for column in sa.inspect(table).column_attrs}
                for row in db.session.scalars(sa.select(table).order_by(table.id))
            ]
            for table in (Chat, Message, Reply)
        }


def test_what_is_exported_comes_back_the_same_and_only_once(app, flask, chat, tmp_path):
    file, before = tmp_path / "chats.jsonl", rows(app)
    flask("chats", "export", "--output", str(file))
    assert file.stat().st_mode & 0o077 == 0
    flask("chats", "delete", str(chat), "--yes")
    assert rows(app)["messages"] == []
    assert "1 chats and 4 messages are new" in flask("chats", "import", str(file)).output
    assert rows(app) == before
    assert "0 chats and 0 messages are new" in flask("chats", "import", str(file)).output
    assert rows(app) == before


def test_a_missing_message_is_put_back_into_its_chat(app, flask, chat, tmp_path):
    file, before = tmp_path / "chats.jsonl", rows(app)
    file.write_bytes(flask("chats", "export", "--user", "alice@example.org").stdout_bytes)
    with app.app_context():
        db.session.execute(sa.delete(Message).where(Message.id == before["messages"][3]["id"]))
        db.session.commit()
    assert "0 chats and 1 messages are new" in flask("chats", "import", str(file)).output
    assert rows(app) == before


def test_another_server_gets_the_people_too(app, flask, fails, told, chat, tmp_path):
    file = tmp_path / "chats.jsonl"
    flask("chats", "export", "--output", str(file))
    flask("users", "delete", "alice@example.org", "--yes")
    assert "--create-users" in fails("chats", "import", str(file))
    flask("chats", "import", str(file), "--create-users")
    assert [row["user"] for row in told("chats", "list")] == ["alice@example.org"]


def test_nobody_gets_a_chat_that_is_anothers_here(app, flask, fails, carol, chat, tmp_path):
    file = tmp_path / "chats.jsonl"
    flask("chats", "export", "--output", str(file))
    assert "belongs to somebody else" in fails("chats", "import", str(file), "--user", "carol@example.org")


def test_a_running_reply_is_exported_as_interrupted(app, flask, chat):
    with app.app_context():
        db.session.execute(sa.update(Reply).values(status="streaming").where(Reply.status == "failed"))
        db.session.commit()
    exported = json.loads(flask("chats", "export").stdout.split("\n")[1])
    assert [message["reply"]["status"] for message in exported["messages"] if message["reply"]] == [
        "complete",
        "interrupted",
    ]


@pytest.mark.parametrize(
    "content",
    ["", "not json", "{}", '{"type":"macrochat","version":99}', '{"type":"macrochat","version":1}\n{"id": 1}',
     '{"type":"macrochat","version":1}\n{"id', "[1]", "[", '{"type":"macrochat","version":1}\n[]', "\0\0"],
)  # fmt: skip
def test_files_that_are_something_else_are_refused_in_sentences(fails, carol, tmp_path, content):
    file = tmp_path / "file"
    file.write_text(content)
    fails("chats", "import", str(file), "--user", "carol@example.org")


def test_a_circle_of_messages_is_refused(app, flask, fails, chat, tmp_path):
    header, line, _ = flask("chats", "export").stdout.split("\n")
    record = json.loads(line)
    record["id"] = str(uuid.uuid4())
    for message in record["messages"]:
        message["id"] = message["parentId"] = str(uuid.uuid4())
    file = tmp_path / "chats.jsonl"
    file.write_text(f"{header}\n{json.dumps(record)}\n")
    assert "do not form a tree" in fails("chats", "import", str(file))


def node(name, parent, role, text, **more):
    content = {"content_type": "text", "parts": [text]}
    message = {"author": {"role": role}, "content": content, "create_time": 1_700_000_000.5, "recipient": "all"} | more
    return name, {"id": name, "parent": parent, "message": message, "children": []}


CONVERSATION = {
    "title": "From elsewhere", "create_time": 1_700_000_000.0, "update_time": 1_700_000_100.0, "id": "c1",
    "current_node": "tool",
    "mapping": dict([
        ("root", {"id": "root", "parent": None, "message": None}),
        node("sys", "root", "system", ""),
        node("q", "sys", "user", "Hello"),
        node("call", "q", "assistant", "search()", recipient="browser"),
        node("result", "call", "tool", "pages"),
        node("a", "result", "assistant", "Hi there", metadata={"model_slug": "gpt-4o"}),
        node("b", "q", "assistant", "Another \ud83d answer"),
        node("pic", "a", "user", "", content={"content_type": "multimodal_text",
                                              "parts": [{"content_type": "image_asset_pointer"}, "What is it?"]}),
        node("tool", "pic", "tool", "x"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("zipped", [False, True])
def test_chatgpts_export_is_read_once_with_branches_and_times(app, flask, told, carol, tmp_path, zipped):
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([CONVERSATION]))
    if zipped:
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as package:
            package.write(file, "conversations.json")
        file = tmp_path / "export.zip"
    for new in (1, 0):
        out = flask("chats", "import", str(file), "--user", "carol@example.org").output
        assert f"{new} chats and {4 * new} messages" in out
    stored = rows(app)
    [chat], messages = stored["chats"], stored["messages"]
    by_text = {message["content"]: message for message in messages}
    assert set(by_text) == {"Hello", "Hi there", "Another ? answer", "[image]\n\nWhat is it?"}
    assert by_text["Hi there"]["parent_id"] == by_text["Another ? answer"]["parent_id"] == by_text["Hello"]["id"]
    assert chat["head_id"] == by_text["[image]\n\nWhat is it?"]["id"]
    assert chat["created_at"].timestamp() == 1_700_000_000
    assert {reply["status"] for reply in stored["replies"]} == {"complete"}
    assert all(message["id"].version == 7 for message in messages)


def test_a_conversation_that_is_broken_does_not_stop_the_others(flask, fails, carol, tmp_path):
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([{"mapping": 5}, CONVERSATION, {"title": "x"}]))
    out = fails("chats", "import", str(file), "--user", "carol@example.org")
    assert "conversation 1" in out
    assert "2 chats could not be read" in out
    assert "--user" in fails("chats", "import", str(file))
