"""What was said: chats, and their messages as a tree."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..database import UTCDateTime, new_id, now
from ..errors import NotFound
from ..extensions import Model, db


class Chat(Model):
    __tablename__ = "chats"
    __table_args__ = (
        sa.Index("ix_chats_user_id_updated_at", "user_id", "updated_at", "id"),
        sa.Index("uq_chats_user_id_client_id", "user_id", "client_id", unique=True),
    )

    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True, default=new_id)
    # NULL: deleted. Nobody's chat is found by nobody; what is in it is being taken away (replies/deletion.py).
    user_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=True)
    title: Mapped[str] = mapped_column(sa.String(255))
    model: Mapped[str | None] = mapped_column(sa.String(255))  # None: the server's default
    system_prompt: Mapped[str | None] = mapped_column(sa.Text)
    client_id: Mapped[str | None] = mapped_column(sa.String(255))  # what a client of the AI SDK calls it
    # The newest message of the branch that is shown. No foreign key: the two tables would need each other.
    head_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime, default=now)

    @classmethod
    def owned_by(cls, user_id: uuid.UUID, chat_id: uuid.UUID, *, lock: bool = False) -> Chat:
        """The user's own chat. Raises NotFound alike for an unknown chat and for somebody else's.

        `lock` keeps other writers of this chat out until the transaction ends.
        """
        chat: Chat | None = db.session.scalar(_LOCKED if lock else _OWN, {"chat": chat_id, "user": user_id})
        if chat is None:
            raise NotFound("Chat not found or access denied", code="CHAT_NOT_FOUND")
        return chat


# Built once: putting a statement together costs more than running it.
_OWN = (
    sa.select(Chat)
    .where(Chat.id == sa.bindparam("chat"), Chat.user_id == sa.bindparam("user"))
    .execution_options(populate_existing=True)
)
_LOCKED = _OWN.with_for_update()


class Message(Model):
    """One thing somebody said. An assistant's message is written by the reply with the same id."""

    __tablename__ = "messages"
    __table_args__ = (sa.UniqueConstraint("chat_id", "client_id"),)

    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True, default=new_id)
    chat_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(
        sa.Uuid, sa.ForeignKey("messages.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(sa.String(16))
    content: Mapped[str] = mapped_column(sa.Text, default="")
    trace: Mapped[str | None] = mapped_column(sa.Text, deferred=True)  # how an answer came about; NULL: nothing to tell
    client_id: Mapped[str | None] = mapped_column(sa.String(255))  # the idempotency key of a user's message
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", sa.JSON, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime, default=now)
