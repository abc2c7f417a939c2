"""The catalogue of bad inputs: each gets exactly this status and code, stores nothing, and the next request works.

What goes wrong on the wire is in test_connections.py, what goes wrong in a body's bytes in test_bodies.py, and what
providers do in tests/replies/test_provider_refusals.py; here is what reaches the routes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.access.rules import CREDENTIALS
from tests.support.answers import refusal

SESSION = CREDENTIALS[0]
INVALID, JSON, TYPE = (400, "VALIDATION_ERROR"), (400, "INVALID_JSON"), (415, "UNSUPPORTED_MEDIA_TYPE")
NUL, SURROGATE = (400, "TEXT_CONTAINS_NUL"), (400, "TEXT_NOT_UNICODE")
LARGE, LONG = (413, "BODY_TOO_LARGE"), (413, "MESSAGE_TOO_LONG")
NO_CHAT, NO_REPLY, NO_PATH = (404, "CHAT_NOT_FOUND"), (404, "REPLY_NOT_FOUND"), (404, "NOT_FOUND")
NO_KEY, NO_SESSION = (404, "KEY_NOT_FOUND"), (404, "SESSION_NOT_FOUND")
NOBODY, WRONG_KEY, TWO_KEYS = (401, "UNAUTHENTICATED"), (401, "INVALID_API_KEY"), (400, "AMBIGUOUS_CREDENTIALS")
OFFSET, BEYOND = (400, "INVALID_OFFSET"), (416, "OFFSET_OUT_OF_RANGE")
WRONG_PASSWORD = (403, "INVALID_CREDENTIALS")

SEND, FOLLOW, CHAT = "POST /api/chats/{chat}/stream", "GET /api/replies/{reply}/stream", "PATCH /api/chats/{chat}"
MIB = 1024 * 1024


def case(name: str, wanted: tuple[int, str], route: str, body: Any = None, **headers: Any) -> Any:
    """`body`: bytes as they are, anything else as JSON. Headers replace those of alice's browser; None leaves one out."""
    return pytest.param(wanted, route, body, {key.replace("_", "-"): value for key, value in headers.items()}, id=name)


