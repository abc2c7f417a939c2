"""What is not yours does not exist: a stranger, an unknown id and no id at all get the same 404 in every route."""

import uuid

import pytest

from tests.support.answers import refusal, without_request_id

ROUTES = pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "/stream"),
        ("POST", "/stream"),
        ("POST", "/stop"),
    ],
)
BODIES = {
    "good": b'{"title": "Mine now", "messages": [{"role": "user", "content": "hi"}]}',
    "bad": b'{"title": 7, "messages": []}',
    "broken": b"{",
}


def ask(person, method, chat_id, path, body=b"{}"):
    return person.open(f"/api/chats/{chat_id}{path}", method=method, data=body, content_type="application/json")


@ROUTES
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_w51_a_stranger_learns_no_more_than_from_an_unknown_id(alice, bob, chat, method, path, body):
    strangers = ask(bob, method, chat["id"], path, body)
    unknown = ask(bob, method, uuid.uuid4(), path, body)
    refusal(strangers, 404, "CHAT_NOT_FOUND")
    assert without_request_id(strangers) == without_request_id(unknown)
    assert alice.get(f"/api/chats/{chat['id']}").get_json()["data"] == chat | {"messages": []}


NO_IDS = (
    "1",
    "not-an-id",
    "%00",
    "x" * 5000,
    "{01890a5d-ac96-774b-bcce-b302099a8057}",
    "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
    "01890a5dac96774bbcceb302099a8057",
    "０1890a5d-ac96-774b-bcce-b302099a8057",
    "01890a5d-ac96-774b-bcce-b302099a8057%0a",
    "' OR 1=1 --",
)


@ROUTES
def test_w52_what_is_no_id_is_an_unknown_id(alice, method, path):
    for chat_id in NO_IDS:
        refusal(ask(alice, method, chat_id, path), 404, "CHAT_NOT_FOUND")


@ROUTES
def test_nobody_enters_without_signing_in(app, chat, method, path):
    refusal(ask(app.test_client(), method, chat["id"], path), 401, "UNAUTHENTICATED")
