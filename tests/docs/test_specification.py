"""docs/specification.md names what is there: every row once, modules and tests that exist."""

import ast
import functools
import re

import pytest

from tests.support.processes import ROOT

TEXT = (ROOT / "docs/specification.md").read_text()
ROWS = re.findall(r"^\| (S\d+) \| (.+?) \| `(\S+?)` \| (.*?) ?\|$", TEXT, re.MULTILINE)
DEFECTS = re.findall(r"^\| (W\d+) \| (.+?) \| (.*?) ?\|$", TEXT, re.MULTILINE)
TESTS = re.findall(r"`(tests/[^`:]+)::([^`]+)`", TEXT)


def test_every_row_of_the_specification_stands_here_once_in_order():
    assert [row for row, *_rest in ROWS] == [f"S{number}" for number in range(1, 57)]


def test_every_defect_stands_here_once_in_order():
    assert [row for row, *_rest in DEFECTS] == [f"W{number}" for number in range(1, 58)]


def test_w17_every_module_that_is_named_exists():
    missing = [module for _row, _what, module, _test in ROWS if not (ROOT / module).is_file()]
    assert missing == []


@pytest.mark.parametrize(("path", "name"), sorted(set(TESTS)), ids=lambda value: value[:60])
def test_every_test_that_is_named_exists(path, name):
    assert (ROOT / path).is_file()
    assert name in names_of(path)


def test_a_cell_holds_one_test_or_nothing():
    for row, *_what, cell in [*ROWS, *DEFECTS]:
        assert cell == "" or re.fullmatch(r"`tests/\S+\.(py|js)::[^`]+`", cell), row


def test_every_defect_has_a_test_that_is_named_after_it():
    for row, _what, cell in DEFECTS:
        number = f"{int(row[1:]):02d}"
        assert re.search(rf"::(test_w{number}_|W{number}: )", cell), row


@functools.cache
def names_of(path):
    """The names of the tests in a file: functions in Python, titles in JavaScript."""
    source = (ROOT / path).read_text()
    if path.endswith(".js"):
        return re.findall(r"""^\s*test\(\s*["'`](.+?)["'`],""", source, re.MULTILINE)
    return [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
