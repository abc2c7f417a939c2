"""GET /api/chats: order, pages, search. On both databases: they compare text in their own ways."""

import pytest

from tests.support.answers import body_of, data_of, refusal


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def create(person, *titles):
    return [data_of(person.post("/api/chats", json={"title": title}), 201) for title in titles]


def titles(person, **query):
    return [chat["title"] for chat in data_of(person.get("/api/chats", query_string=query))]


def test_the_chat_changed_last_stands_first(newcomer):
    first, _second = create(newcomer, "first", "second")
    assert titles(newcomer) == ["second", "first"]
    newcomer.patch(f"/api/chats/{first['id']}", json={"systemPrompt": "Be brief."})
    assert titles(newcomer) == ["first", "second"]


def test_every_chat_is_on_exactly_one_page(newcomer):
    create(newcomer, *(f"chat {k}" for k in range(7)))
    pages = [titles(newcomer, limit=3, page=page) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [title for page in pages for title in page] == [f"chat {k}" for k in range(6, -1, -1)]


def test_a_page_says_how_many_there_are(newcomer):
    create(newcomer, "a", "b", "c")
    body = body_of(newcomer.get("/api/chats?limit=2&page=2"))
    assert body["meta"] == {"page": 2, "limit": 2, "total": 3, "nextCursor": None}


def test_a_page_has_20_chats_unless_told(newcomer):
    create(newcomer, *(f"chat {k}" for k in range(21)))
    body = body_of(newcomer.get("/api/chats"))
    assert len(body["data"]) == 20
    assert body["meta"] == {"page": 1, "limit": 20, "total": 21, "nextCursor": body["meta"]["nextCursor"]}


def test_a_list_shows_chats_without_their_messages_and_prompts(newcomer):
    newcomer.post("/api/chats", json={"title": "a", "systemPrompt": "x" * 100_000})
    shown = data_of(newcomer.get("/api/chats"))[0]
    assert set(shown) == {"id", "userId", "title", "model", "createdAt", "updatedAt"}


def test_nobody_sees_the_chats_of_others(newcomer, bob):
    create(newcomer, "private")
    body = body_of(bob.get("/api/chats"))
    assert (body["data"], body["meta"]["total"]) == ([], 0)
    assert titles(bob, q="private") == []


def test_w15_a_search_finds_part_of_a_title_and_counts_what_it_found(newcomer):
    create(newcomer, "Garden plans", "Tax", "Planting")
    body = body_of(newcomer.get("/api/chats?q=plan"))
    assert [chat["title"] for chat in body["data"]] == ["Planting", "Garden plans"]
    assert body["meta"]["total"] == 2


@pytest.mark.parametrize(
    ("title", "words"), [("Garden", "gARDEN"), ("Über Bäume", "über"), ("ÉTÉ", "été"), ("Привет", "привет")]
)
def test_a_search_does_not_mind_capitals(newcomer, title, words):
    create(newcomer, title, "Tax")
    assert titles(newcomer, q=words) == [title]


@pytest.mark.parametrize("words", ["100%", "50_000", "a\\b", "/", "it's", '"'])
def test_a_search_takes_every_character_as_it_is(newcomer, words):
    create(newcomer, f"<{words}>", "100 or 50x000", "ab", "its")
    assert titles(newcomer, q=words) == [f"<{words}>"]


def test_outer_white_space_of_a_search_does_not_count(newcomer):
    create(newcomer, "Garden", "Tax")
    assert titles(newcomer, q="  garden ") == ["Garden"]
    assert len(titles(newcomer, q="   ")) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", value) for value in ("0", "101", "-1", "ten", "1.5", "", "9" * 30, "٣")),
        *(("page", value) for value in ("0", "-1", "one", "", "9" * 18)),
        ("q", "x" * 256),
        ("q", "a\0b"),
    ],
)
def test_a_query_out_of_bounds_is_refused_by_name(alice, name, value):
    body = refusal(alice.get("/api/chats", query_string={name: value}), 400, "VALIDATION_ERROR")
    assert body["details"][0]["field"] == name


def test_a_list_of_100_is_allowed(alice):
    assert body_of(alice.get("/api/chats?limit=100"))["meta"]["limit"] == 100


def test_nobody_lists_chats_without_signing_in(app):
    refusal(app.test_client().get("/api/chats"), 401, "UNAUTHENTICATED")


# Meisterull/agent-dashboard#41
def test_a_list_that_has_not_changed_is_not_sent_again(newcomer):
    [made] = create(newcomer, "One")
    first = newcomer.get("/api/chats?limit=5")
    same = {"If-None-Match": first.headers["ETag"]}
    again = newcomer.get("/api/chats?limit=5", headers=same)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert again.headers["Cache-Control"] == "no-store"
    changes = [
        lambda: newcomer.patch(f"/api/chats/{made['id']}", json={"title": "Two"}),
        lambda: newcomer.post("/api/chats", json={"title": "Three"}),
        lambda: newcomer.delete(f"/api/chats/{made['id']}"),
    ]
    for change in changes:
        change()
        now = newcomer.get("/api/chats?limit=5", headers=same)
        assert now.status_code == 200
        same = {"If-None-Match": now.headers["ETag"]}
