"""A long chat comes in pages, the newest first: what one answer costs does not depend on how much was said."""

import json

import pytest

from tests.support.answers import body_of, data_of, refusal
from tests.support.long_chats import fill


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def say(app, chat):
    """A function: fills alice's chat as tests.support.long_chats does."""
    url = app.config["SETTINGS"].database_url.replace("+psycopg2", "")
    return lambda count, **options: [str(one) for one in fill(url, chat["id"], count, **options)]


def page(person, chat, **query):
    body = body_of(person.get(f"/api/chats/{chat['id']}", query_string=query))
    return [message["id"] for message in body["data"]["messages"]], body["meta"]


def test_a_plain_request_gets_the_newest_200_and_a_cursor(alice, chat, say):
    ids = say(450)
    assert page(alice, chat) == (ids[250:], {"limit": 200, "nextCursor": ids[250]})


@pytest.mark.parametrize("limit", [1, 7, 150])
def test_read_from_cursor_to_cursor_every_message_comes_once_in_order(alice, chat, say, limit):
    ids, found, query = say(301 if limit > 1 else 5), [], {"limit": limit}
    while query:
        shown, meta = page(alice, chat, **query)
        found = shown + found
        assert len(shown) <= limit
        query = {"limit": limit, "before": meta["nextCursor"]} if meta["nextCursor"] else None
    assert found == ids


def test_a_short_chat_comes_whole(alice, chat, say):
    ids = say(4)
    assert page(alice, chat) == (ids, {"limit": 200, "nextCursor": None})


@pytest.mark.parametrize(("parts", "messages"), [(0, 2), (1, 1)])
def test_one_answer_holds_no_more_than_a_mebibyte(alice, chat, say, parts, messages):
    """60 × 400 KB, which eight connections read at once, kept everybody waiting for 8 s."""
    ids = say(20, text=lambda _number: "é" * 200_000)
    answer = alice.get(f"/api/chats/{chat['id']}?parts={parts}")
    assert len(answer.data) < (1 << 20) + 10_000
    assert page(alice, chat, parts=parts)[0] == ids[-messages:]
    assert page(alice, chat, parts=parts, before=ids[-2])[0] == ids[-2 - messages : -2]


def test_a_message_longer_than_that_comes_alone(alice, chat, say):
    ids = say(3, text=lambda number: "x" * (2_000_000 if number == 1 else 5))
    assert page(alice, chat)[0] == ids[2:]
    assert page(alice, chat, before=ids[2])[0] == ids[1:2]
    assert page(alice, chat, before=ids[1]) == (ids[:1], {"limit": 200, "nextCursor": None})


def test_before_the_first_message_there_is_nothing(alice, chat, say):
    ids = say(2)
    assert page(alice, chat, before=ids[0]) == ([], {"limit": 200, "nextCursor": None})


def test_what_is_no_message_of_this_chat_is_refused_by_name(alice, bob, chat, say):
    ids = say(2)
    other = alice.post("/api/chats", json={}).get_json()["data"]
    for before in ("", "x", "1" * 36, chat["id"], "00000000-0000-0000-0000-000000000000"):
        body = refusal(alice.get(f"/api/chats/{chat['id']}", query_string={"before": before}), 400, "VALIDATION_ERROR")
        assert body["details"][0]["field"] == "before"
    refusal(alice.get(f"/api/chats/{other['id']}?before={ids[0]}"), 400, "VALIDATION_ERROR")
    refusal(bob.get(f"/api/chats/{chat['id']}?before={ids[0]}"), 404, "CHAT_NOT_FOUND")
    for limit in ("0", "201", "-1", "x", ""):
        refusal(alice.get(f"/api/chats/{chat['id']}?limit={limit}"), 400, "VALIDATION_ERROR")


def test_thousands_of_answers_to_one_question_are_not_read(alice, chat, say):
    ids = say(3_001, parent=lambda number: 0 if number else None)
    shown, meta = page(alice, chat)
    assert (shown, meta["nextCursor"]) == ([ids[0], ids[-1]], None)


def test_the_page_shows_the_newest_and_a_way_to_the_others(alice, chat, say):
    ids = say(205)
    text = alice.get(f"/chats/{chat['id']}").text
    assert text.count("<article") - text.count('data-message-id=""') == 200
    assert f'data-before="{ids[5]}"' in text
    earlier = alice.get(f"/chats/{chat['id']}?before={ids[5]}").text
    assert f'data-message-id="{ids[0]}"' in earlier
    assert f'data-message-id="{ids[5]}"' not in earlier


def test_a_list_of_long_prompts_is_short(newcomer):
    for number in range(5):
        newcomer.post("/api/chats", json={"title": str(number), "systemPrompt": "é" * 100_000})
    answer = newcomer.get("/api/chats")
    assert len(data_of(answer)) == 5
    assert len(json.dumps(body_of(answer))) < 5_000
    assert len(newcomer.get("/").data) < 100_000
