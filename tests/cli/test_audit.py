"""What an operator does to people leaves the line that it leaves on the web, with who did it."""

import pytest
import structlog
from structlog.contextvars import merge_contextvars

from macrochat.logs import get_logger
from tests.support.servers import PASSWORD


@pytest.fixture
def lines(carol):
    with structlog.testing.capture_logs(processors=[merge_contextvars]) as captured:
        yield captured


@pytest.mark.parametrize(
    ("verb", "events"),
    [
        ("promote", ["account promoted"]),
        ("demote", ["account demoted"]),
        ("enable", ["account enabled"]),
        ("disable", ["account disabled", "all sessions revoked"]),
        ("set-password", ["password changed", "all sessions revoked"]),
        ("delete", ["account deleted"]),
    ],
)
def test_each_act_is_noted_with_the_operator_and_the_user(flask, carol, lines, verb, events):
    options = {"set-password": ["--password-stdin"], "delete": ["--yes"]}.get(verb, [])
    flask("users", verb, "carol@example.org", *options, input="another good one\n")
    noted = [(line["module"], line["actor"], line["user_id"], line["event"]) for line in lines]
    assert noted == [("audit", "operator", carol["id"], event) for event in events]
    assert "carol@" not in str(lines)
    assert "another good one" not in str(lines)


def test_what_is_not_done_is_not_noted(flask, fails, lines):
    fails("users", "promote", "nobody@example.org")
    fails("users", "delete", "carol@example.org", input="n\n")
    flask("users", "list")
    assert lines == []


def test_an_act_on_the_web_names_no_operator(app, flask, carol, lines):
    flask("users", "promote", "carol@example.org")
    lines.clear()
    app.test_client().post("/api/auth/login", json={"email": "carol@example.org", "password": PASSWORD})
    assert [(line["event"], "actor" in line) for line in lines] == [("signed in", False)]


def test_of_other_lines_a_command_writes_errors_only(flask, lines):
    flask("users", "list")
    for level in ("debug", "info", "warning", "error"):
        getattr(get_logger("test"), level)(level)
    assert [line["event"] for line in lines] == ["error"]
