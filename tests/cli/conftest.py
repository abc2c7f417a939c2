"""`flask("users", "list")` runs a command; `fails` one that must, and returns its sentence."""

import json

import pytest

from tests.support.servers import PASSWORD


@pytest.fixture
def flask(runner):
    def run(*args, input=None, code=0):
        result = runner.invoke(args=list(args), input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def told(flask):
    """What a command says with --json."""
    return lambda *args, **options: json.loads(flask(*args, "--json", **options).stdout)


@pytest.fixture
def fails(flask):
    def run(*args, code=1, **options):
        result = flask(*args, code=code, **options)
        assert "Traceback" not in result.output
        return result.stderr.strip()

    return run


@pytest.fixture
def carol(told):
    """A user that the command made."""
    return told("users", "create", "carol@example.org", "--password-stdin", input=f"{PASSWORD}\n")
