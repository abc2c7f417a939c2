"""Asks the application itself for pages and its database how it found their rows.

Prints JSON: [statement, paths that ask it, lines of its plan], each statement once.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import sqlalchemy as sa  # noqa: E402

from macrochat import create_app  # noqa: E402
from macrochat.extensions import db  # noqa: E402


def main() -> None:
    cookie, *paths = sys.argv[1:]
    app = create_app()
    seen: list[tuple[str, Any]] = []
    with app.app_context():
        engine = db.engine

        @sa.event.listens_for(engine, "before_cursor_execute")
        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith(("SELECT", "WITH")):
                seen.append((statement, parameters))

    asked: dict[str, tuple[list[str], Any]] = {}
    for path in paths:
        seen.clear()
        answer = app.test_client(use_cookies=False).get(path, headers={"Cookie": cookie})
        if answer.status_code != 200:
            sys.exit(f"{path}: {answer.status}")
        for statement, parameters in dict(seen).items():
            asked.setdefault(statement, ([], parameters))[0].append(path)
    with engine.connect() as connection:
        plans = [(_brief(sql), found, _plan(connection, sql, values)) for sql, (found, values) in asked.items()]
    print(json.dumps(plans))


def _plan(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, BUFFERS OFF) {statement}", parameters)
    return [row[0] for row in rows]


def _brief(statement: str) -> str:
    """Without the names of columns that are only read."""
    return re.sub(r"SELECT (?!count).*?\sFROM ", "SELECT … FROM ", " ".join(statement.split()))


if __name__ == "__main__":
    main()
