"""Who gets what at which address: the expectations of the matrix, written from docs and not from the code.

TABLE has a line for every method of every route. `expected` makes of a line, a credential and the kind of id in the
address the answer that must come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from tests.support.servers import PASSWORD

Whose = Literal["own", "foreign", "unknown", "malformed"]


class Who(Enum):
    """Who may enter."""

    ANYBODY = "no one is asked for a credential"
    GUEST = "the sign-in pages: who is signed in is sent on to the chats"
    USER = "a browser session or an API key"
    BROWSER = "a browser session"
    PAGE = "a browser session; others are sent to the sign-in page"
    ADMIN = "an administrator; to others the address does not exist"
    ADMIN_PAGE = "the same, for a page"
    TICKET = "who has a signed ticket; to others the address does not exist"
    MONITOR = "who has the token of /metrics, which is no person's"


@dataclass(frozen=True, slots=True)
class Door:
    who: Who
    ok: int = 200
    thing: str | None = None  # what the id in the address belongs to: an attribute of `Person`
    body: dict[str, Any] | None = None  # JSON, or under a page's address a form
    fills: dict[str, str] = field(default_factory=dict)  # parts of the address that are no ids
    code: str | None = None  # of an answer that is a refusal although the door is open


ANYBODY, GUEST, USER, BROWSER, PAGE = Who.ANYBODY, Who.GUEST, Who.USER, Who.BROWSER, Who.PAGE
SIGN_IN = {"email": "alice@example.org", "password": PASSWORD}
SIGN_UP = {"email": "newcomer@example.org", "password": PASSWORD, "name": "Newcomer"}
NEW_PASSWORD = {"currentPassword": PASSWORD, "newPassword": "another good password"}
QUESTION = {"messages": [{"role": "user", "content": "hello"}]}

TABLE = {
    "GET /static/<path:filename>": Door(ANYBODY, fills={"filename": "images/icon.svg"}),
    # accounts
    "POST /api/auth/register": Door(ANYBODY, 201, body=SIGN_UP),
    "POST /api/auth/login": Door(ANYBODY, body=SIGN_IN),
    "POST /api/auth/logout": Door(ANYBODY),
    "POST /api/auth/logout-all": Door(BROWSER),
    "POST /api/auth/password": Door(BROWSER, body=NEW_PASSWORD),
    "GET /api/users/me": Door(USER),
    "PATCH /api/users/me": Door(BROWSER, body={"name": "Another Name"}),
    "DELETE /api/users/me": Door(BROWSER, body={"password": PASSWORD}),
    "GET /api/sessions": Door(BROWSER),
    "DELETE /api/sessions/<session_id>": Door(BROWSER, thing="session"),
    "GET /api/keys": Door(BROWSER),
    "POST /api/keys": Door(BROWSER, 201, body={"name": "program", "password": PASSWORD}),
    "DELETE /api/keys/<key_id>": Door(BROWSER, thing="key"),
    # chats
    "GET /api/chats": Door(USER),
    "POST /api/chats": Door(USER, 201, body={"title": "Plans"}),
    "GET /api/chats/<chat_id>": Door(USER, thing="chat"),
    "PATCH /api/chats/<chat_id>": Door(USER, thing="chat", body={"title": "Mine now"}),
    "PUT /api/chats/<chat_id>": Door(USER, thing="chat", body={"title": "Mine now"}),
    "DELETE /api/chats/<chat_id>": Door(USER, thing="chat"),
    "GET /api/models": Door(USER),
    # replies; nothing runs in the chats of the cast, and their replies were stopped
    "POST /api/chats/<chat_id>/stream": Door(USER, thing="chat", body=QUESTION),
    "GET /api/chats/<chat_id>/stream": Door(USER, 204, thing="chat"),
    "POST /api/chats/<chat_id>/stop": Door(USER, thing="chat"),
    "GET /api/replies/<reply_id>": Door(USER, thing="reply"),
    "GET /api/replies/<reply_id>/stream": Door(USER, thing="reply"),
    "GET /api/replies/<reply_id>/trace": Door(USER, thing="reply"),
    "POST /api/replies/<reply_id>/answer-now": Door(USER, 409, thing="reply", code="CANNOT_HURRY"),
    "POST /api/replies/<reply_id>/stop": Door(USER, thing="reply"),
    "POST /api/replies/<reply_id>/continue": Door(USER, thing="reply"),
    # chats by the names that a client of the AI SDK gave them; nobody sees whether somebody else has the name
    "POST /api/chat": Door(USER, body=QUESTION | {"id": "a-chat"}),
    "GET /api/chat/<chat_id>/stream": Door(USER, 204, fills={"chat_id": "a-name"}),
    "POST /api/chat/<chat_id>/stop": Door(USER, fills={"chat_id": "a-name"}),
    # operators
    "GET /api/health": Door(ANYBODY),
    "GET /healthz": Door(ANYBODY),
    "GET /readyz": Door(ANYBODY),
    "GET /metrics": Door(Who.MONITOR),
    "GET /api/ops/drip": Door(Who.TICKET),
    "GET /api/ops/health": Door(Who.ADMIN),
    "GET /api/ops/overview": Door(Who.ADMIN),
    "POST /api/ops/replies/<reply_id>/stop": Door(Who.ADMIN, thing="reply"),
    "GET /admin": Door(Who.ADMIN_PAGE),
    # the API's description
    "GET /api/openapi.json": Door(ANYBODY),
    "GET /docs": Door(ANYBODY),
    # pages
    "GET /login": Door(GUEST),
    "POST /login": Door(GUEST, 303, body=SIGN_IN),
    "GET /register": Door(GUEST),
    "POST /register": Door(GUEST, 303, body=SIGN_UP),
    "POST /logout": Door(ANYBODY, 303),
    "GET /": Door(PAGE),
    "GET /chats/<chat_id>": Door(PAGE, thing="chat"),
    "GET /settings": Door(PAGE),
    "POST /settings": Door(PAGE, 303, body={"profileName": "Another Name"}),
}

# To an administrator the operators' addresses show everybody's; anywhere else they are a user like any other.
EVERYBODYS = frozenset({"POST /api/ops/replies/<reply_id>/stop"})
NOT_FOUND = {
    "chat": "CHAT_NOT_FOUND",
    "reply": "REPLY_NOT_FOUND",
    "key": "KEY_NOT_FOUND",
    "session": "SESSION_NOT_FOUND",
}


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request carries. `person` is who is recognised by it; None: nobody."""

    name: str
    person: str | None
    kind: Literal["session", "key"] | None = None
    refused: tuple[int, str] | None = None  # what is wrong with a key decides before anything else does
    cookie: str | None = None  # whose session cookie comes along: signing in and out end that session


