"""What is stored, read past the application."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import psycopg2


class Database:
    """A connection of its own; each question sees what is committed at its moment."""

    def __init__(self, url: str) -> None:
        self._sqlite = url.startswith("sqlite")
        if self._sqlite:
            self._connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=5, isolation_level=None)
        else:
            self._connection = psycopg2.connect(url, connect_timeout=5)
            self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def content(self, reply_id: str | None) -> bytes:
        rows = self._query("SELECT content FROM messages WHERE id = ?", self._id(reply_id))
        return rows[0][0].encode() if rows else b""

    def trace(self, reply_id: str | None) -> bytes:
        rows = self._query("SELECT trace FROM messages WHERE id = ?", self._id(reply_id))
        return (rows[0][0] or "").encode() if rows else b""

    def messages(self, chat_id: str, text: str) -> int:
        """How often a user's message with this text is in the chat."""
        query = "SELECT count(*) FROM messages WHERE chat_id = ? AND role = 'user' AND content = ?"
        return int(self._query(query, self._id(chat_id), text)[0][0])

    def attempts(self, reply_id: str) -> int:
        return int(self._query("SELECT attempts FROM replies WHERE id = ?", self._id(reply_id))[0][0])

    def states(self) -> list[Any]:
        """(status, attempts, how many) of all replies."""
        return self._query("SELECT status, attempts, count(*) FROM replies GROUP BY status, attempts")

    def leftovers(self, processes: int) -> dict[str, Any]:
        """What must not be there once all replies are final, by name; empty when all is well."""
        size = "length(CAST(m.content AS BLOB))" if self._sqlite else "octet_length(m.content)"
        counts = {
            "streaming": "SELECT count(*) FROM replies WHERE status = 'streaming'",
            "journal": "SELECT count(*) FROM journal",
            "chunks": "SELECT count(*) FROM reply_chunks",
            "wrong sizes": f"SELECT count(*) FROM replies r JOIN messages m ON m.id = r.id WHERE r.bytes <> {size}",
            "chunks of traces": "SELECT count(*) FROM trace_chunks",
            "wrong sizes of traces": "SELECT count(*) FROM replies r JOIN messages m ON m.id = r.id"
            f" WHERE r.trace_bytes IS NULL OR r.trace_bytes <> COALESCE({size.replace('content', 'trace')}, 0)",
            "workers": f"SELECT count(*) - {processes} FROM workers",
        }
        found = {name: self._query(query)[0][0] for name, query in counts.items()}
        return {name: count for name, count in found.items() if count}

    def _id(self, value: str | None) -> str | None:
        return value.replace("-", "") if self._sqlite and value else value

    def _query(self, query: str, *values: Any) -> list[Any]:
        with contextlib.closing(self._connection.cursor()) as cursor:
            cursor.execute(query if self._sqlite else query.replace("?", "%s"), values)
            return list(cursor.fetchall())
