"""How we use the two databases: engines, write transactions, column types, and the database's clock.

SQLite under gevent: a statement that waits for another writer would block the whole process, and two greenlets that
yield inside write transactions would wait for each other. So there is no busy time-out on the request connections:
`BEGIN IMMEDIATE` is tried again after a gevent sleep, and from then to COMMIT nothing yields.

PostgreSQL: postgresql.py.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import sqlite3
import time
import uuid
from collections.abc import Iterator
from typing import Any

import gevent
import psycopg2
import sqlalchemy as sa
import uuid_utils
from flask import Flask
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from . import postgresql, space
from .config import Settings
from .extensions import db
from .logs import get_logger
from .postgresql import LOCK_SECONDS

log_line = get_logger(__name__)

AUTOCHECKPOINT_PAGES = 16_384  # 64 MB: only if nobody does it in time beside the event loop (replies/journal/store.py)
POOL_SECONDS = 2  # the longest a request waits for a connection before it answers 503


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): rows sort by the time they were made."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)


# SQLAlchemy's, and the drivers' own: it does not wrap what fails while a connection is prepared or given back.
OUTAGES = (
    *(sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError),
    *(psycopg2.OperationalError, psycopg2.InterfaceError, sqlite3.OperationalError),
)


# What PostgreSQL refuses for want of rights, or because the schema is an older one; to SQLite the latter are an
# OperationalError.
UNDEFINED_TABLE = "42P01"
MENDABLE = (UNDEFINED_TABLE, "42501", "42703", "3F000")  # insufficient_privilege, undefined_column, invalid_schema_name


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def iso(moment: dt.datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and `Z`; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def storable(text: str) -> str:
    """The text as both databases take it: U+FFFD for NUL, which PostgreSQL refuses, and for halves of surrogate pairs.

    For what others say to us. What a user writes is refused instead (bodies/texts.py).
    """
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


class UTCDateTime(sa.TypeDecorator[dt.datetime]):
    """Aware datetimes in UTC, on SQLite too, which forgets the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        return value.astimezone(dt.UTC) if value else None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None or value.tzinfo:
            return value  # type: ignore[no-any-return]
        return value.replace(tzinfo=dt.UTC)  # type: ignore[no-any-return]


@contextlib.contextmanager
def write() -> Iterator[Session]:
    """A write transaction on the request's session: committed at the end, rolled back if the block raises.

    What was read before belongs to an earlier transaction; rows that decide must be read again inside.
    """
    session = db.session()
    if session.in_transaction():
        session.commit()
    session.connection(execution_options={"write": True})
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def engine_options(settings: Settings, *, pool: int, durable: bool = True) -> dict[str, Any]:
    """Options for `create_engine`. `durable=False` (SQLite only) survives the death of a process, not of the power."""
    if settings.sqlite:
        return {
            "connect_args": {"timeout": 0, "check_same_thread": False, "isolation_level": None},
            "pool_size": pool,
            "max_overflow": 0,
            "pool_timeout": POOL_SECONDS,
            "hide_parameters": True,
        }
    return {
        "connect_args": postgresql.connect_args(
            sa.make_url(settings.database_url), connection_factory=postgresql.Connection
        ),
        "pool_size": pool,
        "max_overflow": 0,
        "pool_timeout": POOL_SECONDS,
        "hide_parameters": True,  # an error's text goes to the log; what people write does not
        "pool_pre_ping": True,
        "pool_recycle": 1800,
    }


def prepare_engine(engine: sa.Engine, *, durable: bool = True) -> None:
    """Teaches an engine our transactions: on SQLite immediate ones for writers, on PostgreSQL with time limits."""

    @sa.event.listens_for(engine, "handle_error")
    def notice(context: sa.engine.ExceptionContext) -> None:
        space.notice(context.original_exception)

    if engine.dialect.name != "sqlite":
        postgresql.prepare(engine)
        return

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 5000")  # only for the switch to WAL, once in a database's life
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
        # SQLite's own lower() knows ASCII only; people search in every script.
        connection.create_function("lower", 1, _lower, deterministic=True)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("write"):
            _begin_immediate(connection)
        else:
            connection.exec_driver_sql("BEGIN")


def init_app(app: Flask, settings: Settings) -> None:
    """Called once per application, after `db.init_app`."""
    app.teardown_appcontext(_end_session)
    prepare_engine(db.engine)
    if not settings.sqlite:
        postgresql.wait_with_gevent()


def _end_session(_error: BaseException | None) -> None:
    """Before Flask-SQLAlchemy's own: a connection that broke after its last query must not spoil the answer."""
    try:
        db.session.remove()
    except sa.exc.SQLAlchemyError as error:
        log_line.warning("rollback_failed", error=type(error).__name__)
        with contextlib.suppress(Exception):
            db.session().invalidate()
        db.session.registry.clear()


def _lower(text: str | None) -> str | None:
    return text.lower() if isinstance(text, str) else text


class octets(sa.sql.functions.GenericFunction[int]):  # noqa: N801 - a function of SQL
    """The length of a text in bytes of UTF-8. PostgreSQL knows it without reading the text."""

    type = sa.Integer()
    inherit_cache = True


@compiles(octets)
def _octets(element: octets, compiler: sa.sql.compiler.SQLCompiler, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


@compiles(octets, "sqlite")
def _octets_on_sqlite(element: octets, compiler: sa.sql.compiler.SQLCompiler, **options: Any) -> str:
    # Its own octet_length came with 3.43, and distributions have older ones.
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


def clock(dialect: str) -> sa.ColumnElement[float]:
    """The database's own clock in seconds since 1970, so that machines whose clocks differ agree on leases."""
    if dialect == "sqlite":
        return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double)
    return sa.literal_column("extract(epoch from clock_timestamp())::double precision", sa.Double)


def is_outage(error: BaseException) -> bool:
    """Whether the database could not do it now, for a reason that passes or that an operator can mend.

    It is gone, stalled, full, damaged, locked, read-only; it refuses the connection or the rights; its schema is older.
    """
    if isinstance(error, (sa.exc.TimeoutError, *OUTAGES)):  # the first: no connection in the pool
        return True
    if isinstance(error, sa.exc.DBAPIError):
        connecting = error.statement is None and not isinstance(error, sa.exc.IntegrityError)
        return connecting or error.connection_invalidated or is_outage(error.orig or ValueError())
    return type(error) is sqlite3.DatabaseError or getattr(error, "pgcode", None) in MENDABLE


def lacks_table(error: sa.exc.SQLAlchemyError) -> bool:
    cause = getattr(error, "orig", None)
    return getattr(cause, "pgcode", None) == UNDEFINED_TABLE or "no such table" in str(cause)


def reason(error: BaseException) -> str:
    """What the driver says about an outage, in one line; it may hold names and addresses. Of others the kind only.

    (What is wrong with a statement may show what people wrote.)
    """
    if isinstance(error, sa.exc.TimeoutError):
        return f"no connection was free within {POOL_SECONDS} seconds (MACROCHAT_DATABASE_POOL)"
    cause = getattr(error, "orig", None) or error
    if not is_outage(error):
        return type(cause).__name__
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return lines[0].strip()[:500]


def _begin_immediate(connection: sa.Connection) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except sa.exc.OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise
        gevent.sleep(random.uniform(0.001, 0.004))
