"""How we speak to PostgreSQL, and to PgBouncer before it in either pool mode: nothing is asked of a session.

A pooler in transaction mode gives every transaction another of its sessions, and in session mode refuses `options` at
the start. So the time limits are set in each transaction, by the statement that begins it: no round trip more, and
nothing of ours is left in a session that somebody else has next.

psycopg2 under gevent waits in C unless it is given a wait callback; ours has a time limit, because libpq's
connect_timeout does not act in asynchronous mode and a black-holed connection would wait for ever.
"""

from __future__ import annotations

import re
import time
from typing import Any

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa
from gevent.socket import wait_read, wait_write

STATEMENT_SECONDS = 10  # the longest a statement may take, on the server and on the wire
LOCK_SECONDS = 5  # the longest a writer waits for another
CONNECT_SECONDS = 5
IDLE_SECONDS = 30  # in a transaction
CONNECTED = (
    psycopg2.extensions.STATUS_READY,
    psycopg2.extensions.STATUS_BEGIN,
    psycopg2.extensions.STATUS_PREPARED,
)

OURS = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "macrochat",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
LIMITS = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "synchronous_commit": "on",  # whatever the server does otherwise: what is shown is stored
}

ALONE = {"alone": True}  # execution options: each statement is a transaction of its own


class Connection(psycopg2.extensions.connection):
    """One whose transactions are begun by a statement of ours (`prepare`), not by the driver's own BEGIN."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocommit = True

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def set_isolation_level(self, level: object) -> None:
        """SQLAlchemy calls this for AUTOCOMMIT, which every connection is in, and when that is over."""

    def _end(self, statement: str) -> None:
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")
        if self.get_transaction_status() != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            with self.cursor() as cursor:
                cursor.execute(statement)


def connect_args(url: sa.URL, **others: Any) -> dict[str, Any]:
    """Arguments for the driver beside those in `url`, which win."""
    return {name: value for name, value in (OURS | others).items() if name not in url.query}


def limits(url: sa.URL) -> str:
    """The statement that sets our limits for a transaction, without those that the address's `options` set."""
    given = " ".join(str(value) for value in url.normalized_query.get("options", ()))
    theirs = {name.replace("-", "_").lower() for name in re.findall(r"(?:-c\s*|--)([\w.-]+)\s*=", given)}
    return "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in LIMITS.items() if name not in theirs)


def prepare(engine: sa.Engine) -> None:
    """Begins every transaction with its limits. A statement under ALONE has them too, in the same round trip."""
    ours = limits(engine.url)
    begin_with_limits = f"BEGIN; {ours}" if ours else "BEGIN"

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("alone") and options.get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(begin_with_limits)

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def add_limits(
        connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        alone = ours and connection.get_execution_options().get("alone")
        return f"{ours}; {statement}" if alone else statement, parameters


def wait_with_gevent() -> None:
    """For all connections of this process."""
    psycopg2.extensions.set_wait_callback(_wait)


def _wait(connection: Any) -> None:
    """psycopg2's wait callback, with a bound on every wait and one on the making of a connection."""
    connect_until: float | None = None
    try:
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            seconds = STATEMENT_SECONDS + 2.0
            if connection.status not in CONNECTED:
                connect_until = connect_until or time.monotonic() + _connect_seconds(connection)
                seconds = max(0.0, connect_until - time.monotonic())
            if state == psycopg2.extensions.POLL_READ:
                wait_read(connection.fileno(), timeout=seconds, timeout_exc=_Stalled())
            else:
                wait_write(connection.fileno(), timeout=min(5.0, seconds), timeout_exc=_Stalled())
    except _Stalled:
        raise psycopg2.OperationalError("the database did not answer in time") from None


def _connect_seconds(connection: Any) -> float:
    """As the address says; without a limit there, as long as a statement may take."""
    given = connection.info.dsn_parameters.get("connect_timeout", "")
    return float(given) if re.fullmatch(r"[1-9]\d*", given) else STATEMENT_SECONDS


class _Stalled(Exception):
    pass
