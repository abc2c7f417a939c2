"""POST /api/chats."""

import datetime as dt
import json
import uuid

import pytest

from tests.support.answers import data_of, refusal

EMOJI = "👩‍👩‍👧‍👦"


def create(person, **fields):
    """In ASCII, so that half a surrogate pair gets there too."""
    return person.post("/api/chats", data=json.dumps(fields), content_type="application/json")


def count(person):
    return person.get("/api/chats").get_json()["meta"]["total"]


def test_a_chat_comes_back_as_it_was_asked_for(alice):
    answer = create(alice, title="Plans", model="small", systemPrompt="Be brief.")
    chat = data_of(answer, 201)
    assert uuid.UUID(chat.pop("id")).version == 7
    assert dt.datetime.fromisoformat(chat.pop("createdAt")).utcoffset() == dt.timedelta(0)
    assert chat.pop("updatedAt").endswith("Z")
    assert chat == {"userId": alice.user["id"], "title": "Plans", "model": "small", "systemPrompt": "Be brief."}


def test_the_answer_says_where_the_chat_is(alice):
    answer = create(alice, title="Plans")
    assert alice.get(answer.headers["Location"]).get_json()["data"]["id"] == answer.get_json()["data"]["id"]


def test_no_body_at_all_makes_a_chat_with_nothing_chosen(alice):
    chat = data_of(alice.post("/api/chats"), 201)
    assert (chat["title"], chat["model"], chat["systemPrompt"]) == ("New chat", None, None)


def test_null_counts_as_not_given(alice):
    chat = data_of(create(alice, title=None, model=None, systemPrompt=None), 201)
    assert (chat["title"], chat["model"], chat["systemPrompt"]) == ("New chat", None, None)


def test_a_title_is_trimmed(alice):
    assert data_of(create(alice, title=" \t Plans \n "), 201)["title"] == "Plans"


@pytest.mark.parametrize("title", ["x", "x" * 255, "𝒳" * 255, f"  {'x' * 255}  "], ids=["1", "255", "astral", "padded"])
def test_a_title_has_1_to_255_characters(alice, title):
    assert data_of(create(alice, title=title), 201)["title"] == title.strip()


@pytest.mark.parametrize(
    "title",
    ["", " \n\t", "\u200b\u200d\ufeff", "x" * 256, 7, True, [], ["Plans"], {"text": "Plans"}],
    ids=["empty", "white space", "invisible", "256", "number", "bool", "list", "list of text", "object"],
)
def test_what_is_no_title_is_refused_and_nothing_is_stored(alice, title):
    before = count(alice)
    body = refusal(create(alice, title=title), 400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in body["details"]] == ["title"]
    assert count(alice) == before


@pytest.mark.parametrize("field", ["title", "systemPrompt"])
@pytest.mark.parametrize(("text", "code"), [("a\0b", "TEXT_CONTAINS_NUL"), ("a\ud800b", "TEXT_NOT_UNICODE")])
def test_texts_that_no_database_keeps_are_refused_by_name(alice, field, text, code):
    before = count(alice)
    body = refusal(create(alice, **{field: text}), 400, code)
    assert body["details"][0]["field"] == field
    assert count(alice) == before


@pytest.mark.parametrize("title", [EMOJI, "e\u0301", "</script><b>", "a\r\nb", "🏳️‍🌈 عربية", "\\ ' \" `; --"])
def test_any_other_text_is_stored_byte_for_byte(alice, title):
    chat = data_of(create(alice, title=title, systemPrompt=title), 201)
    shown = data_of(alice.get(f"/api/chats/{chat['id']}"))
    assert shown["title"] == shown["systemPrompt"] == title


def test_a_model_that_nobody_here_has_is_refused(alice):
    before = count(alice)
    body = refusal(create(alice, model="gigantic"), 400, "UNKNOWN_MODEL")
    assert body["details"][0]["field"] == "model"
    assert count(alice) == before


@pytest.mark.parametrize("model", ["", "  ", 7, [], "x" * 256])
def test_what_is_no_model_is_refused(alice, model):
    assert refusal(create(alice, model=model), 400, "VALIDATION_ERROR")["details"][0]["field"] == "model"


def test_a_system_prompt_may_be_long_but_not_endless(alice):
    assert create(alice, systemPrompt="x" * 100_000).status_code == 201
    refusal(create(alice, systemPrompt="x" * 100_001), 400, "VALIDATION_ERROR")


def test_unknown_keys_are_ignored(alice):
    theirs = str(uuid.uuid4())
    chat = data_of(create(alice, title="Plans", id=theirs, userId=theirs, createdAt="1999-01-01", colour="red"), 201)
    assert chat["id"] != theirs
    assert chat["userId"] == alice.user["id"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"Plans"', b"7"])
def test_a_body_that_is_no_object_is_refused(alice, body):
    refusal(alice.post("/api/chats", data=body, content_type="application/json"), 400, "VALIDATION_ERROR")


def test_broken_json_is_refused(alice):
    refusal(alice.post("/api/chats", data=b'{"title": "Pla', content_type="application/json"), 400, "INVALID_JSON")


def test_a_form_is_not_json(alice):
    refusal(alice.post("/api/chats", data={"title": "Plans"}), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_nobody_makes_a_chat_without_signing_in(app):
    refusal(create(app.test_client(), title="Plans"), 401, "UNAUTHENTICATED")
