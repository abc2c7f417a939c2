"""However long a chat is, it is gone for everybody by one small transaction; its rows follow in slices."""

import uuid

import gevent
import pytest
import sqlalchemy as sa

from macrochat.chats.models import Chat
from macrochat.replies import deletion
from macrochat.replies.journal.store import Store
from macrochat.replies.models import Reply
from tests.replies.asking import begin, messages_of, new_chat, say
from tests.support import servers
from tests.support.answers import data_of, refusal
from tests.support.long_chats import engine_of, fill, rows_of
from tests.support.processes import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def gone(url, chat):
    return lambda: rows_of(url, chat) == 0


@pytest.mark.parametrize("count", [1_040, 12_000])
def test_a_long_chat_is_gone_at_once_and_its_rows_soon(ann, here, there, count):
    chat, kept = new_chat(ann), new_chat(ann)
    say(ann, kept, "stays", "scripted-echo")
    ids = fill(here.database_url, chat, count)
    assert ann.delete(f"/api/chats/{chat}").json() == {"success": True, "message": "Chat deleted successfully"}
    for at in (here.url, there.url):
        refusal(ann.get(f"{at}/api/chats/{chat}"), 404, "CHAT_NOT_FOUND")
        refusal(ann.get(f"{at}/api/chats/{chat}/stream"), 404, "CHAT_NOT_FOUND")
        refusal(ann.get(f"{at}/api/replies/{ids[-1]}"), 404, "REPLY_NOT_FOUND")
        refusal(ann.post(f"{at}/api/replies/{ids[-1]}/continue"), 404, "REPLY_NOT_FOUND")
        assert [row["id"] for row in data_of(ann.get(f"{at}/api/chats"))] == [kept]
    refusal(ann.delete(f"/api/chats/{chat}"), 404, "CHAT_NOT_FOUND")
    wait_until(gone(here.database_url, chat), 60, "its rows gone")
    assert [message["content"] for message in messages_of(ann, kept)] == ["stays", "stays"]


def test_a_question_with_thousands_of_answers_goes_too(ann, here):
    """Every message hangs from the first one, which may be met before them."""
    chat = new_chat(ann)
    fill(here.database_url, chat, 3_001, parent=lambda number: 0 if number else None)
    assert ann.delete(f"/api/chats/{chat}").status_code == 200
    wait_until(gone(here.database_url, chat), 60, "its rows gone")


def test_an_account_with_a_long_chat_goes_at_once_and_its_address_is_free(here):
    person = here.client()
    chat = new_chat(person)
    fill(here.database_url, chat, 1_040)
    body = {"password": servers.PASSWORD}
    assert person.request("DELETE", "/api/users/me", json=body).status_code == 200
    refusal(person.get("/api/users/me"), 401, "UNAUTHENTICATED")
    again = here.client(person.email)
    assert again.user["id"] != person.user["id"]
    assert data_of(again.get("/api/chats")) == []
    wait_until(gone(here.database_url, chat), 60, "its rows gone")
    engine = engine_of(here.database_url)
    with engine.connect() as connection:
        query = sa.text("SELECT count(*) FROM users WHERE deleted_at IS NOT NULL")
        wait_until(lambda: connection.execute(query).scalar() == 0, 30, "the account's row gone")
    engine.dispose()
    again.request("DELETE", "/api/users/me", json=body)


@pytest.mark.slow
def test_what_a_killed_server_left_goes_when_one_runs_again(server, kind):
    site = server(database=kind)
    person = site.client()
    chat = new_chat(person)
    fill(site.database_url, chat, 12_000)
    person.delete(f"/api/chats/{chat}")
    site.kill()
    assert rows_of(site.database_url, chat) > 0, "this test wants to meet a deletion half-way"
    site.start()
    refusal(site.client(person.email).get(f"/api/chats/{chat}"), 404, "CHAT_NOT_FOUND")
    wait_until(gone(site.database_url, chat), 60, "its rows gone")


@pytest.mark.parametrize("kind", ["postgresql"])
def test_who_deletes_a_chat_never_waits_for_its_reply_while_holding_the_chat(first, ada):
    """Who ends a reply holds its row, then wants the chat's: the other way round both would wait for ever."""
    chat = new_chat(ada)
    fill(first.config["SETTINGS"].database_url, chat, 2)
    engine = engine_of(first.config["SETTINGS"].database_url)
    with engine.begin() as ending:
        ending.execute(sa.update(Reply).where(Reply.chat_id == uuid.UUID(chat)).values(bytes=1))
        deleting = gevent.spawn(ada.delete, f"/api/chats/{chat}")
        wait_until(lambda: ada.get(f"/api/chats/{chat}").status_code == 404)
        ending.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
        ending.execute(sa.update(Chat).where(Chat.id == uuid.UUID(chat)).values(title="touched"))
    assert deleting.get(timeout=60).status_code == 200
    engine.dispose()


def test_two_that_take_away_the_same_do_no_harm(first, ada):
    settings = first.config["SETTINGS"]
    chat = new_chat(ada)
    fill(settings.database_url, chat, 1_500)
    with sa.create_engine(settings.database_url).begin() as connection:
        connection.execute(sa.update(Chat).where(Chat.id == uuid.UUID(chat)).values(user_id=None))
    both = [gevent.spawn(deletion.finish, settings) for _ in range(2)]
    for one in both:
        one.get(timeout=30)
    assert rows_of(settings.database_url, chat) == 0


def test_a_slice_is_as_large_as_it_is_quick(first, ada, monkeypatch):
    """The hub is held for milliseconds, whatever the machine: slow slices become small ones."""
    settings = first.config["SETTINGS"]
    chat = new_chat(ada)
    fill(settings.database_url, chat, 300)
    store, rows = Store(settings), []
    monkeypatch.setattr(deletion, "SLICE_SECONDS", 1e-9)
    with store.engine.begin() as connection:
        connection.execute(sa.update(Chat).where(Chat.id == uuid.UUID(chat)).values(user_id=None))
    remover = deletion.Remover(store)
    while remover.step():
        rows.append(remover._rows)
    store.close()
    assert rows[-1] == 1
    assert rows_of(settings.database_url, chat) == 0


def test_a_reply_that_runs_is_not_taken_over_when_its_chat_is_nobodys(ann, here, there):
    chat = new_chat(ann)
    fill(here.database_url, chat, 2_000)
    reply_id = begin(ann, chat, "more", "scripted-hold:3", size=9)
    ann.delete(f"{there.url}/api/chats/{chat}")
    wait_until(gone(here.database_url, chat), 60, "its rows gone")
    refusal(ann.get(f"/api/replies/{reply_id}"), 404, "REPLY_NOT_FOUND")
