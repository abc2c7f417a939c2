"""What a model is given: the newest messages, and for a reply that goes on, what it holds already."""

from __future__ import annotations

import uuid
from typing import Any, get_args

import sqlalchemy as sa

from ...catalogue.registry import Registry
from ...chats import service as chats
from ...chats.models import Chat, Message
from ...config import Settings
from ...errors import ValidationError
from ...extensions import db
from ...providers.base import CompletionRequest, Effort, Opaque, Provider, Reasoning, Trace
from .. import trace as traces
from ..models import Reply
from ..trace import OPAQUE, REASONING, RESTART
from .conversation import in_turn, newest
from .recovery import Orphan
from .step import Held, Task


def task_for(
    settings: Settings,
    chat: Chat,
    reply: Reply,
    question_id: uuid.UUID | None,
    asked: tuple[Provider, str],
    *,
    held: Held = Held(),
) -> Task:
    """`asked` are the provider and its model; `reply` needs no more than what a send writes down."""
    provider, model = asked
    request = CompletionRequest(
        model,
        history(settings, chat, question_id, thoughts=provider.wants_thoughts(model)),
        held.text.decode(),
        thoughts=_last_thoughts(held),
        effort=reply.effort if reply.effort in get_args(Effort) else None,  # type: ignore[arg-type]
        hurried=bool(reply.hurried),
    )
    return Task(reply.id, chat.id, chat.user_id, provider, request, settings.max_reply_bytes, reply.attempts or 1)


def history(settings: Settings, chat: Chat, question_id: uuid.UUID | None, *, thoughts: bool) -> list[dict[str, Any]]:
    """The newest messages up to the question, oldest first, with the system prompt before them (S25, S30).

    In the shape of `conversation`: replies that never said anything are left out (W5, W13). With `thoughts`, what the
    model thought goes back with what it said.
    """
    most = settings.history_messages
    found = chats.said(chat.id, question_id, newest=2 * most)
    told = _traces([message.id for message in found if message.role == "assistant"]) if thoughts else {}
    said = in_turn(
        {"role": message.role, "content": message.content} | ({"trace": told[message.id]} if message.id in told else {})
        for message in found
    )
    prompt = chat.system_prompt or ""
    system = [{"role": "system", "content": prompt}] if prompt.strip() else []
    return system + newest(said, most)


def _traces(ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Trace]]:
    query = sa.select(Message.id, Message.trace).where(Message.id.in_(ids), Message.trace.is_not(None))
    return {row.id: _pieces(row.trace.encode()) for row in db.session.execute(query)}


def _last_thoughts(held: Held) -> tuple[Trace, ...]:
    """What was thought before the text that a reply goes on with; nothing for one that begins its step again."""
    if not held.text or traces.in_mid_thought(held.trace, len(held.text)):
        return ()
    return tuple(_pieces(held.trace))


def _pieces(trace: bytes) -> list[Trace]:
    """What a provider was told by, since the step was last begun."""
    pieces: list[Trace] = []
    for line in traces.lines(trace):
        if line.kind == REASONING:
            pieces.append(Reasoning(line.text))
        elif line.kind == OPAQUE and line.value:
            pieces.append(Opaque(line.value))
        elif line.kind == RESTART:
            pieces.clear()
    return pieces


def knows(registry: Registry, model: str, provider: str) -> bool:
    """Whether this process can write with the model, at the provider that it was asked of."""
    try:
        found, _model = registry.resolve(model)
    except ValidationError:
        return False
    return provider in ("", found.name)


def task_for_orphan(settings: Settings, registry: Registry, orphan: Orphan) -> Task | None:
    """How to go on with a reply whose worker died, or None when its provider cannot. Needs an application context."""
    reply = db.session.get(Reply, orphan.reply_id)
    message = db.session.get(Message, orphan.reply_id)
    if reply is None or message is None:
        return None
    chat = db.session.get_one(Chat, reply.chat_id)
    try:
        provider, model = registry.resolve(reply.model)
    except ValidationError:
        return None
    if orphan.text and provider.continue_mode == "none":
        return None
    held = Held(orphan.text, orphan.trace)
    return task_for(settings, chat, reply, message.parent_id, (provider, model), held=held)
