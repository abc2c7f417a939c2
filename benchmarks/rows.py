"""Rows that a benchmark puts into a Macrochat's database by itself: people with keys, chats, and messages by the million."""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from macrochat.accounts.credentials import sha256
from macrochat.accounts.keys import PREFIX, SHOWN_CHARACTERS
from macrochat.accounts.models import ApiKey, BrowserSession, User
from macrochat.chats.models import Chat, Message
from macrochat.database import new_id, now
from macrochat.replies.models import COMPLETE, Reply
from tests.support.processes import ROOT, clean_environment

ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Someone:
    """A person and the API key they come in with."""

    id: uuid.UUID
    key: str


def migrate(environment: Mapping[str, object]) -> None:
    """Makes the tables, with these settings."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "flask"), "--app", "app", "db", "upgrade"],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"flask db upgrade: {done.stderr[-2000:]}")


class Rows:
    """Writes straight into the database at this address, while a server may be running on it."""

    def __init__(self, url: str) -> None:
        sqlite = url.startswith("sqlite")
        self.engine = sa.create_engine(
            url.replace("postgresql://", "postgresql+psycopg2://"), connect_args={"timeout": 30} if sqlite else {}
        )

    def people(self, count: int) -> list[Someone]:
        """Each with a key, and signed in with a browser."""
        found = [Someone(new_id(), PREFIX + secrets.token_urlsafe(32)) for _ in range(count)]
        users = [
            {"id": one.id, "email": f"{one.id}@example.org", "name": "Load", "password_hash": "!", **_User}
            for one in found
        ]
        keys = [
            {
                "id": new_id(),
                "user_id": one.id,
                "name": "bench",
                "prefix": one.key[:SHOWN_CHARACTERS],
                "sha256": sha256(one.key),
                "created_at": now(),
                "last_used_at": now(),
            }
            for one in found
        ]
        sessions = [
            {
                "id": new_id(),
                "user_id": one.id,
                "token_sha256": sha256(one.key),
                "user_agent": "",
                "address": "",
                "created_at": now(),
                "last_seen_at": now(),
                "expires_at": now() + dt.timedelta(days=30),
            }
            for one in found
        ]
        with self.engine.begin() as connection:
            connection.execute(sa.insert(User), users)
            connection.execute(sa.insert(ApiKey), keys)
            connection.execute(sa.insert(BrowserSession), sessions)
        return found

    def chats(self, owners: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        """An empty chat for each of them, in this order."""
        rows = [_chat(owner, new_id(), None) for owner in owners]
        with self.engine.begin() as connection:
            connection.execute(sa.insert(Chat), rows)
        return [row["id"] for row in rows]

    def conversations(self, owners: Sequence[uuid.UUID], messages: int, per_chat: int, characters: int) -> None:
        """So many messages in all, half of them replies, in chats of `per_chat`, dealt out to the owners in turn."""
        text = "lorem ipsum dolor sit amet " * (characters // 27 + 1)
        turns = itertools.cycle(owners)
        chats, rows, replies = [], [], []
        with self.engine.begin() as connection:
            for _ in range(messages // per_chat):
                owner, chat_id = next(turns), new_id()
                said = list(_conversation(chat_id, per_chat, text[:characters]))
                chats.append(_chat(owner, chat_id, said[-1]["id"]))
                rows += said
                replies += [_reply(owner, message) for message in said if message["role"] == "assistant"]
                if len(rows) >= ROWS_AT_ONCE:
                    self._write(connection, chats, rows, replies)
            self._write(connection, chats, rows, replies)

    def analyze(self) -> None:
        """Tells the database's planner how much there is."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("ANALYZE"))

    def close(self) -> None:
        self.engine.dispose()

    def _write(self, connection: sa.Connection, *lists: list[dict[str, Any]]) -> None:
        for table, rows in zip((Chat, Message, Reply), lists, strict=True):
            if rows:
                connection.execute(sa.insert(table), rows)
                rows.clear()


_User = {"is_admin": False, "is_active": True, "created_at": now(), "updated_at": now()}


def _chat(owner: uuid.UUID, chat_id: uuid.UUID, head: uuid.UUID | None) -> dict[str, Any]:
    moment = now()
    return {
        "id": chat_id,
        "user_id": owner,
        "title": "Bench",
        "model": None,
        "system_prompt": None,
        "head_id": head,
        "created_at": moment,
        "updated_at": moment,
    }


def _conversation(chat_id: uuid.UUID, count: int, text: str) -> Iterator[dict[str, Any]]:
    parent: uuid.UUID | None = None
    moment = now()
    for number in range(count):
        message_id = new_id()
        yield {
            "id": message_id,
            "chat_id": chat_id,
            "parent_id": parent,
            "role": "assistant" if number % 2 else "user",
            "content": text,
            "client_id": None,
            "metadata": {},
            "created_at": moment + dt.timedelta(milliseconds=number),
        }
        parent = message_id


def _reply(owner: uuid.UUID, message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": message["id"],
        "chat_id": message["chat_id"],
        "user_id": owner,
        "status": COMPLETE,
        "owner": uuid.UUID(int=0),
        "stop_requested": False,
        "bytes": len(message["content"].encode()),
        "model": "bench",
        "provider": "bench",
        "finish_reason": "stop",
        "started_at": message["created_at"],
        "finished_at": message["created_at"],
        "attempts": 1,
        "takeovers": 0,
    }
