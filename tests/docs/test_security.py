"""docs/security.md promises only what a test shows: each row of its table names tests that exist."""

import re

import pytest

from tests.docs.test_specification import names_of
from tests.support.processes import ROOT

TEXT = (ROOT / "docs/security.md").read_text()
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
SETTING = re.compile(r"MACROCHAT_[A-Z_]+")


def test_every_promise_names_its_test():
    assert len(ROWS) > 20
    assert [row for row in ROWS if not re.search(r"`tests/[\w/]+\.py", row)] == []


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda value: value[:60])
def test_every_test_that_is_named_exists(path, name):
    assert (ROOT / path).is_file()
    assert not name or name in names_of(path)


def test_every_setting_that_is_named_exists():
    settings = (ROOT / ".env.example").read_text()
    assert [name for name in set(SETTING.findall(TEXT)) if f"{name}=" not in settings] == []
