"""What people, models and servers said does not steer the terminal of whoever looks at it."""

import json
import re

import pytest

from macrochat.chats.models import Chat, Message
from macrochat.cli import printing
from macrochat.database import new_id, now
from macrochat.extensions import db
from macrochat.replies.models import Reply
from tests.support.processes import ROOT

STEERING = "\x1b]0;title\x07 \x1b[2J\x1b[31mred \x9b5A \x08\r \x7f \u202eevil\u2066 \u200f \ufeff \U000e0041"
SHOWN = r"\x1b]0;title\x07 \x1b[2J\x1b[31mred \x9b5A \x08\r \x7f \u202eevil\u2066 \u200f \ufeff \U000e0041"
ENGLISH = "Fine: tab\t, line\n, \N{FAMILY}, \u0645\u0631\u062d\u0628\u0627, \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, \U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.fixture
def reply(app, alice):
    """Of a chat in which everything that can hold text holds what steers; its id."""
    with app.app_context():
        chat = Chat(user_id=uuid_of(alice), title=f"t {STEERING}"[:255])
        db.session.add(chat)
        db.session.flush()
        said = Message(chat_id=chat.id, role="assistant", content=f"{STEERING}\n{ENGLISH}")
        db.session.add(said)
        db.session.flush()
        facts = {
            "status": "failed",
            "error_code": "E",
            "error_message": STEERING,
            "provider": "p\x1b",
            "finish_reason": "\x1bc",
        }
        row = Reply(id=said.id, chat_id=chat.id, user_id=uuid_of(alice), owner=new_id(), model=f"m {STEERING}", **facts)
        row.finished_at, row.bytes = now(), len(said.content.encode())
        db.session.add(row)
        db.session.execute(db.update(type(alice_row(alice))).values(name=f"n {STEERING}"))
        db.session.commit()
        return str(row.id)


def alice_row(alice):
    from macrochat.accounts.models import User

    return db.session.get_one(User, uuid_of(alice))


def uuid_of(alice):
    import uuid

    return uuid.UUID(alice.user["id"])


COMMANDS = [
    *(
        "users list",
        "users show alice@example.org",
        "chats list",
        "chats export",
        "replies list",
        "replies show {reply}",
    ),
    *(
        "replies replay {reply} --no-wait",
        "users list --json",
        "chats list --json",
        "replies show {reply} --json",
        "stats",
    ),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_what_steers_a_terminal(flask, reply, command):
    result = flask(*command.format(reply=reply).split())
    assert result.stdout
    assert not printing.STEERING.search(result.output)


def test_a_replay_shows_escapes_as_text_and_all_else_as_it_was(flask, reply):
    assert flask("replies", "replay", reply, "--no-wait").stdout == f"{SHOWN}\n{ENGLISH}"


def test_json_says_the_same_to_a_program(flask, reply):
    [chat] = json.loads(flask("chats", "list", "--json").stdout)
    assert chat["title"] == f"t {STEERING}"
    exported = json.loads(flask("chats", "export").stdout.splitlines()[1])
    assert exported["messages"][0]["content"] == f"{STEERING}\n{ENGLISH}"


def test_refusals_show_what_was_given_as_text(fails, tmp_path):
    assert not printing.STEERING.search(fails("users", "show", f"x{STEERING}"))
    file = tmp_path / "chats"
    file.write_text(json.dumps({"type": "macrochat", "version": 1}) + "\n" + json.dumps({"type": STEERING}) + "\n")
    assert not printing.STEERING.search(fails("chats", "import", str(file)))


def test_the_terminal_chat_shows_escapes_as_text(make_app, sqlite_url, scripted):
    app = make_app(sqlite_url, MACROCHAT_MODELS="scripted-echo", **scripted.settings)
    result = app.test_cli_runner().invoke(args=["model", "chat", f"say {STEERING}"])
    assert result.stdout == f"say {SHOWN}\n"


def test_there_is_one_way_to_print():
    """`printing.say`; JSON and a key, which is ours, go by `harmless_json` and through it."""
    for path in (ROOT / "macrochat" / "cli").glob("*.py"):
        found = re.findall(r"click\.echo\(|(?<!\w)print\(|sys\.stdout\.write", path.read_text())
        assert len(found) == {"printing.py": 1, "shown.py": 1}.get(path.name, 0), path.name
