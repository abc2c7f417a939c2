"""flask users."""

import pytest

from tests.support.servers import PASSWORD, register


def sign_in(app, email, password=PASSWORD):
    client = app.test_client()
    return client, client.post("/api/auth/login", json={"email": email, "password": password}).status_code


def test_a_created_user_can_sign_in_and_is_listed_and_shown(app, flask, told, carol):
    assert sign_in(app, "carol@example.org")[1] == 200
    assert [user["email"] for user in told("users", "list")] == ["carol@example.org"]
    shown = told("users", "show", carol["id"])
    assert (shown["email"], shown["admin"], shown["active"], shown["sessions"]) == ("carol@example.org", False, True, 1)
    assert "carol@example.org" in flask("users", "list").stdout


def test_passwords_are_asked_for_twice_and_not_shown(app, flask):
    out = flask("users", "create", "dan@example.org", input=f"{PASSWORD}\n{PASSWORD}\n").output
    assert PASSWORD not in out
    assert sign_in(app, "dan@example.org")[1] == 200


def test_no_command_takes_a_password_as_an_argument(fails):
    assert "No such option" in fails("users", "create", "dan@example.org", "--password", PASSWORD, code=2)


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [("nonsense", PASSWORD, "email"), ("dan@example.org", "short", "password must have at least 8"),
     ("CAROL@example.org", PASSWORD, "exists already")],
)  # fmt: skip
def test_what_a_form_would_refuse_is_refused_in_a_sentence(fails, carol, email, password, sentence):
    assert sentence in fails("users", "create", email, "--password-stdin", input=f"{password}\n")


def test_a_disabled_user_is_out_at_once_and_stays_out_until_enabled(app, flask, carol):
    client, _ = sign_in(app, "carol@example.org")
    flask("users", "disable", "carol@example.org")
    assert client.get("/api/users/me").status_code == 401
    assert sign_in(app, "carol@example.org")[1] == 401
    flask("users", "enable", "carol@example.org")
    assert client.get("/api/users/me").status_code == 401  # the old session stays dead
    assert sign_in(app, "carol@example.org")[1] == 200


def test_a_new_password_replaces_the_old_one_and_ends_sessions(app, flask, carol):
    client, _ = sign_in(app, "carol@example.org")
    flask("users", "set-password", "carol@example.org", "--password-stdin", input="another good one\n")
    assert client.get("/api/users/me").status_code == 401
    assert sign_in(app, "carol@example.org")[1] == 401
    assert sign_in(app, "carol@example.org", "another good one")[1] == 200


def test_administrators_are_made_and_unmade(app, flask, carol):
    client, _ = sign_in(app, "carol@example.org")
    assert client.get("/api/ops/overview").status_code == 404
    flask("users", "promote", "carol@example.org")
    assert client.get("/api/ops/overview").status_code == 200
    flask("users", "demote", "carol@example.org")
    assert client.get("/api/ops/overview").status_code == 404


def test_deleting_asks_first_and_takes_everything(app, flask, told, fails, alice):
    alice.post("/api/chats", json={"title": "x"})
    assert fails("users", "delete", "alice@example.org", input="n\n").endswith("Aborted!")
    assert len(told("users", "list")) == 1
    flask("users", "delete", "alice@example.org", "--yes")
    assert told("users", "list") == []
    assert told("stats")["chats"] == 0


@pytest.mark.parametrize("verb", ["show", "disable", "enable", "promote", "demote"])
def test_unknown_users_are_one_sentence(fails, verb):
    assert fails("users", verb, "nobody@example.org") == "Error: There is no user 'nobody@example.org'"


def test_titles_cannot_play_with_the_terminal(app, flask):
    client = register(app.test_client(), "eve@example.org")
    client.post("/api/chats", json={"title": "a\x1b[31mred"})
    assert "\x1b" not in flask("chats", "list").stdout
