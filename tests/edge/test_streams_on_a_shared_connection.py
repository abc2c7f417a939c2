"""A reply's bytes go past WSGI, straight to the socket: what else is asked on that connection still gets its own answer.

Behind a proxy one connection carries the requests of many people; a byte too many or too few would show one's to another.
"""

import json

import pytest

from tests.edge.raw import Connection, request
from tests.replies.asking import SCRIPTED, new_chat
from tests.support.answers import data_of
from tests.support.servers import PASSWORD

BODY = json.dumps({"messages": [{"role": "user", "content": "hello"}], "model": "scripted-words:20:20"}).encode()


@pytest.fixture(scope="module")
def server(shared_server):
    return shared_server(**SCRIPTED)


@pytest.fixture
def people(server):
    """(headers of a key, chat) of two people."""

    def somebody():
        person = server.client()
        key = data_of(person.post("/api/keys", json={"name": "k", "password": PASSWORD}), 201)["key"]
        return {"X_API_KEY": key}, new_chat(person), person.email

    return somebody(), somebody()


def read_chunked(connection):
    """The head and the chunks' data of an answer that has no length."""
    answer = connection.answer()
    assert answer.headers["transfer-encoding"] == "chunked"
    data, file = b"", connection._file
    while size := int(file.readline(), 16):
        data += file.read(size)
        assert file.read(2) == b"\r\n"
    assert file.readline() == b"\r\n"
    return answer, data


def test_requests_of_two_people_on_one_connection_are_answered_each_for_itself(server, people):
    (ada, adas_chat, adas_email), (ben, bens_chat, bens_email) = people
    with Connection(server.port) as connection:
        connection.send(
            request("POST", f"/api/chats/{adas_chat}/stream", BODY, **ada)
            + request("GET", "/api/users/me", **ben)
            + request("POST", f"/api/chats/{bens_chat}/stream", BODY, **ben)
            + request("GET", f"/api/chats/{adas_chat}", **ben)
            + request("GET", "/api/users/me", **ada)
            + request("GET", "/api/users/me")
        )
        first, words = read_chunked(connection)
        assert words.startswith(b"w0 w1 ")
        assert bens_email.encode() in connection.answer().body
        second, bens_words = read_chunked(connection)
        assert bens_words == words
        assert first.headers["x-reply-id"] != second.headers["x-reply-id"]
        assert connection.answer().code == "CHAT_NOT_FOUND"
        assert adas_email.encode() in connection.answer().body
        assert connection.answer().code == "UNAUTHENTICATED"


def test_head_has_no_body_and_is_followed_by_the_next_answer(server, people):
    (ada, chat, email), _ = people
    with Connection(server.port) as connection:
        connection.send(request("POST", f"/api/chats/{chat}/stream", BODY, **ada))
        answer, words = read_chunked(connection)
        path = f"/api/replies/{answer.headers['x-reply-id']}/stream"
        for asked in (path, f"{path}?offset=3", "/api/users/me", f"/api/chats/{chat}"):
            connection.send(f"HEAD {asked} HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {ada['X_API_KEY']}\r\n\r\n")
            line = connection._file.readline()
            assert line.startswith(b"HTTP/1.1 200 "), (asked, line)
            while connection._file.readline() not in (b"\r\n", b""):
                pass
        connection.send(request("GET", "/api/users/me", **ada))
        assert email.encode() in connection.answer().body
        connection.send(request("GET", path, **ada))
        assert read_chunked(connection)[1] == words
