"""What an operator does to people leaves the line that it leaves on the web, with who did it."""

import os
import pwd
import uuid

import pytest
import structlog
from structlog.contextvars import merge_contextvars

from macrochat.chats.models import Chat, Message
from macrochat.database import new_id, now
from macrochat.extensions import db
from macrochat.logs import get_logger
from macrochat.replies.models import Reply
from tests.support.servers import PASSWORD

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(autouse=True)
def no_sudo(monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)


@pytest.fixture
def lines(carol):
    with structlog.testing.capture_logs(processors=[merge_contextvars]) as captured:
        yield captured


@pytest.mark.parametrize(
    ("verb", "events"),
    [
        ("promote", ["account promoted"]),
        ("demote", ["account demoted"]),
        ("enable", ["account enabled"]),
        ("disable", ["account disabled", "all sessions revoked"]),
        ("set-password", ["password changed", "all sessions revoked"]),
        ("delete", ["account deleted"]),
    ],
)
def test_each_act_is_noted_with_the_operator_and_the_user(flask, carol, lines, verb, events):
    options = {"set-password": ["--password-stdin"], "delete": ["--yes"]}.get(verb, [])
    flask("users", verb, "carol@example.org", *options, input="another good one\n")
    noted = [(line["module"], line["actor"], line["operator"], line["user_id"], line["event"]) for line in lines]
    assert noted == [("audit", "operator", ME, carol["id"], event) for event in events]
    assert "carol@" not in str(lines)
    assert "another good one" not in str(lines)


@pytest.fixture
def chat(app, carol):
    """One of carol's, with a finished reply; both their ids."""
    with app.app_context():
        owner = uuid.UUID(carol["id"])
        row = Chat(user_id=owner, title="a secret plan")
        db.session.add(row)
        db.session.flush()
        said = Message(chat_id=row.id, role="assistant", content="a secret answer")
        db.session.add(said)
        db.session.flush()
        ended = {"status": "complete", "finished_at": now(), "bytes": 15}
        db.session.add(Reply(id=said.id, chat_id=row.id, user_id=owner, owner=new_id(), model="m", **ended))
        db.session.commit()
        return str(row.id), str(said.id)


@pytest.mark.parametrize(
    ("command", "event", "ids"),
    [
        ("chats list", "chats listed", {"user_id": "everybody"}),
        ("chats list --user carol@example.org", "chats listed", {"user_id": "{carol}"}),
        ("chats export", "chats exported", {"user_id": "everybody", "count": 1}),
        ("chats export --user carol@example.org", "chats exported", {"user_id": "{carol}", "count": 1}),
        ("chats delete {chat} --yes", "chat deleted", {"user_id": "{carol}", "chat_id": "{chat}"}),
        ("replies list", "replies listed", {"user_id": "everybody"}),
        ("replies show {reply}", "reply shown", {"user_id": "{carol}", "reply_id": "{reply}"}),
        ("replies replay {reply} --no-wait", "reply replayed", {"user_id": "{carol}", "reply_id": "{reply}"}),
        ("replies stop {reply}", "reply stopped", {"user_id": "{carol}", "reply_id": "{reply}"}),
    ],
)
def test_who_looks_at_what_people_said_or_ends_it_is_noted(flask, carol, chat, lines, command, event, ids):
    names = {"carol": carol["id"], "chat": chat[0], "reply": chat[1]}
    flask(*command.format(**names).split())
    [line] = [one for one in lines if one["module"] == "audit"]
    assert (line["event"], line["actor"], line["operator"]) == (event, "operator", ME)
    for name, value in ids.items():
        assert line[name] == (value.format(**names) if isinstance(value, str) else value)
    assert "secret" not in str(lines)


def test_an_import_is_noted(flask, carol, chat, lines, tmp_path):
    file = tmp_path / "chats"
    flask("chats", "export", "--output", str(file))
    lines.clear()
    flask("chats", "import", str(file), "--user", "carol@example.org")
    [line] = lines
    assert (line["event"], line["user_id"], line["chats"]) == ("chats imported", carol["id"], 0)


def test_an_administrator_who_stops_a_reply_is_noted_with_the_reply_and_its_owner(app, flask, carol, chat, lines):
    flask("users", "promote", "carol@example.org")
    lines.clear()
    client = app.test_client()
    client.post("/api/auth/login", json={"email": "carol@example.org", "password": PASSWORD})
    client.post(f"/api/ops/replies/{chat[1]}/stop")
    [line] = [one for one in lines if one["event"] == "reply stopped"]
    ids = {"actor": "administrator", "operator": carol["id"], "user_id": carol["id"], "reply_id": chat[1]}
    assert {name: line[name] for name in ids} == ids


def test_who_became_somebody_else_is_noted_and_a_borrowed_name_is_not(flask, carol, lines, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody")
    monkeypatch.setenv("SUDO_USER", "ada\x1b[31m")
    flask("chats", "list")
    [line] = lines
    assert line["operator"] == rf"ada\x1b[31m as {ME}"


def test_what_is_not_done_is_not_noted(flask, fails, lines):
    fails("users", "promote", "nobody@example.org")
    fails("users", "delete", "carol@example.org", input="n\n")
    fails("chats", "delete", str(new_id()), "--yes")
    flask("users", "list")
    assert lines == []


def test_an_act_on_the_web_names_no_operator(app, flask, carol, lines):
    flask("users", "promote", "carol@example.org")
    lines.clear()
    app.test_client().post("/api/auth/login", json={"email": "carol@example.org", "password": PASSWORD})
    assert [(line["event"], "actor" in line) for line in lines] == [("signed in", False)]


def test_of_other_lines_a_command_writes_errors_only(flask, lines):
    flask("users", "list")
    for level in ("debug", "info", "warning", "error"):
        getattr(get_logger("test"), level)(level)
    assert [line["event"] for line in lines] == ["error"]
