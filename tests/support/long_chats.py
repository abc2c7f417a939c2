"""Conversations of any size, put into a database without saying them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from macrochat.chats.models import Chat, Message
from macrochat.database import new_id, now
from macrochat.replies.models import COMPLETE, Reply

ROWS_AT_ONCE = 2000


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))


def fill(
    url: str,
    chat_id: str,
    count: int,
    *,
    text: Callable[[int], str] = str,
    parent: Callable[[int], int | None] = lambda number: number - 1 if number else None,
) -> list[uuid.UUID]:
    """Adds `count` messages, users' and assistants' in turn, and shows the last; their ids.

    `parent` tells under which message each stands, by number: a chain, unless told otherwise.
    """
    chat, ids = uuid.UUID(chat_id), [new_id() for _ in range(count)]
    engine = engine_of(url)
    with engine.begin() as connection:
        owner = connection.execute(sa.select(Chat.user_id).where(Chat.id == chat)).scalar()
        for start in range(0, count, ROWS_AT_ONCE):
            numbers = range(start, min(start + ROWS_AT_ONCE, count))
            texts = {number: text(number) for number in numbers}
            messages = [_message(ids, number, chat, texts[number], parent(number)) for number in numbers]
            connection.execute(sa.insert(Message.__table__), messages)
            replies = [_reply(ids[number], chat, owner, texts[number]) for number in numbers if number % 2]
            if replies:
                connection.execute(sa.insert(Reply.__table__), replies)
        connection.execute(sa.update(Chat).where(Chat.id == chat).values(head_id=ids[-1]))
    engine.dispose()
    return ids


def rows_of(url: str, chat_id: str) -> int:
    """How many rows are left of a chat: itself, messages, replies."""
    engine, chat = engine_of(url), uuid.UUID(chat_id)
    with engine.connect() as connection:
        counts = [
            connection.execute(sa.select(sa.func.count()).where(column == chat)).scalar() or 0
            for column in (Chat.id, Message.chat_id, Reply.chat_id)
        ]
    engine.dispose()
    return sum(counts)


def _message(ids: list[uuid.UUID], number: int, chat: uuid.UUID, text: str, parent: int | None) -> dict[str, Any]:
    return {
        "id": ids[number],
        "chat_id": chat,
        "parent_id": None if parent is None else ids[parent],
        "role": "assistant" if number % 2 else "user",
        "content": text,
        "metadata": {},
        "created_at": now(),
    }


def _reply(message: uuid.UUID, chat: uuid.UUID, owner: Any, text: str) -> dict[str, Any]:
    facts = {"status": COMPLETE, "bytes": len(text.encode()), "model": "scripted-echo", "finish_reason": "stop"}
    return {"id": message, "chat_id": chat, "user_id": owner, "owner": uuid.UUID(int=0), "finished_at": now(), **facts}
