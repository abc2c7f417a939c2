"""Every route × every method × own, foreign, unknown and malformed ids × every credential.

The routes come from the application's URL map, the expectations from the table in rules.py. A test goes through all
routes with one credential and one kind of id, and reports every answer that is not the expected one.
"""

from __future__ import annotations

import pytest

from macrochat.accounts.access import ACCESS, Access
from tests.access.cast import REQUEST_ID
from tests.access.rules import CREDENTIALS, TABLE, Who, expected
from tests.support.answers import LEAKS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
pytestmark = pytest.mark.slow  # all of them together
everybody = pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda credential: credential.name.replace(" ", "-"))

ON_EVERY_ANSWER = {
    "Content-Security-Policy": "default-src 'none'; ",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Request-Id": REQUEST_ID,
}
DECLARED = {
    Who.ANYBODY: Access.PUBLIC, Who.GUEST: Access.PUBLIC, Who.USER: Access.USER, Who.BROWSER: Access.SESSION,
    Who.PAGE: Access.PAGE, Who.ADMIN: Access.USER, Who.ADMIN_PAGE: Access.PAGE, Who.TICKET: Access.OWN_RULE,
    Who.MONITOR: Access.OWN_RULE,
}  # fmt: skip


def test_every_route_has_its_line_and_every_line_its_route(world):
    there = {f"{method} {rule}" for method, rule in world.routes() if method not in ("HEAD", "OPTIONS")}
    assert there == set(TABLE)


def test_the_table_of_guards_says_the_same(world):
    for rule in world.app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert ACCESS[rule.endpoint] is DECLARED[TABLE[f"{method} {rule.rule}"].who], rule.endpoint


@everybody
@pytest.mark.parametrize("whose", ["own", "foreign", "unknown", "malformed"])
def test_every_door_opens_to_whom_it_should(world, credential, whose):
    wrong, asked = [], 0
    for method, rule in world.routes():
        door = TABLE[f"{'GET' if method in ('HEAD', 'OPTIONS') else method} {rule}"] if method != "OPTIONS" else None
        if door is None or (door.thing is None and whose != "own"):
            continue
        for id_ in world.ids(door.thing, credential, whose) if door.thing else [""]:
            asked += 1
            problems = problems_with(world, credential, whose, method, rule, id_)
            wrong += [f"{method} {rule} {id_[:40]!r}: {problem}" for problem in problems]
    assert wrong == []
    assert asked >= (50 if whose == "own" else 10)


def problems_with(world, credential, whose, method, rule, id_):
    route = f"{'GET' if method == 'HEAD' else method} {rule}"
    wanted = expected(route, credential, whose)
    answer = world.ask(method, rule, credential, id_)
    before, after = world.seen, world.picture()
    if answer.status_code != wanted.status:
        yield f"{wanted.status} expected, not {answer.status_code} {answer.text[:200]}"
    yield from problems_of_form(answer, rule, wanted, method)
    changed = {name for name in before if before[name] != after[name]}
    done = answer.status_code < 400 and method not in SAFE and not wanted.to_sign_in
    may_change = may_be_changed(TABLE[route], credential) if done else set()
    if changed - may_change:
        yield f"changed what is {', '.join(sorted(changed - may_change)) or 'nobody'}'s"
    if changed:
        world.renew()


def may_be_changed(door, credential):
    """Whose rows an unsafe request may change that was let in; `""` for what is nobody's."""
    if door.who in (Who.ANYBODY, Who.GUEST):  # signing up, in (as alice) and out
        return {"alice", credential.cookie, ""}
    return {credential.person, ""}


