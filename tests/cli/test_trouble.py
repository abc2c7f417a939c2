"""What goes wrong is one sentence, no traceback, and the right exit code; docs/cli.md has every command."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.support.processes import ROOT, clean_environment

DOCUMENT = (ROOT / "docs" / "cli.md").read_text()
OURS = ("users", "keys", "chats", "replies", "model", "doctor", "stats")


def commands(app):
    """(name, command) of all that are ours."""
    for noun in OURS:
        command = app.cli.commands[noun]
        if isinstance(command, click.Group):
            yield from ((f"{noun} {verb}", one) for verb, one in command.commands.items())
        else:
            yield noun, command


def test_every_command_has_help_and_stands_in_the_documentation_with_its_options(app, flask):
    for name, command in commands(app):
        section = re.search(rf"^### `flask {name}\b.*?(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
        assert section, name
        assert command.help or command.callback.__doc__, name
        flask(*name.split(), "--help")
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert max(parameter.opts, key=len) in section[0], (name, parameter.opts)


def test_the_documentation_has_no_command_that_is_gone(app):
    documented = set(re.findall(r"^### `flask ([a-z]+(?: [a-z-]+)?)", DOCUMENT, re.MULTILINE))
    assert documented == {name for name, _command in commands(app)}


def test_wrong_arguments_are_exit_code_2(fails):
    for args in (["users", "frobnicate"], ["users", "create"], ["replies", "list", "--limit", "x"], ["stats", "x"]):
        assert "Usage:" in fails(*args, code=2)


@pytest.mark.parametrize("args", [["users", "list"], ["replies", "list"], ["chats", "export"], ["stats"]])
def test_a_database_behind_the_code_is_one_sentence(make_app, databases, args):
    app = make_app(databases("sqlite").empty())
    result = app.test_cli_runner().invoke(args=args)
    assert result.exit_code == 1
    assert "flask db upgrade" in result.stderr
    assert "Traceback" not in result.output


def test_a_database_that_is_gone_is_one_sentence(make_app):
    app = make_app("postgresql://nobody:secretword@127.0.0.1:9/none")
    result = app.test_cli_runner().invoke(args=["users", "list"])
    assert (result.exit_code, result.stderr) == (1, "Error: The database cannot be reached: Connection refused\n")


def test_a_setting_that_cannot_be_is_named_without_a_traceback():
    env = clean_environment(SECRET_KEY="short")
    flask = Path(sys.executable).parent / "flask"
    result = subprocess.run([flask, "stats"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr == "Macrochat cannot start: SECRET_KEY must have at least 32 characters\n"


def test_a_provider_that_is_away_is_one_sentence(make_app, sqlite_url):
    app = make_app(sqlite_url, OPENAI_BASE_URL="http://127.0.0.1:9/v1", MACROCHAT_MODELS="m")
    run = app.test_cli_runner().invoke
    assert "No model's server answers" in run(args=["model", "status"]).stderr
    answer = run(args=["model", "chat", "hello"])
    assert (answer.exit_code, answer.stderr) == (1, "Error: The connection to the model's server failed\n")


def test_the_terminal_chat_streams_and_remembers(make_app, sqlite_url, scripted):
    app = make_app(sqlite_url, MACROCHAT_MODELS="scripted-echo", **scripted.settings)
    run = app.test_cli_runner().invoke
    assert run(args=["model", "chat", "Say this"]).stdout == "Say this\n"
    talk = run(args=["model", "chat", "--system", "Be brief"], input="first\n\nsecond\n")
    assert talk.exit_code == 0
    assert talk.stdout == "first\nsecond\n"
    last = scripted.requests[-1]["messages"]
    assert [message["role"] for message in last] == ["system", "user", "assistant", "user"]
    status = run(args=["model", "status", "--json"])
    assert '"reachable": true' in status.stdout


def test_the_doctor_tells_what_is_well_and_what_is_not(make_app, sqlite_url, scripted, databases):
    well = (
        make_app(sqlite_url, MACROCHAT_MODELS="scripted-echo", **scripted.settings)
        .test_cli_runner()
        .invoke(args=["doctor"])
    )
    assert well.exit_code == 0, well.output
    assert "OK    migrations: up to date" in well.stdout
    ill = make_app(databases("sqlite").empty(), OPENAI_BASE_URL="http://127.0.0.1:9/v1", MACROCHAT_MODELS="m")
    result = ill.test_cli_runner().invoke(args=["doctor", "--url", "ftp://x"])
    assert result.exit_code == 1
    assert result.stdout.count("FAIL") == 3


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("401", "The model's server refuses this server's API key"),
        ("404", "The model's server has no list of models at this address (HTTP 404)"),
        ("page", "The model's server answers, but not with a list of models"),
        ("empty", "The model's server answers, but lists no models"),
    ],
)
def test_a_provider_that_cannot_be_used_is_told_by_all_who_are_asked(make_app, sqlite_url, scripted, answer, says):
    app = make_app(sqlite_url, OPENAI_BASE_URL=f"http://127.0.0.1:{scripted.port}/lists/{answer}/v1")
    doctor = app.test_cli_runner().invoke(args=["doctor"])
    assert doctor.exit_code == 1
    assert says in doctor.stdout
    assert says in app.test_cli_runner().invoke(args=["model", "status", "--json"]).stdout
    if answer != "empty":  # which can be asked
        assert app.test_client().get("/readyz").get_json()["checks"]["provider"] == says
