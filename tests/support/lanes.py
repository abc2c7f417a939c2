"""One suite in several pytest processes, its lanes: `-p tests.support.lanes --lane=FOLDER`, FOLDER being common to all.

A lane takes a file that no other has begun, so all end at about the same time whatever is added. Files with slow tests
go first. Then a lane stays in the directory it is in, whose tests share servers, and goes where nobody is when that is
done.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", metavar="FOLDER", type=Path, help="run what the others with this FOLDER leave")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    folder = session.config.getoption("lane")
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    items_of: dict[Path, list[pytest.Item]] = {}
    for item in session.items:
        items_of.setdefault(item.path, []).append(item)
    turns = _turns([File(path, items) for path, items in items_of.items()], folder)
    turn = next(turns, None)
    while turn:
        items, turn = turn.items, None
        for item, following in zip(items, [*items[1:], None], strict=True):
            if following is None and (turn := next(turns, None)):
                following = turn.items[0]  # what it needs, too, is not torn down in between
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True


class File:
    def __init__(self, path: Path, items: list[pytest.Item]) -> None:
        self.path, self.items = path, items
        slow = [item for item in items if item.get_closest_marker("slow")]
        self.slow = max((_seconds_allowed(item) for item in slow), default=0)

    def take(self, folder: Path) -> bool:
        """Whether it is ours: one lane gets it."""
        try:
            (folder / _name(self.path)).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _turns(files: list[File], folder: Path) -> Iterator[File]:
    """The files that are ours, one after the other."""
    left, here = files, None
    while left:
        file = min(left, key=lambda file: _rank(file, here, folder))
        left.remove(file)
        if file.take(folder):
            here = file.path.parent
            yield file


def _rank(file: File, here: Path | None, folder: Path) -> tuple[int, int]:
    """The least is the next. Slow files first, of those the one that is given the most time."""
    if file.slow:
        return 0, -file.slow
    if file.path.parent == here:
        return 1, 0
    return (3 if any(folder.glob(f"{_name(file.path.parent)}-test_*")) else 2), 0


def _seconds_allowed(item: pytest.Item) -> int:
    timeout = item.get_closest_marker("timeout")
    return int(timeout.args[0]) if timeout else 1


def _name(path: Path) -> str:
    return "-".join(path.parts[1:])