WRONG_KEY, TWO_KEYS = (401, "INVALID_API_KEY"), (400, "AMBIGUOUS_CREDENTIALS")

CREDENTIALS = [
    Credential("session", "alice", "session", cookie="alice"),
    Credential("X-API-KEY", "alice", "key"),
    Credential("Bearer", "alice", "key"),
    Credential("nothing", None),
    Credential("a cookie signed by somebody else", None),
    Credential("a revoked session", None),
    Credential("an expired session", None),
    Credential("the session of somebody disabled", None, cookie="disabled"),
    Credential("a revoked key", None, refused=WRONG_KEY),
    Credential("an expired key", None, refused=WRONG_KEY),
    Credential("a key that nobody has", None, refused=WRONG_KEY),
    Credential("an empty Bearer", None, refused=WRONG_KEY),
    Credential("the key of somebody disabled", None, refused=WRONG_KEY),
    Credential("a wrong key beside alice's session", None, refused=WRONG_KEY, cookie="alice"),
    Credential("alice's and bob's keys", None, refused=TWO_KEYS),
    Credential("alice's key beside bob's session", "alice", "key", cookie="bob"),
    Credential("an administrator's session", "admin", "session", cookie="admin"),
    Credential("an administrator's key", "admin", "key"),
]


@dataclass(frozen=True, slots=True)
class Expected:
    """`code` of a refusal under /api; `to_sign_in` for a redirect to the sign-in page."""

    status: int
    code: str | None = None
    to_sign_in: bool = False


def expected(route: str, credential: Credential, whose: Whose) -> Expected:
    door = TABLE[route]
    refusal = _refusal(door, credential)
    if refusal:
        return refusal
    shown = ("own", "foreign") if route in EVERYBODYS else ("own",)
    if door.thing and whose not in shown:
        return Expected(404, NOT_FOUND[door.thing])
    return Expected(door.ok, door.code)


def _refusal(door: Door, credential: Credential) -> Expected | None:
    if door.who is Who.ANYBODY:
        return None
    if door.who is Who.TICKET:
        return Expected(404, "NOT_FOUND")
    if door.who is Who.MONITOR:
        return Expected(401)
    if credential.refused:
        return Expected(*credential.refused)
    if door.who is Who.GUEST:
        return Expected(302) if credential.person else None
    if credential.person is None:
        page = door.who in (Who.PAGE, Who.ADMIN_PAGE)
        return Expected(302, to_sign_in=True) if page else Expected(401, "UNAUTHENTICATED")
    if door.who in (Who.BROWSER, Who.PAGE, Who.ADMIN_PAGE) and credential.kind == "key":
        return Expected(403, "SESSION_REQUIRED")
    if door.who in (Who.ADMIN, Who.ADMIN_PAGE) and credential.person != "admin":
        return Expected(404, "NOT_FOUND")
    return None