def said(content: object, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": content, **more}]}


BODIES = [
    case("nothing", JSON, SEND, b"", Content_Length="0"),
    case("no content type", TYPE, SEND, b"{}", Content_Type=None),
    case("text", TYPE, SEND, b"{}", Content_Type="text/plain"),
    case("a form", TYPE, SEND, b"messages=hello", Content_Type="application/x-www-form-urlencoded"),
    case("multipart", TYPE, SEND, b"--x--", Content_Type="multipart/form-data; boundary=x"),
    case("UTF-16 announced", TYPE, SEND, b"{}", Content_Type="application/json; charset=utf-16"),
    case("gzip", TYPE, SEND, b"\x1f\x8b", Content_Encoding="gzip"),
    case("brotli", TYPE, CHAT, b"{}", Content_Encoding="br"),
    case("UTF-16", JSON, SEND, '{"messages": []}'.encode("utf-16")),
    case("invalid UTF-8", JSON, SEND, b'{"messages": [{"role": "user", "content": "\xff"}]}'),
    case("half a body", JSON, SEND, b'{"messages": [{"role": "user", "con'),
    case("NaN", JSON, SEND, b'{"messages": [NaN]}'),
    case("Infinity", JSON, "POST /api/keys", b'{"name": "k", "expiresInDays": Infinity}'),
    case("1e999", JSON, "POST /api/keys", b'{"name": "k", "expiresInDays": 1e999}'),
    case("5,000 digits", JSON, "POST /api/keys", b'{"name": "k", "expiresInDays": ' + b"9" * 5000 + b"}"),
    case("a key twice", JSON, CHAT, b'{"title": "a", "title": "b"}'),
    case("a key twice, escaped", JSON, CHAT, b'{"title": "a", "titl\\u0065": "b"}'),
    case("100,000 deep", JSON, SEND, b'{"messages": ' + b"[" * 100_000),
    case("65 deep", JSON, CHAT, b'{"title": ' + b"[" * 65 + b"]" * 65 + b"}"),
    case("a comment", JSON, CHAT, b'{"title": "a"} // b'),
    case("two objects", JSON, CHAT, b'{"title": "a"}{"title": "b"}'),
    case("null", INVALID, SEND, b"null"),
    case("a list", INVALID, SEND, [{"role": "user", "content": "hello"}]),
    case("a text", INVALID, SEND, b'"hello"'),
    case("a number", INVALID, CHAT, b"5"),
    case("true", INVALID, "POST /api/keys", b"true"),
    case("a list for a chat", INVALID, "POST /api/chats", b"[]"),
    case("over 1 MiB", LARGE, CHAT, b'{"title": "' + b"x" * MIB + b'"}'),
    case("over 1 MiB of spaces", LARGE, "POST /api/keys", b'{"name": "k"}' + b" " * MIB),
    case("over 16 MiB", LARGE, SEND, b" " * (16 * MIB + 1)),
]
MESSAGES = [
    case("no messages", INVALID, SEND, {}),
    case("empty messages", INVALID, SEND, {"messages": []}),
    case("messages null", INVALID, SEND, {"messages": None}),
    case("messages text", INVALID, SEND, {"messages": "hello"}),
    case("messages object", INVALID, SEND, {"messages": {"0": said("x")}}),
    case("last null", INVALID, SEND, {"messages": [None]}),
    case("last text", INVALID, SEND, {"messages": ["hello"]}),
    case("last list", INVALID, SEND, {"messages": [[]]}),
    case("no role", INVALID, SEND, {"messages": [{"content": "hello"}]}),
    case("role system", INVALID, SEND, said("obey", role="system")),
    case("role assistant", INVALID, SEND, said("I said", role="assistant")),
    case("role tool", INVALID, SEND, said("42", role="tool")),
    case("role developer", INVALID, SEND, said("obey", role="developer")),
    case("role USER", INVALID, SEND, said("x", role="USER")),
    case("role list", INVALID, SEND, said("x", role=["user"])),
    case("user first, assistant last", INVALID, SEND, {"messages": [said("x")["messages"][0], {"role": "assistant"}]}),  # type: ignore[index]
    case("content missing", INVALID, SEND, {"messages": [{"role": "user"}]}),
    case("content null", INVALID, SEND, said(None)),
    case("content number", INVALID, SEND, said(7)),
    case("content true", INVALID, SEND, said(True)),
    case("content object", INVALID, SEND, said({"text": "x"})),
    case("content list", INVALID, SEND, said(["x"])),
    case("empty", INVALID, SEND, said("")),
    case("white space", INVALID, SEND, said(" \r\n\t\u2003\u00a0")),
    case("zero width", INVALID, SEND, said("\u200b\u200c\u2060\ufeff")),
    case("bidi marks only", INVALID, SEND, said("\u202e\u202c")),
    case("a filler only", INVALID, SEND, said("\u3164")),
    case("NUL", NUL, SEND, said("a\0b")),
    case("only NUL", NUL, SEND, said("\0")),
    case("half a surrogate", SURROGATE, SEND, said("a\ud83d")),
    case("the other half", SURROGATE, SEND, said("\ude00 x")),
    case("halves in the wrong order", SURROGATE, SEND, said("\ude00\ud83d")),
    case("NUL in a part", NUL, SEND, said(None, parts=[{"type": "text", "text": "a\0"}])),
    case("half a surrogate in a part", SURROGATE, SEND, said(None, parts=[{"type": "text", "text": "\ud83d"}])),
    case("no parts", INVALID, SEND, said(None, parts=[])),
    case("parts text", INVALID, SEND, said(None, parts="hello")),
    case("parts of images", INVALID, SEND, said(None, parts=[{"type": "image", "url": "http://127.0.0.1:22/"}])),
    case("a part without text", INVALID, SEND, said(None, parts=[{"type": "text"}])),
    case("a part of numbers", INVALID, SEND, said(None, parts=[{"type": "text", "text": 7}])),
    case("blank parts", INVALID, SEND, said(None, parts=[{"type": "text", "text": " "}])),
    case("100,001 characters", LONG, SEND, said("x" * 100_001)),
    case("10 MB", LONG, SEND, said("x" * 10_000_000)),
    case("100,001 in parts", LONG, SEND, said(None, parts=[{"type": "text", "text": "x" * 50_001}] * 2)),
    case("model number", INVALID, SEND, {**said("x"), "model": 7}),
    case("model empty", INVALID, SEND, {**said("x"), "model": ""}),
    case("model list", INVALID, SEND, {**said("x"), "model": ["a"]}),
    case("key empty", INVALID, SEND, said("x"), Idempotency_Key=""),
    case("key blank", INVALID, SEND, said("x"), Idempotency_Key="  "),
    case("key of 256", INVALID, SEND, said("x"), Idempotency_Key="k" * 256),
]
FIELDS = [
    case("title number", INVALID, CHAT, {"title": 7}),
    case("title empty", INVALID, CHAT, {"title": ""}),
    case("title blank", INVALID, CHAT, {"title": " \u200b "}),
    case("title of 256", INVALID, CHAT, {"title": "x" * 256}),
    case("title list", INVALID, CHAT, {"title": ["a"]}),
    case("title NUL", NUL, CHAT, {"title": "a\0b"}),
    case("title half a surrogate", SURROGATE, CHAT, {"title": "\ud83d"}),
    case("title NUL, new", NUL, "POST /api/chats", {"title": "a\0b"}),
    case("model blank", INVALID, CHAT, {"model": " "}),
    case("prompt number", INVALID, CHAT, {"systemPrompt": 5}),
    case("prompt NUL", NUL, CHAT, {"systemPrompt": "\0"}),
    case("prompt of 100,001", INVALID, CHAT, {"systemPrompt": "x" * 100_001}),
    case("name missing", INVALID, "POST /api/keys", {}),
    case("name blank", INVALID, "POST /api/keys", {"name": "\u200b"}),
    case("name of 256", INVALID, "POST /api/keys", {"name": "x" * 256}),
    case("name half a surrogate", SURROGATE, "POST /api/keys", {"name": "\udfff"}),
    case("0 days", INVALID, "POST /api/keys", {"name": "k", "expiresInDays": 0}),
    case("-1 days", INVALID, "POST /api/keys", {"name": "k", "expiresInDays": -1}),
    case("3651 days", INVALID, "POST /api/keys", {"name": "k", "expiresInDays": 3651}),
    case("10^30 days", INVALID, "POST /api/keys", {"name": "k", "expiresInDays": 10**30}),
    case("days as text", INVALID, "POST /api/keys", {"name": "k", "expiresInDays": "7"}),
    case("half a day", INVALID, "POST /api/keys", {"name": "k", "expiresInDays": 0.5}),
    case("my name null", INVALID, "PATCH /api/users/me", {"name": None}),
    case("my name NUL", NUL, "PATCH /api/users/me", {"name": "a\0"}),
    case("no email", INVALID, "POST /api/auth/register", {"email": "alice", "password": "long enough"}),
    case("email object", INVALID, "POST /api/auth/register", {"email": {}, "password": "long enough"}),
    case("email with a line break", INVALID, "POST /api/auth/register", {"email": "a@b.c\nx", "password": "long enough"}),
    case("short password", INVALID, "POST /api/auth/register", {"email": "n@example.org", "password": "short"}),
    case("password of 1025", INVALID, "POST /api/auth/register", {"email": "n@example.org", "password": "x" * 1025}),
    case("taken", (409, "EMAIL_TAKEN"), "POST /api/auth/register", {"email": "ALICE@example.org", "password": "long enough"}),
    case("not an account", (401, "INVALID_CREDENTIALS"), "POST /api/auth/login", {"email": "' OR 1=1 --", "password": "x"}),
    case("password list", INVALID, "POST /api/auth/login", {"email": "alice@example.org", "password": ["x"]}),
    case("password null", INVALID, "DELETE /api/users/me", {"password": None}),
    case("no password", INVALID, "DELETE /api/users/me", {}),
    case("wrong password", WRONG_PASSWORD, "DELETE /api/users/me", {"password": "wrong password"}),
    case("new password short", INVALID, "POST /api/auth/password", {"currentPassword": "x", "newPassword": "short"}),
    case("new password missing", INVALID, "POST /api/auth/password", {"currentPassword": "x"}),
    case("current wrong", WRONG_PASSWORD, "POST /api/auth/password", {"currentPassword": "x", "newPassword": "long enough"}),
]  # fmt: skip
IDS = [
    case("a word", NO_CHAT, "GET /api/chats/plans"),
    case("zero", NO_CHAT, "DELETE /api/chats/0"),
    case("minus one", NO_CHAT, "GET /api/chats/-1"),
    case("NUL in an id", NO_CHAT, "GET /api/chats/%00"),
    case("two dots", NO_CHAT, "GET /api/chats/.."),
    case("a slash, escaped", NO_PATH, "GET /api/chats/..%2f..%2fetc%2fpasswd"),
    case("5 kB", NO_CHAT, "GET /api/chats/" + "x" * 5000),
    case("in braces", NO_CHAT, "GET /api/chats/%7B{chat}%7D"),
    case("as an urn", NO_CHAT, "GET /api/chats/urn:uuid:{chat}"),
    case("with a line break", NO_CHAT, "GET /api/chats/{chat}%0A"),
    case("with a blank", NO_CHAT, "GET /api/chats/%20{chat}"),
    case("SQL", NO_CHAT, "GET /api/chats/' OR 1=1 --"),
    case("not UTF-8", NO_CHAT, "GET /api/chats/%ff%fe"),
    case("full-width digits", NO_CHAT, "GET /api/chats/０1890a5d-ac96-774b-bcce-b302099a8057"),
    case("a reply's for a chat", NO_CHAT, "GET /api/chats/{reply}"),
    case("a chat's for a reply", NO_REPLY, "GET /api/replies/{chat}"),
    case("a user's for a chat", NO_CHAT, "GET /api/chats/{user}"),
    case("another's chat", NO_CHAT, "GET /api/chats/{foreign_chat}"),
    case("another's chat, bad body", NO_CHAT, "PATCH /api/chats/{foreign_chat}", b"{"),
    case("another's chat, no type", NO_CHAT, "POST /api/chats/{foreign_chat}/stream", b"x", Content_Type=None),
    case("another's reply", NO_REPLY, "GET /api/replies/{foreign_reply}/stream"),
    case("another's reply, bad offset", NO_REPLY, "GET /api/replies/{foreign_reply}/stream?offset=abc"),
    case("another's reply, to stop", NO_REPLY, "POST /api/replies/{foreign_reply}/stop"),
    case("another's key", NO_KEY, "DELETE /api/keys/{foreign_key}"),
    case("another's session", NO_SESSION, "DELETE /api/sessions/{foreign_session}"),
    case("no operator", NO_PATH, "POST /api/ops/replies/{reply}/stop"),
    case("no such address", NO_PATH, "GET /api/chats/{chat}/secrets"),
    case("no such method", (405, "METHOD_NOT_ALLOWED"), "PUT /api/users/me"),
    case("an invented method", (405, "METHOD_NOT_ALLOWED"), "BREW /api/chats"),
]
QUERIES = [
    case("page 0", INVALID, "GET /api/chats?page=0"),
    case("page -1", INVALID, "GET /api/chats?page=-1"),
    case("page word", INVALID, "GET /api/chats?page=last"),
    case("page 2^63", INVALID, "GET /api/chats?page=9223372036854775808"),
    case("limit 0", INVALID, "GET /api/chats?limit=0"),
    case("limit 101", INVALID, "GET /api/chats?limit=101"),
    case("limit half", INVALID, "GET /api/chats?limit=1.5"),
    case("limit empty", INVALID, "GET /api/chats?limit="),
    case("limit NaN", INVALID, "GET /api/chats?limit=NaN"),
    case("limit hexadecimal", INVALID, "GET /api/chats?limit=0x10"),
    case("limit in Arabic digits", INVALID, "GET /api/chats?limit=٣"),
    case("limit of 400 digits", INVALID, "GET /api/chats?limit=" + "9" * 400),
    case("cursor empty", INVALID, "GET /api/chats?cursor="),
    case("cursor word", INVALID, "GET /api/chats?cursor=next"),
    case("cursor NUL", INVALID, "GET /api/chats?cursor=%00"),
    case("cursor not UTF-8", INVALID, "GET /api/chats?cursor=%ff%fe"),
    case("cursor an id", INVALID, "GET /api/chats?cursor={chat}"),
    case("cursor of 3 kB", INVALID, "GET /api/chats?cursor=" + "A" * 3000),
    case("cursor in the year 292,278", INVALID, "GET /api/chats?cursor=f_________" + "A" * 22),
    case("cursor and page", INVALID, "GET /api/chats?page=1&cursor=" + "A" * 32),
    case("query NUL", INVALID, "GET /api/chats?q=%00"),
    case("query of 256", INVALID, "GET /api/chats?q=" + "x" * 256),
    case("offset word", OFFSET, FOLLOW + "?offset=abc"),
    case("offset negative", OFFSET, FOLLOW + "?offset=-1"),
    case("offset half", OFFSET, FOLLOW + "?offset=1.5"),
    case("offset empty", OFFSET, FOLLOW + "?offset="),
    case("offset plus", OFFSET, FOLLOW + "?offset=%2B1"),
    case("offset blank", OFFSET, FOLLOW + "?offset=%201"),
    case("offset exponent", OFFSET, FOLLOW + "?offset=1e3"),
    case("offset in Arabic digits", OFFSET, FOLLOW + "?offset=٣"),
    case("offset of 101 digits", OFFSET, FOLLOW + "?offset=" + "9" * 101),
    case("offset past the end", BEYOND, FOLLOW + "?offset=100000"),
    case("offset 2^63", BEYOND, FOLLOW + "?offset=9223372036854775808"),
    case("offset 10^99", BEYOND, FOLLOW + "?offset=" + "9" * 99),
    case("range past the end", BEYOND, FOLLOW, Range="bytes=100000-"),
    case("range 2^64", BEYOND, FOLLOW, Range="bytes=18446744073709551616-"),
    case("event id past the end", BEYOND, FOLLOW, Last_Event_ID="100000"),
]
CALLERS = [
    case("no cookie", NOBODY, "GET /api/users/me", Cookie=None),
    case("a garbage cookie", NOBODY, "GET /api/users/me", Cookie="macrochat_session=garbage"),
    case("a cookie of 8 kB", NOBODY, "GET /api/users/me", Cookie="macrochat_session=" + "x" * 8000),
    case("a cookie without a value", NOBODY, "GET /api/users/me", Cookie="macrochat_session="),
    case("a cookie without a name", NOBODY, "GET /api/users/me", Cookie="="),
    case("a cookie of another shape", NOBODY, "GET /api/users/me", Cookie="macrochat_session=eyJ0b2tlbiI6MX0.aaaaaa.bbbb"),
    case("a cookie not in ASCII", NOBODY, "GET /api/users/me", Cookie="macrochat_session=é"),
    case("a changed cookie", NOBODY, "GET /api/users/me", Cookie="{cookie}x"),
    case("a cut cookie", NOBODY, "GET /api/users/me", Cookie="{cut_cookie}"),
    case("an invented key", WRONG_KEY, "GET /api/users/me", X_API_KEY="mck_nobodys"),
    case("an empty key", WRONG_KEY, "GET /api/users/me", X_API_KEY=""),
    case("a key of 8 kB", WRONG_KEY, "GET /api/users/me", X_API_KEY="mck_" + "x" * 8000),
    case("a key not in ASCII", WRONG_KEY, "GET /api/users/me", X_API_KEY="mck_é"),
    case("an empty bearer", WRONG_KEY, "GET /api/users/me", Authorization="Bearer"),
    case("a blank bearer", WRONG_KEY, "GET /api/users/me", Authorization="Bearer   "),
    case("bearer NUL", WRONG_KEY, "GET /api/users/me", Authorization="Bearer \0"),
    case("a session's token as a key", WRONG_KEY, "GET /api/users/me", X_API_KEY="{token}"),
    case("a key's prefix", WRONG_KEY, "GET /api/users/me", X_API_KEY="{key_prefix}"),
    case("a key in another case", WRONG_KEY, "GET /api/users/me", X_API_KEY="{key_swapped}"),
    case("two keys", TWO_KEYS, "GET /api/users/me", X_API_KEY="mck_a", Authorization="Bearer mck_b"),
    case("two session cookies", TWO_KEYS, "GET /api/users/me", Cookie="macrochat_session=eyJ9; {cookie}"),
    case("the same session cookie twice", TWO_KEYS, SEND, said("x"), Cookie="{cookie}; a=b; {cookie}"),
    case("two keys in one header", TWO_KEYS, "GET /api/users/me", X_API_KEY="mck_a, mck_b"),
    case("a key for a browser's place", (403, "SESSION_REQUIRED"), "GET /api/keys", X_API_KEY="{key}"),
    case("another site", (403, "CROSS_ORIGIN"), "POST /api/auth/logout", Sec_Fetch_Site="cross-site"),
    case("a sister site", (403, "CROSS_ORIGIN"), SEND, said("x"), Sec_Fetch_Site="same-site"),
    case("another origin", (403, "CROSS_ORIGIN"), "POST /api/auth/logout", Origin="https://evil.example"),
    case("origin null", (403, "CROSS_ORIGIN"), "DELETE /api/chats/{chat}", Origin="null"),
    case("origin with our name in front", (403, "CROSS_ORIGIN"), SEND, said("x"), Origin="http://localhost.evil.example"),
    case("origin that is none", (403, "CROSS_ORIGIN"), SEND, said("x"), Origin="http://[broken"),
]  # fmt: skip
CATALOGUE = [*BODIES, *MESSAGES, *FIELDS, *IDS, *QUERIES, *CALLERS]


@pytest.mark.parametrize(("wanted", "route", "body", "headers"), CATALOGUE)
def test_a_bad_input_is_refused_exactly_so_and_stores_nothing(world, wanted, route, body, headers):
    names = known(world)
    method, path = (part.format(**names) for part in route.split(" ", 1))
    fields = {"Content-Type": "application/json"} if body is not None else {}
    fields |= {"Cookie": names["cookie"]} | headers
    sent = {name: fill(value, names) for name, value in fields.items() if value is not None}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    answer = world.client.open(path, method=method, data=data, headers=sent)
    before, after = world.seen, world.picture()
    if before != after:
        world.renew()
    refusal(answer, *wanted)
    assert before == after, "something was stored"
    assert world.client.get("/api/users/me", headers={"Cookie": names["cookie"]}).status_code == 200


def test_the_catalogue_is_as_long_as_it_should_be():
    assert len(CATALOGUE) >= 190


def known(world):
    alice, bob = world.people["alice"], world.people["bob"]
    cookie, key = world.headers(SESSION)["Cookie"], alice.keys["good"]
    return {
        "chat": alice.chat, "reply": alice.reply, "user": alice.id, "cookie": cookie, "cut_cookie": cookie[:-5],
        "token": alice.tokens["good"], "key": key, "key_prefix": key[:12], "key_swapped": key.swapcase(),
        "foreign_chat": bob.chat, "foreign_reply": bob.reply, "foreign_key": bob.key, "foreign_session": bob.session,
    }  # fmt: skip


def fill(text, names):
    return text.format(**names) if "{" in text else text
