"""What a model is given: the newest messages, and for a reply that goes on, the text it holds already."""

from __future__ import annotations

import uuid

from ...chats import service as chats
from ...chats.models import Chat, Message
from ...config import Settings
from ...errors import ValidationError
from ...extensions import db
from ...providers.base import CompletionRequest, Provider
from ...providers.registry import Registry
from ..models import Reply
from .conversation import in_turn, newest
from .generation import Task
from .recovery import Orphan


def task_for(
    settings: Settings,
    chat: Chat,
    reply_id: uuid.UUID,
    question_id: uuid.UUID | None,
    asked: tuple[Provider, str],
    *,
    text: bytes = b"",
    attempt: int = 1,
) -> Task:
    """`asked` are the provider and its model; `text` is what the reply holds already, as UTF-8."""
    provider, model = asked
    request = CompletionRequest(model, history(settings, chat, question_id), text.decode())
    return Task(reply_id, chat.id, chat.user_id, provider, request, settings.max_reply_bytes, attempt)


def history(settings: Settings, chat: Chat, question_id: uuid.UUID | None) -> list[dict[str, str]]:
    """The newest messages up to the question, oldest first, with the system prompt before them (S25, S30).

    In the shape of `conversation`: replies that never said anything are left out (W5, W13).
    """
    most = settings.history_messages
    found = chats.said(chat.id, question_id, newest=2 * most)
    said = in_turn({"role": message.role, "content": message.content} for message in found)
    prompt = chat.system_prompt or ""
    system = [{"role": "system", "content": prompt}] if prompt.strip() else []
    return system + newest(said, most)


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
    asked = (provider, model)
    return task_for(settings, chat, reply.id, message.parent_id, asked, text=orphan.text, attempt=reply.attempts)
