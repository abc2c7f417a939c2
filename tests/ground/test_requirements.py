"""Lock files: pinned, without addresses, in step with one another and with what is installed."""

import re
from importlib import metadata

import pytest

from tests.support.processes import ROOT

LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-local-model.txt"]


def pins(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    return [re.fullmatch(r"([a-z0-9-]+)==([\w.]+)( ; .*)?", line) for line in lines]


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_a_pin_and_nothing_else(name):
    assert all(pins(name))


def test_the_tests_run_with_the_servers_own_versions():
    versions = {(pin[1], pin[2]) for pin in pins("requirements-dev.txt")}
    assert {(pin[1], pin[2]) for pin in pins("requirements.txt")} <= versions


def test_what_is_installed_is_what_is_pinned():
    for pin in pins("requirements-dev.txt"):
        if not pin[3]:
            assert metadata.version(pin[1]) == pin[2]
