"""Every table knows the types of its columns by itself, whichever is imported first."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT, clean_environment

SHOW_UNTYPED = """
import sys
from importlib import import_module
import sqlalchemy as sa
tables = [model.__table__ for model in vars(import_module(sys.argv[1])).values() if hasattr(model, "__table__")]
assert tables
print(*(column for table in tables for column in table.columns if isinstance(column.type, sa.types.NullType)))
"""


@pytest.mark.parametrize("room", ["accounts", "chats", "replies"])
def test_a_column_has_its_type_before_the_table_it_points_at_is_known(room):
    argv = [sys.executable, "-c", SHOW_UNTYPED, f"macrochat.{room}.models"]
    result = subprocess.run(argv, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=110)
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("", "", 0)
