"""Deleting a chat in which a reply runs: the generation ends, the provider is let go, nothing is left."""

import uuid

import gevent
import pytest
import sqlalchemy as sa

from tests.replies.asking import asked, begin, new_chat, say, send, unique
from tests.support.answers import refusal
from tests.support.processes import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def rows(here):
    """A function: how many rows are left of a chat or reply."""
    engine = sa.create_engine(here.database_url.replace("postgresql:", "postgresql+psycopg2:"))

    def count(table, column, value):
        value = uuid.UUID(value)
        query = sa.select(sa.func.count()).select_from(sa.table(table)).where(sa.column(column, sa.Uuid) == value)
        with engine.connect() as connection:
            return connection.execute(query).scalar()

    yield count
    engine.dispose()


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_running_reply_is_stopped_and_its_upstream_closed(ann, here, there, provider, where):
    chat, text = new_chat(ann), unique()
    begin(ann, chat, text, "scripted-endless:5", size=30)
    answer = ann.delete(f"{(here if where == 'here' else there).url}/api/chats/{chat}")
    assert answer.json() == {"success": True, "message": "Chat deleted successfully"}
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 2, "upstream closed")
    assert len(asked(provider, text)) == 1, "nobody took the reply over"


def test_nothing_is_left_of_a_chat(ann, rows):
    chat = new_chat(ann)
    say(ann, chat, "hello", "scripted-echo")
    reply_id = begin(ann, chat, "more", "scripted-endless:5", size=30)
    assert rows("messages", "chat_id", chat) == 4
    ann.delete(f"/api/chats/{chat}")
    assert rows("chats", "id", chat) == rows("messages", "chat_id", chat) == rows("replies", "chat_id", chat) == 0
    # The writer may be in the middle of a fold when the chat goes.
    wait_until(lambda: rows("reply_chunks", "reply_id", reply_id) == 0, 5, "chunks gone")


def test_replies_of_a_deleted_chat_are_unknown(ann, there):
    chat = new_chat(ann)
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    ann.delete(f"/api/chats/{chat}")
    for url in (f"/api/replies/{reply_id}", f"/api/replies/{reply_id}/stream"):
        refusal(ann.get(url), 404, "REPLY_NOT_FOUND")
        refusal(ann.get(there.url + url), 404, "REPLY_NOT_FOUND")
    refusal(ann.post(f"/api/replies/{reply_id}/stop"), 404, "REPLY_NOT_FOUND")
    refusal(ann.post(f"/api/replies/{reply_id}/continue"), 404, "REPLY_NOT_FOUND")


def test_a_send_to_a_deleted_chat_is_not_found(ann):
    chat = new_chat(ann)
    ann.delete(f"/api/chats/{chat}")
    with send(ann, chat, "hello", "scripted-echo") as body:
        refusal(body.refused(), 404, "CHAT_NOT_FOUND")


def test_a_chat_is_deleted_while_its_send_waits_for_the_provider(ann, provider):
    chat, text = new_chat(ann), unique()
    sending = gevent.spawn(say, ann, chat, text, "scripted-hold")
    wait_until(lambda: asked(provider, text))
    ann.delete(f"/api/chats/{chat}")
    body = sending.get(timeout=60)
    assert body.status_code == 404 or body.cut, "not a success that nobody can find again"
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 2, "upstream closed")


def test_its_owner_has_room_for_five_others_again(ann, provider):
    for _ in range(5):
        chat = new_chat(ann)
        begin(ann, chat, "wait", "scripted-hold:3", size=9)
        ann.delete(f"/api/chats/{chat}")
    assert say(ann, new_chat(ann), "now", "scripted-echo").data == b"now"
