"""PATCH and PUT /api/chats/<id>: any of the fields, the others stay."""

import json

import pytest

from tests.support.answers import data_of, refusal

METHODS = pytest.mark.parametrize("method", ["PATCH", "PUT"])


def change(person, chat, method="PATCH", **fields):
    """In ASCII, so that half a surrogate pair gets there too."""
    url = f"/api/chats/{chat['id']}"
    return person.open(url, method=method, data=json.dumps(fields), content_type="application/json")


def shown(person, chat):
    found = data_of(person.get(f"/api/chats/{chat['id']}"))
    return {field: found[field] for field in ("title", "model", "systemPrompt")}


@METHODS
def test_a_chat_is_renamed(alice, chat, method):
    changed = data_of(change(alice, chat, method, title="  Garden  "))
    assert changed["title"] == "Garden"
    assert changed["updatedAt"] >= chat["updatedAt"]
    assert changed.items() >= data_of(alice.get("/api/chats"))[0].items()


@METHODS
def test_what_is_not_named_stays(alice, chat, method):
    change(alice, chat, model="small", systemPrompt="Be brief.")
    change(alice, chat, method, title="Garden")
    assert shown(alice, chat) == {"title": "Garden", "model": "small", "systemPrompt": "Be brief."}


def test_model_and_system_prompt_are_taken_back_with_null(alice, chat):
    change(alice, chat, model="small", systemPrompt="Be brief.")
    data_of(change(alice, chat, model=None, systemPrompt=None))
    assert shown(alice, chat) == {"title": "Plans", "model": None, "systemPrompt": None}


def test_a_title_cannot_be_taken_back(alice, chat):
    data_of(change(alice, chat, title=None))
    assert shown(alice, chat)["title"] == "Plans"


def test_the_id_and_the_owner_cannot_be_changed(alice, bob, chat):
    changed = data_of(change(alice, chat, id=bob.user["id"], userId=bob.user["id"], createdAt="1999-01-01T00:00:00Z"))
    assert {key: changed[key] for key in ("id", "userId", "createdAt")} == {
        key: chat[key] for key in ("id", "userId", "createdAt")
    }


@METHODS
@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"title": ""}, "title", "VALIDATION_ERROR"),
        ({"title": "\u200b"}, "title", "VALIDATION_ERROR"),
        ({"title": "x" * 256}, "title", "VALIDATION_ERROR"),
        ({"title": 7}, "title", "VALIDATION_ERROR"),
        ({"title": "a\0b"}, "title", "TEXT_CONTAINS_NUL"),
        ({"title": "\udfff"}, "title", "TEXT_NOT_UNICODE"),
        ({"model": "gigantic"}, "model", "UNKNOWN_MODEL"),
        ({"model": 7}, "model", "VALIDATION_ERROR"),
        ({"systemPrompt": ["Be brief."]}, "systemPrompt", "VALIDATION_ERROR"),
        ({"systemPrompt": "\0"}, "systemPrompt", "TEXT_CONTAINS_NUL"),
        ({"systemPrompt": "x" * 100_001}, "systemPrompt", "VALIDATION_ERROR"),
    ],
)
def test_a_bad_field_is_refused_by_name_and_nothing_changes(alice, chat, method, fields, field, code):
    answer = change(alice, chat, method, **({"title": "Garden"} | fields))
    assert refusal(answer, 400, code)["details"][0]["field"] == field
    assert shown(alice, chat) == {"title": "Plans", "model": None, "systemPrompt": None}


@METHODS
def test_a_change_needs_a_body(alice, chat, method):
    refusal(alice.open(f"/api/chats/{chat['id']}", method=method), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_an_empty_object_changes_nothing(alice, chat):
    data_of(change(alice, chat))
    assert shown(alice, chat) == {"title": "Plans", "model": None, "systemPrompt": None}


def test_a_chat_that_is_gone_cannot_be_changed(alice, chat):
    alice.delete(f"/api/chats/{chat['id']}")
    refusal(change(alice, chat, title="Garden"), 404, "CHAT_NOT_FOUND")


def test_post_does_not_change_a_chat(alice, chat):
    answer = alice.post(f"/api/chats/{chat['id']}", json={"title": "Garden"})
    refusal(answer, 405, "METHOD_NOT_ALLOWED")
    assert {"GET", "PATCH", "PUT", "DELETE"} <= set(answer.headers["Allow"].split(", "))
