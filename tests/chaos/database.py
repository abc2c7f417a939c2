"""What is stored, read past the application: one short connection a question."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg2


class Database:
    def __init__(self, url: str) -> None:
        self.url = url
        self._sqlite = url.startswith("sqlite")

    def content(self, reply_id: str | None) -> bytes:
        rows = self._query("SELECT content FROM messages WHERE id = ?", self._id(reply_id))
        return rows[0][0].encode() if rows else b""

    def messages(self, chat_id: str, text: str) -> int:
        """How often a user's message with this text is in the chat."""
        query = "SELECT count(*) FROM messages WHERE chat_id = ? AND role = 'user' AND content = ?"
        return int(self._query(query, self._id(chat_id), text)[0][0])

    def attempts(self, reply_id: str) -> int:
        return int(self._query("SELECT attempts FROM replies WHERE id = ?", self._id(reply_id))[0][0])

    def leftovers(self, processes: int) -> dict[str, Any]:
        """What must not be there once all replies are final, by name; empty when all is well."""
        size = "length(CAST(m.content AS BLOB))" if self._sqlite else "octet_length(m.content)"
        counts = {
            "streaming": "SELECT count(*) FROM replies WHERE status = 'streaming'",
            "journal": "SELECT count(*) FROM journal",
            "chunks": "SELECT count(*) FROM reply_chunks",
            "wrong sizes": f"SELECT count(*) FROM replies r JOIN messages m ON m.id = r.id WHERE r.bytes <> {size}",
            "workers": f"SELECT count(*) - {processes} FROM workers",
        }
        found = {name: self._query(query)[0][0] for name, query in counts.items()}
        return {name: count for name, count in found.items() if count}

    def _id(self, value: str | None) -> str | None:
        return value.replace("-", "") if self._sqlite and value else value

    def _query(self, query: str, *values: Any) -> list[Any]:
        with self._connection() as connection:
            cursor = connection.cursor()
            cursor.execute(query if self._sqlite else query.replace("?", "%s"), values)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        if self._sqlite:
            connection: Any = sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=5)
        else:
            connection = psycopg2.connect(self.url, connect_timeout=5)
        with contextlib.closing(connection):
            yield connection
