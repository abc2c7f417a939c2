"""How a migration runs: alone, whole or not at all, and without the time limits that requests live under.

Two releases at once must not race: PostgreSQL's second waits for an advisory lock, SQLite's for `BEGIN IMMEDIATE`.
All revisions of one run are one transaction. The connection is a fresh one without the application's statement
time-out and without its gevent wait callback, which both end what takes longer than a request may. What the database
refuses for a reason that an operator can mend is one sentence.
"""

import contextlib

import click
import psycopg2.extensions
import sqlalchemy as sa
from alembic import context
from flask import current_app

from macrochat import postgresql
from macrochat.database import is_outage, reason

ADVISORY_LOCK = 0x6D_61_63_72_6F  # "macro"
SQLITE_WAIT_MS = 60_000
POSTGRESQL_LOCK_WAIT = "10s"  # for a table in use: a release that fails is better than a site that queues behind it


def run():
    if context.is_offline_mode():
        raise SystemExit("Migrations look at the database: run them online.")
    engine = current_app.extensions["migrate"].db.engine
    connect = _sqlite if engine.dialect.name == "sqlite" else _postgresql
    try:
        with connect(engine.url) as connection:
            _migrate(connection)
    except sa.exc.SQLAlchemyError as error:
        if not is_outage(error):
            raise
        raise click.ClickException(f"The database cannot be migrated: {reason(error)}") from error


def _migrate(connection):
    context.configure(
        connection=connection,
        target_metadata=current_app.extensions["migrate"].db.metadata,
        render_as_batch=True,  # SQLite alters a table by making it anew
        render_item=_as_plain_types,
        transactional_ddl=True,
        compare_type=True,
        process_revision_directives=_no_empty_revisions,
    )
    with context.begin_transaction():
        context.run_migrations()


@contextlib.contextmanager
def _postgresql(url):
    """All in one transaction, lock and settings too: behind a pooler the next one may be in another session."""
    callback = psycopg2.extensions.get_wait_callback()
    psycopg2.extensions.set_wait_callback(None)
    arguments = postgresql.connect_args(url, application_name="macrochat migration")
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
    try:
        with engine.connect() as connection, connection.begin():
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"SET LOCAL {name} = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{POSTGRESQL_LOCK_WAIT}'")
            yield connection
    finally:
        engine.dispose()
        psycopg2.extensions.set_wait_callback(callback)


@contextlib.contextmanager
def _sqlite(url):
    """Foreign keys are off while tables are made anew (a drop would delete by cascade), checked before the commit."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"isolation_level": None})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection, _record):
        connection.execute(f"PRAGMA busy_timeout = {SQLITE_WAIT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = OFF")

    @sa.event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @sa.event.listens_for(engine, "commit")
    def check(connection):
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"The migration left rows without the row they refer to: {broken[:5]}")

    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _as_plain_types(kind, value, _autogen_context):
    """Revisions name SQLAlchemy's types only: what the application's own types become later must not change them."""
    if kind == "type" and isinstance(value, sa.TypeDecorator):
        return f"sa.{value.impl!r}"
    return False


def _no_empty_revisions(_context, _revision, directives):
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()


run()
