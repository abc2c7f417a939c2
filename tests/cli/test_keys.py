"""flask keys."""


def call(app, key):
    return app.test_client().get("/api/users/me", headers={"X-API-KEY": key}).status_code


def test_a_key_is_printed_once_works_and_can_be_revoked(app, flask, told, carol):
    key = flask("keys", "create", "carol@example.org", "backup", "--days", "30").stdout.strip()
    assert call(app, key) == 200
    [row] = told("keys", "list", "carol@example.org")
    assert (row["name"], row["user"], row["prefix"]) == ("backup", "carol@example.org", key[:12])
    assert key not in str(told("keys", "list"))
    flask("keys", "revoke", row["id"])
    assert call(app, key) == 401
    assert told("keys", "list") == []


def test_wrong_arguments(fails, carol):
    assert "There is no user" in fails("keys", "create", "nobody", "x")
    assert "There is no API key" in fails("keys", "revoke", "x")
    assert "API key not found" in fails("keys", "revoke", carol["id"])
    fails("keys", "create", "carol@example.org", "x", "--days", "0", code=2)
