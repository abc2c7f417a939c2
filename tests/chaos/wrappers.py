"""Where the points are: the product's seams, wrapped from outside.

statement            before each database statement; the detail names it, such as `INSERT journal`
commit, committed    before and after each commit
user-commit(ted)     the same of the transaction that stores a user's message and its reply
provider-open        before the provider is asked            provider-read   after each piece of text from it
first-event          the request is out, nothing is back
append, emit         before and after the commit of a batch of text; after it nobody has seen it yet
flushed              all text of a reply is committed, its final claim is still to come
claimed              the final claim is committed, no reader knows
socket-write         before each write of a reply's body     body-end   before its last chunk
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions
from gunicorn.http.wsgi import Response as GunicornResponse
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from macrochat.errors import UpstreamUnreachable
from macrochat.providers.completion import OpenCompletion
from macrochat.providers.openai_compatible import OpenAICompatibleProvider
from macrochat.replies.journal.store import Store, part
from macrochat.replies.journal.writer import Journal
from macrochat.replies.reading.sender import Sender
from tests.chaos.points import points

LIMITS = re.compile(r"^(?:SET LOCAL [^;]*; )+")  # of a statement that is a transaction of its own
TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)", re.IGNORECASE)


def install() -> None:
    """Called once, before the application is made."""
    for dialect, errors in ((SQLiteDialect_pysqlite, _sqlite_error), (PGDialect_psycopg2, _postgres_error)):
        _wrap_dialect(dialect, errors)
    _wrap_provider()
    _wrap_journal()
    _wrap_sockets()


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    setattr(owner, name, make(getattr(owner, name)))


# The databases


def _wrap_dialect(dialect: Any, fail: Callable[[str, Any], None]) -> None:
    def executes(original: Any) -> Any:
        def execute(self: Any, cursor: Any, statement: str, *rest: Any, **options: Any) -> Any:
            label = _label(statement)
            connection = cursor.connection
            _raise(points.hit("statement", label), fail, connection)
            alone = _is_idle(connection) and not statement.startswith("BEGIN")  # statement and commit in one
            if alone:
                _raise(points.hit("commit", label), fail, connection)
            result = original(self, cursor, statement, *rest, **options)
            if alone:
                _raise(points.hit("committed", label), fail, connection)
            if label == "INSERT replies":
                _sends.add(id(connection))
            return result

        return execute

    def commits(original: Any) -> Any:
        def commit(self: Any, connection: Any) -> None:
            raw = getattr(connection, "dbapi_connection", connection)
            if _is_idle(raw):
                original(self, connection)
                return
            is_send = id(raw) in _sends
            _sends.discard(id(raw))
            if is_send:
                _raise(points.hit("user-commit"), fail, raw)
            _raise(points.hit("commit"), fail, raw)
            original(self, connection)
            _raise(points.hit("committed"), fail, raw)
            if is_send:
                _raise(points.hit("user-committed"), fail, raw)

        return commit

    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        _replace(dialect, name, executes)
    _replace(dialect, "do_commit", commits)


_sends: set[int] = set()  # connections whose transaction holds a new reply


def _is_idle(connection: Any) -> bool:
    """Whether a connection to PostgreSQL is in no transaction."""
    idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
    return hasattr(connection, "get_transaction_status") and connection.get_transaction_status() == idle


def _label(statement: str) -> str:
    statement = LIMITS.sub("", statement)
    verb = statement.split(None, 1)[0].upper() if statement.strip() else ""
    table = TABLE.search(statement)
    return f"{verb} {table[1]}" if table else verb


def _raise(kind: str | None, fail: Callable[[str, Any], None], connection: Any) -> None:
    if kind is not None:
        fail(kind, connection)


def _sqlite_error(kind: str, _connection: Any) -> None:
    messages = {"full": "database or disk is full", "late": "disk I/O error", "outage": "unable to open database file"}
    raise sqlite3.OperationalError(messages.get(kind, "disk I/O error"))


def _postgres_error(kind: str, connection: Any) -> None:
    if kind == "full":
        raise psycopg2.errors.DiskFull('could not extend file "base/1/1": No space left on device')
    connection.close()
    raise psycopg2.OperationalError("server closed the connection unexpectedly")


# The provider


def _wrap_provider() -> None:
    def opens(original: Any) -> Any:
        def open_(self: Any, request: Any) -> Any:
            if points.hit("provider-open", request.model):
                raise UpstreamUnreachable(detail="injected")
            return original(self, request)

        return open_

    def waits(original: Any) -> Any:
        def wait_for_first_event(self: Any) -> None:
            if points.hit("first-event"):
                raise UpstreamUnreachable(detail="injected")
            original(self)

        return wait_for_first_event

    def reads_into(original: Any) -> Any:
        def read_into(self: Any, take: Callable[[Any], object]) -> bool:
            """Pieces come in the event loop, where nothing may be held: what is to strike does so outside of it."""
            met = False

            def one(piece: Any) -> object:
                nonlocal met
                met = points.awaits("provider-read")
                return take(piece) and not met and points.hit("provider-read") is None

            more: bool = original(self, one)
            if met and points.hit("provider-read"):
                raise UpstreamUnreachable(detail="injected", code="UPSTREAM_INTERRUPTED")
            return more

        return read_into

    _replace(OpenAICompatibleProvider, "open", opens)
    _replace(OpenCompletion, "wait_for_first_event", waits)
    _replace(OpenCompletion, "read_into", reads_into)


# The journal


def _wrap_journal() -> None:
    def commits(original: Any) -> Any:
        def commit(self: Any, owner: Any, seq: int, entries: Any, **options: Any) -> None:
            detail = " ".join(part(*entry).reply_id.hex for entry in entries)
            points.hit("append", detail)
            original(self, owner, seq, entries, **options)
            points.hit("emit", detail)

        return commit

    def flushes(original: Any) -> Any:
        def flush(self: Any, log: Any) -> None:
            original(self, log)
            points.hit("flushed", log.reply_id.hex)

        return flush

    def closes(original: Any) -> Any:
        def close(self: Any, log: Any, status: str) -> None:
            points.hit("claimed", log.reply_id.hex)
            original(self, log, status)

        return close

    _replace(Store, "commit", commits)
    _replace(Journal, "flush", flushes)
    _replace(Journal, "close", closes)


# The clients


def _wrap_sockets() -> None:
    def writes(original: Any) -> Any:
        def write(self: Any, data: bytes) -> None:
            if self.chunked and points.hit("socket-write"):
                raise OSError(errno.EPIPE, "injected")
            original(self, data)

        return write

    def sends(original: Any) -> Any:
        def write(self: Any, data: bytes) -> int:
            if points.hit("socket-write"):
                raise OSError(errno.EPIPE, "injected")
            return original(self, data)  # type: ignore[no-any-return]

        return write

    def closes(original: Any) -> Any:
        def close(self: Any) -> None:
            if self.chunked and points.hit("body-end"):
                raise OSError(errno.ECONNRESET, "injected")
            original(self)

        return close

    _replace(GunicornResponse, "write", writes)
    _replace(Sender, "write", sends)
    _replace(GunicornResponse, "close", closes)
