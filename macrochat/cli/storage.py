"""What `flask doctor` says about the database."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import make_url, text

from ..config import Settings
from ..extensions import db
from ..ops import health
from ..postgresql import connect_args
from ..replies.journal.store import CONNECTIONS
from .proxies import Finding

LITTLE_SPACE_BYTES = 500 * 1000 * 1000
SLOW_SECONDS = 0.05
LIMITS = text(
    "SELECT current_setting('max_connections')::int "
    "- current_setting('superuser_reserved_connections')::int AS server, "
    "(SELECT NULLIF(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user) AS role, "
    "(SELECT NULLIF(datconnlimit, -1) FROM pg_database WHERE datname = current_database()) AS database, "
    "pg_backend_pid() AS pid"
)
FEWER = "or lower WEB_CONCURRENCY or MACROCHAT_DATABASE_POOL"


def findings(settings: Settings) -> Iterator[Finding]:
    if problem := _problem(health.check_database):
        yield Finding("fail", "database", problem, "look at DATABASE_URL, and whether that server runs")
        return
    began = time.monotonic()
    db.session.execute(text("SELECT 1"))
    seconds = time.monotonic() - began
    state = "ok" if seconds < SLOW_SECONDS else "warn"
    yield Finding(state, "database", f"{db.engine.dialect.name} answers in {seconds * 1000:.1f} ms")
    problem = _problem(health.check_schema)
    yield Finding("fail" if problem else "ok", "migrations", problem or "up to date")
    if not problem:
        yield _writes()
    yield _space(settings) if settings.sqlite else _connections(settings)


def _writes() -> Finding:
    if problem := _problem(health.check_writes):
        advice = "DATABASE_URL must name the primary, a role that may write, and a disk with room"
        return Finding("fail", "writes", problem, advice)
    return Finding("ok", "writes", "the database takes them")


def _space(settings: Settings) -> Finding:
    path = Path(make_url(settings.database_url).database or ".")
    free = shutil.disk_usage(path.parent).free
    says = f"{free / 1e9:.1f} GB are free where the database is"
    return Finding("ok" if free > LITTLE_SPACE_BYTES else "warn", "disk", says)


def _connections(settings: Settings) -> Finding:
    """Whether all workers find room, twice over: at a restart the old ones are still there."""
    each = settings.database_pool + CONNECTIONS
    needed = settings.web_concurrency * each * 2
    limits = db.session.execute(LIMITS).one()
    connection: Any = db.session.connection().connection.dbapi_connection
    db.session.rollback()
    says = f"{settings.web_concurrency} workers × {each} connections × 2 (old and new ones at a restart) = {needed}"
    if connection.info.backend_pid != limits.pid:  # who answered us is not who works for us
        return _pooled(settings, needed, says)
    limit = min(number for number in (limits.server, limits.role, limits.database) if number is not None)
    return _compared(needed, limit, f"{says}, of {limit}", f"raise PostgreSQL's max_connections, {FEWER}")


def _pooled(settings: Settings, needed: int, says: str) -> Finding:
    known = _pooler(settings)
    if known is None:
        return Finding("ok", "connections", f"{says}, through a pooler: PgBouncer's max_client_conn must be as many")
    limit, advice = int(known["max_client_conn"]), "raise PgBouncer's max_client_conn"
    if known["pool_mode"] == "session" and int(known["default_pool_size"]) < limit:
        limit, advice = (
            int(known["default_pool_size"]),
            "raise PgBouncer's default_pool_size, use pool_mode transaction",
        )
    says += f", of {limit} in PgBouncer ({known['pool_mode']} mode)"
    return _compared(needed, limit, says, f"{advice}, {FEWER}")


def _pooler(settings: Settings) -> dict[str, str] | None:
    """PgBouncer's configuration, if this role may see it."""
    url = make_url(settings.database_url).set(database="pgbouncer")
    arguments: Any = db.engine.dialect.create_connect_args(url)[1]
    try:
        with contextlib.closing(psycopg2.connect(**connect_args(url), **arguments)) as console:
            console.autocommit = True
            cursor = console.cursor()
            cursor.execute("SHOW CONFIG")
            return {str(row[0]): str(row[1]) for row in cursor.fetchall()}
    except psycopg2.Error:
        return None


def _compared(needed: int, limit: int, says: str, advice: str) -> Finding:
    if needed <= limit:
        return Finding("ok", "connections", says)
    return Finding("fail" if needed > 2 * limit else "warn", "connections", says, advice)


def _problem(check: Callable[[], Any]) -> str | None:
    try:
        check()
    except health.NotReady as trouble:
        return trouble.whole
    return None
