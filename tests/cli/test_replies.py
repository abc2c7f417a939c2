"""flask replies, without a server."""

import datetime as dt
import time

import pytest
import sqlalchemy as sa

from macrochat.accounts.models import User
from macrochat.chats.models import Chat, Message
from macrochat.database import new_id, now
from macrochat.extensions import db
from macrochat.replies.journal.leases import process_name
from macrochat.replies.models import Reply, ReplyChunk, Worker
from tests.support.patience import Stopwatch

TEXT = "one two  three\nfour 🙂"


@pytest.fixture
def make_reply(app, alice):
    def make(status="complete", text=TEXT, owner=None, lasted=0.4, **values):
        with app.app_context():
            user = db.session.scalar(sa.select(User).where(User.email == "alice@example.org"))
            chat = Chat(user_id=user.id, title="x")
            db.session.add(chat)
            db.session.flush()
            message = Message(chat_id=chat.id, role="assistant", content=text if status != "streaming" else "")
            db.session.add(message)
            db.session.flush()
            began = now()
            times = {
                "first_byte_at": began + dt.timedelta(seconds=0.3),
                "finished_at": began + dt.timedelta(seconds=0.3 + lasted),
            }
            if status == "streaming":
                times = {}
            reply = Reply(
                id=message.id, chat_id=chat.id, user_id=user.id, owner=owner or new_id(), status=status, model="m",
                bytes=len(text.encode()), started_at=began, **times, **values,
            )  # fmt: skip
            db.session.add(reply)
            db.session.flush()
            if status == "streaming":
                db.session.add(ReplyChunk(reply_id=reply.id, offset=0, bytes=text.encode()))
            db.session.commit()
            return str(reply.id)

    return make


def test_replies_are_listed_and_shown_without_their_text(flask, told, make_reply):
    reply = make_reply(status="failed", error_code="UPSTREAM_BUSY")
    assert [row["id"] for row in told("replies", "list", "--status", "failed")] == [reply]
    assert told("replies", "list", "--status", "complete") == []
    shown = told("replies", "show", reply)
    assert (shown["error"], shown["bytes"], shown["user"]) == ("UPSTREAM_BUSY", len(TEXT.encode()), "alice@example.org")
    assert "three" not in flask("replies", "show", reply).stdout


def test_a_replay_prints_the_same_bytes_in_the_original_time(flask, make_reply):
    reply = make_reply()
    watch = Stopwatch()
    assert flask("replies", "replay", reply).stdout == TEXT
    assert watch.seconds < 5
    assert watch.wall_seconds > 0.65
    assert flask("replies", "replay", reply, "--no-wait").stdout == TEXT


def test_a_sweep_ends_what_nobody_writes_with_its_text(flask, told, make_reply):
    lost, stopped = make_reply("streaming"), make_reply("streaming", stop_requested=True)
    swept = {row["id"]: row["status"] for row in told("replies", "sweep")}
    assert swept == {lost: "interrupted", stopped: "stopped"}
    assert flask("replies", "replay", lost, "--no-wait").stdout == TEXT
    assert told("replies", "sweep") == []
    assert told("replies", "list", "--status", "streaming") == []


def test_a_sweep_leaves_everything_to_living_workers(app, fails, make_reply):
    with app.app_context():
        worker = Worker(id=new_id(), machine=process_name(), pid=1, lease_until=time.time() + 60)
        db.session.add(worker)
        db.session.commit()
    make_reply("streaming")
    assert "1 workers are alive" in fails("replies", "sweep")


def test_a_sweep_looks_for_a_while_at_a_worker_whose_lease_is_over(app, fails, make_reply, monkeypatch):
    """It may be busy, or the database's clock may have jumped: it renews then."""
    worker_id = new_id()
    with app.app_context():
        db.session.add(Worker(id=worker_id, machine="elsewhere", pid=1, lease_until=1))
        db.session.commit()
    make_reply("streaming", owner=worker_id)

    def meanwhile_it_renews(_watch, _connection, _mine):
        with db.engine.begin() as own:
            own.execute(sa.update(Worker).where(Worker.id == worker_id).values(lease_until=time.time() + 60))
        return []

    monkeypatch.setattr("macrochat.cli.replies.Watch.look", meanwhile_it_renews)
    assert "1 workers are alive" in fails("replies", "sweep")
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).where(Worker.id == worker_id)) == 1


def test_a_stop_without_a_server_leaves_the_wish_and_says_so(fails, told, make_reply, monkeypatch):
    monkeypatch.setattr("macrochat.cli.replies.STOP_SECONDS", 0.2)
    reply = make_reply("streaming")
    assert "flask replies sweep" in fails("replies", "stop", reply)
    assert told("replies", "show", reply)["stop_requested"] is True


def test_a_stop_never_changes_what_has_ended(flask, make_reply):
    assert flask("replies", "stop", make_reply()).stdout == "complete\n"


@pytest.mark.parametrize("verb", ["show", "stop", "replay"])
def test_unknown_replies_are_one_sentence(fails, verb):
    for reply_id in ("nonsense", "01890a5d-ac96-774b-bcce-b302099a8057"):
        assert fails("replies", verb, reply_id) == f"Error: There is no reply '{reply_id}'"


def test_no_command_starts_the_engine_room(app, flask, make_reply):
    flask("replies", "stop", make_reply())
    flask("stats")
    assert not app.extensions["macrochat"].ready
