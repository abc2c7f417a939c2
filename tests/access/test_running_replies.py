"""alice's reply is being written. Nobody else reads a byte of it, ends it or goes on with it, or learns that it is there."""

import gevent
import pytest

from tests.access.rules import CREDENTIALS, TABLE, Who, expected
from tests.support.answers import data_of

STRANGERS = [one for one in CREDENTIALS if one.person != "alice"]


@pytest.fixture(scope="module")
def running(world):
    """The reply's id."""
    yield world.begin_reply("alice")
    world.end_replies()
    world.settle()


def routes_with(world, *things):
    for method, rule in world.routes():
        door = TABLE.get(f"{'GET' if method == 'HEAD' else method} {rule}")
        if door is not None and door.thing in things:
            yield method, rule, door


def ask(world, method, rule, credential, id_):
    """As `World.ask`, but without waiting for what is meant to go on."""
    headers = world.headers(credential) | {"X-Request-Id": "the-same-for-every-request"}
    path = rule.replace("<chat_id>", id_).replace("<reply_id>", id_)
    body = TABLE.get(f"{method} {rule}", TABLE["GET /"]).body
    answer = world.client.open(path, method=method, headers=headers, json=body)
    assert answer.status_code >= 302, f"{method} {rule} was let in"
    return answer.status_code, answer.get_data()


def me(world):
    return {"X-API-KEY": world.people["alice"].keys["good"]}


@pytest.mark.parametrize("credential", STRANGERS, ids=lambda credential: credential.name.replace(" ", "-"))
def test_to_everybody_else_it_is_not_there(world, running, credential):
    alice, bob = world.people["alice"], world.people["bob"]
    before = world.picture()
    for method, rule, door in routes_with(world, "chat", "reply"):
        if door.who is Who.ADMIN and credential.person == "admin":
            continue
        theirs = running if door.thing == "reply" else str(alice.chat)
        foreign = ask(world, method, rule, credential, theirs)
        unknown = ask(world, method, rule, credential, str(bob.id))
        wanted = expected(f"{'GET' if method == 'HEAD' else method} {rule}", credential, "foreign")
        assert foreign[0] == wanted.status, (method, rule)
        if not wanted.to_sign_in:
            assert foreign == unknown, (method, rule)
    assert world.picture() == before
    assert not world.provider.lines[-1].closed


def test_an_administrator_may_stop_it_and_reads_no_word(world):
    reply = world.begin_reply("bob")
    admin = {"X-API-KEY": world.people["admin"].keys["good"]}
    overview = world.client.get("/api/ops/overview", headers=admin)
    assert reply in overview.text
    assert "An answer." not in overview.text
    assert "hello" not in overview.text
    assert world.client.get(f"/api/replies/{reply}/stream", headers=admin).status_code == 404
    stopped = data_of(world.client.post(f"/api/ops/replies/{reply}/stop", headers=admin))
    assert (stopped["status"], "text" in stopped, "content" in stopped) == ("stopped", False, False)


def test_alice_reads_it_with_each_of_her_credentials_and_stops_it(world, running):
    for credential in (one for one in CREDENTIALS if one.person == "alice"):
        headers = world.headers(credential)
        for path in (f"/api/replies/{running}/stream", f"/api/chats/{world.people['alice'].chat}/stream"):
            answer = world.client.get(path, headers=headers)
            assert answer.status_code == 200
            with gevent.Timeout(30):
                assert next(iter(answer.response)) in (b"", b"An answer.")
            answer.close()
    assert data_of(world.client.get(f"/api/replies/{running}", headers=me(world)))["status"] == "streaming"
    assert data_of(world.client.post(f"/api/replies/{running}/stop", headers=me(world)))["status"] == "stopped"
