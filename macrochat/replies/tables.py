"""The tables that the journal's and the writers' statements are made of."""

from __future__ import annotations

import sqlalchemy as sa

from ..chats.models import Chat, Message
from .models import JournalRow, Reply, ReplyChunk, TraceChunk, Worker

journal: sa.Table = JournalRow.__table__  # type: ignore[assignment]
replies: sa.Table = Reply.__table__  # type: ignore[assignment]
chunks: sa.Table = ReplyChunk.__table__  # type: ignore[assignment]
trace_chunks: sa.Table = TraceChunk.__table__  # type: ignore[assignment]
workers: sa.Table = Worker.__table__  # type: ignore[assignment]
messages: sa.Table = Message.__table__  # type: ignore[assignment]
chats: sa.Table = Chat.__table__  # type: ignore[assignment]