def problems_of_form(answer, rule, wanted, method):
    """JSON under /api and a page elsewhere; a redirect names no host; nothing tells how the server is made."""
    api = rule.startswith("/api/")
    if wanted.to_sign_in and not answer.location.startswith("/login"):
        yield f"leads to {answer.location}"
    if answer.location and not answer.location.startswith("/"):
        yield f"leads away: {answer.location}"
    if wanted.status >= 400 and method != "HEAD":
        if api and (not answer.is_json or answer.get_json()["code"] != wanted.code):
            yield f"{wanted.code} expected, not {answer.text[:200]}"
        if not api and rule != "/metrics" and answer.mimetype != "text/html":
            yield f"a page expected, not {answer.mimetype}"
    if answer.status_code >= 400 and LEAKS.search(answer.text):
        yield f"tells too much: {answer.text[:200]}"
    for name, value in ON_EVERY_ANSWER.items():
        if not answer.headers.get(name, "").startswith(value):
            yield f"{name}: {answer.headers.get(name)}"
    public = TABLE[f"{'GET' if method == 'HEAD' else method} {rule}"].who is Who.ANYBODY and method in SAFE
    if not public and "no-store" not in answer.headers["Cache-Control"]:
        yield "may be kept in caches"


@everybody
def test_foreign_unknown_and_malformed_ids_get_the_same_answer_byte_for_byte(world, credential):
    """With its headers, and so the same answer as if nobody had such a thing. Only the administrators' own differ."""
    compared = 0
    for method, rule in world.routes():
        door = TABLE.get(f"{method} {rule}")
        if door is None or door.thing is None or (door.who is Who.ADMIN and credential.person == "admin"):
            continue
        kinds = ("foreign", "unknown", "malformed")
        ids = [id_ for whose in kinds for id_ in world.ids(door.thing, credential, whose)]
        answers = [world.ask(method, rule, credential, id_) for id_ in ids]
        shown = {as_shown(answer) for answer in answers}
        assert len(shown) == 1, (method, rule, shown)
        compared += len(answers)
    assert compared >= 50


def as_shown(answer):
    """Status, headers, body. A redirect to the sign-in page names the address that was wanted, and differs in no more."""
    headers, body = dict(answer.headers), answer.data
    if answer.status_code == 302:
        headers |= {"Location": headers["Location"].partition("?")[0], "Content-Length": ""}
        body = b""
    return answer.status_code, tuple(sorted(headers.items())), body


# Nobody is asked who they are for this; so a few of each kind will do.
FEW = [
    one
    for one in CREDENTIALS
    if one.name in ("session", "Bearer", "nothing", "a revoked key", "alice's and bob's keys")
]


@pytest.mark.parametrize("credential", FEW, ids=lambda credential: credential.name.replace(" ", "-"))
def test_a_method_that_a_route_has_not_is_405_to_everybody_and_changes_nothing(world, credential):
    allowed = {}
    for method, rule in world.routes():
        allowed.setdefault(rule, set()).add(method)
    before = world.picture()
    for rule, methods in allowed.items():
        for method in sorted(set(METHODS) - methods):
            answer = world.ask(method, rule, credential, world.ids("chat", credential, "own")[0])
            assert answer.status_code == 405, (method, rule)
            assert set(answer.headers["Allow"].split(", ")) == methods, (method, rule)
            if rule.startswith("/api/") and method != "HEAD":
                assert answer.get_json()["code"] == "METHOD_NOT_ALLOWED", (method, rule)
        assert world.ask("OPTIONS", rule, credential, "x").status_code == 200
    assert world.picture() == before


STRANGERS = [one for one in CREDENTIALS if one.person != "alice"]


@pytest.mark.parametrize("credential", STRANGERS, ids=lambda credential: credential.name.replace(" ", "-"))
def test_what_alice_said_is_in_no_answer_to_anybody_else(world, credential):
    """Her words and her chat's title; her address is for administrators, and their own chats are like hers."""
    alice = world.people["alice"]
    told = []
    for method, rule in world.routes():
        door = TABLE.get(f"{method} {rule}")
        if door is None or method == "HEAD" or (door.who is Who.ADMIN and credential.person == "admin"):
            continue
        answer = world.ask(method, rule, credential, str(getattr(alice, door.thing)) if door.thing else "")
        told += [(method, rule) for secret in ("a secret of alice", "alice's plans") if secret in answer.text]
    world.renew()
    assert told == []
