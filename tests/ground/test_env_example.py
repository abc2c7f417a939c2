"""`.env.example` has every setting, each with the default that the code has."""

import re

import pytest

from macrochat.config import Settings
from tests.support.processes import ROOT

EXAMPLE = (ROOT / ".env.example").read_text()
VALUES = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE))


class Recorder(dict):
    """An environment that remembers what it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = set()

    def get(self, name, default=None):
        self.asked.add(name)
        return default


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    environ = Recorder()
    Settings.from_env(environ, instance=tmp_path_factory.mktemp("instance"))
    return environ.asked


def test_every_setting_is_there_and_nothing_else(asked):
    assert set(VALUES) == asked


def test_its_values_are_the_defaults(tmp_path):
    assert Settings.from_env(VALUES, instance=tmp_path) == Settings.from_env({}, instance=tmp_path)


def test_every_setting_has_a_sentence_above_it():
    lines = EXAMPLE.splitlines()
    for name in VALUES:
        at = next(k for k, line in enumerate(lines) if line.startswith(f"{name}="))
        above = [line for line in lines[:at] if line][-1]
        assert above.startswith(("# ", "MACROCHAT_MAX_STREAMS_PER_USER=")), name


def test_only_the_settings_module_reads_the_environment():
    # Two pass it on to their child, or need none; what sudo says of who calls is no setting.
    allowed = {"config.py", "local_server.py", "local_llama.py", "printing.py"}
    readers = {
        path.name
        for path in (ROOT / "macrochat").rglob("*.py")
        if re.search(r"os\.environ|os\.getenv|from os import", path.read_text())
    }
    assert readers <= allowed
