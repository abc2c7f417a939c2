"""Replies, the journal they are written to, and the workers that write them."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..database import UTCDateTime, now
from ..extensions import Model

STREAMING, COMPLETE, STOPPED, FAILED, INTERRUPTED = "streaming", "complete", "stopped", "failed", "interrupted"
LENGTH = "length"  # the finish reason of a reply that ended at the model's limit: complete, and can be continued


class Reply(Model):
    """An assistant's message being written, or how the writing ended. Its id is that message's.

    `owner` is the worker that may write; every change from `streaming` is an UPDATE that names status and owner.
    `bytes` is the length of the final text, `trace_bytes` that of its trace; while streaming the journal knows.
    `trace_bytes` is NULL for one that runs, and for one that a server without traces has ended: `trace_chunks` know.
    `hurried`: somebody waits for the answer and does not want to see more thoughts.
    """

    __tablename__ = "replies"
    __table_args__ = (
        sa.Index(
            "uq_replies_one_streaming_per_chat",
            "chat_id",
            unique=True,
            sqlite_where=sa.text("status = 'streaming'"),
            postgresql_where=sa.text("status = 'streaming'"),
        ),
        sa.Index(
            "ix_replies_running",
            "owner",
            sqlite_where=sa.text("status = 'streaming'"),
            postgresql_where=sa.text("status = 'streaming'"),
        ),
        sa.Index(
            "ix_replies_running_user",
            "user_id",
            sqlite_where=sa.text("status = 'streaming'"),
            postgresql_where=sa.text("status = 'streaming'"),
        ),
        sa.UniqueConstraint("chat_id", "request_key"),
    )

    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    chat_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    request_key: Mapped[str | None] = mapped_column(sa.String(255))  # idempotency key of what asked for this reply
    status: Mapped[str] = mapped_column(sa.String(16), default=STREAMING)
    owner: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    stop_requested: Mapped[bool] = mapped_column(default=False)
    bytes: Mapped[int] = mapped_column(default=0)
    trace_bytes: Mapped[int | None] = mapped_column(server_default="0")
    model: Mapped[str] = mapped_column(sa.String(255))
    provider: Mapped[str] = mapped_column(sa.String(64), default="")
    finish_reason: Mapped[str | None] = mapped_column(sa.String(64))
    error_code: Mapped[str | None] = mapped_column(sa.String(64))
    error_message: Mapped[str | None] = mapped_column(sa.String(500))
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    cost: Mapped[float | None] = mapped_column(sa.Double)
    effort: Mapped[str | None] = mapped_column(sa.String(16))
    hurried: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    started_at: Mapped[dt.datetime] = mapped_column(UTCDateTime, default=now)
    first_byte_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(default=1)  # generations begun, the first included
    takeovers: Mapped[int] = mapped_column(default=0)  # since a person last asked; bounded


class Worker(Model):
    """A process that writes replies. Its lease runs on the database's clock; once `fenced` it can commit nothing."""

    __tablename__ = "workers"

    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(255), default="")  # for people
    machine: Mapped[str] = mapped_column(sa.String(255), default="")  # where `pid` means the same process
    pid: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[dt.datetime] = mapped_column(UTCDateTime, default=now)
    lease_until: Mapped[float] = mapped_column(sa.Double)  # seconds since 1970; 0: given up
    lease_seconds: Mapped[float | None] = mapped_column(sa.Double)  # for how long a renewal is good
    fenced: Mapped[bool] = mapped_column(default=False)
    journal_format: Mapped[int | None]  # of what it writes and understands; NULL: text only


class JournalRow(Model):
    """One commit of one worker: what all its streams had new. Lives about a second, until it is folded."""

    __tablename__ = "journal"

    owner: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    seq: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    entries: Mapped[bytes] = mapped_column(sa.LargeBinary)  # msgpack: [[key of a reply's lane, byte offset, bytes], …]
    created_at: Mapped[float] = mapped_column(sa.Double)  # seconds since 1970, the database's clock


class ReplyChunk(Model):
    """Folded text of a running reply, waiting to become `messages.content`."""

    __tablename__ = "reply_chunks"

    reply_id: Mapped[uuid.UUID] = mapped_column(
        sa.Uuid, sa.ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True
    )
    offset: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    bytes: Mapped[bytes] = mapped_column(sa.LargeBinary)


class TraceChunk(Model):
    """Folded trace of a running reply, waiting to become `messages.trace`."""

    __tablename__ = "trace_chunks"

    reply_id: Mapped[uuid.UUID] = mapped_column(
        sa.Uuid, sa.ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True
    )
    offset: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    bytes: Mapped[bytes] = mapped_column(sa.LargeBinary)
