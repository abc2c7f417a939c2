"""What a stock `useChat()` of the Vercel AI SDK asks for: its chats by its own ids, its UI message stream.

The SDK makes the id of a chat and says it with every request. The chat is made with its first message; by our id the
SDK may go on with one that is there already. A connection that ends stops nothing: a page that comes back resumes the
reply from its first byte, on any worker. Who wants a reply to end says so (`POST /api/chat/<id>/stop`).
"""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from flask_login import current_user

from ..bodies import find_problem, invalid
from ..catalogue import registries
from ..chats import service as chats
from ..chats.models import Chat
from ..replies import service
from ..replies.answers import describe_later
from ..replies.journal.logs import START
from ..replies.reading.lanes import LanesFollower
from ..replies.rules import naming
from ..replies.send_body import KEY_CHARACTERS, StreamBody, ask_of, read_send
from ..replies.sending import Sent
from ..web import success
from . import ui_message_stream

blueprint = Blueprint("gateway", __name__, url_prefix="/api/chat")


class NamedSend(StreamBody):
    """`id` is what the client calls the chat."""

    id: Any = None


@blueprint.post("")
def send() -> Response:
    body = read_send(NamedSend)
    ask, name = ask_of(body), _name(body.id)
    if ask.model is not None:
        registries.current.resolve(ask.model)  # before a chat is made for it
    chat = chats.named(current_user.id, name)
    sent = service.send(chat, ask)
    with naming(sent.reply_id, sent.user_message_id):
        return _stream(chat, sent.reply_id, sent)


@blueprint.get("/<chat_id>/stream")
def resume(chat_id: str) -> Response:
    """What a page asks when it is opened: of a chat that has no message yet, too."""
    chat = chats.find(current_user.id, chat_id)
    reply_id = service.running_in(current_user.id, chat.id) if chat else None
    if chat is None or reply_id is None:
        return Response(status=204)
    return _stream(chat, reply_id)


@blueprint.post("/<chat_id>/stop")
def stop(chat_id: str) -> Response:
    chat = chats.find(current_user.id, chat_id)
    return success(service.stop_chat(current_user.id, chat.id) if chat else None)


def _stream(chat: Chat, reply_id: uuid.UUID, sent: Sent | None = None) -> Response:
    user_id, sock = current_user.id, request.environ.get("gunicorn.socket")
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    chat_id = str(chat.id)  # the session ends with the request, the answer later
    follower, _total = service.follow(user_id, reply_id, START, g.credential, sock, LanesFollower)
    headers = {"X-Reply-Id": str(reply_id), "X-Chat-Id": chat_id, "Location": f"/api/replies/{reply_id}"}
    if sent:
        headers["X-User-Message-Id"] = str(sent.user_message_id)
        if sent.replayed:
            headers["Idempotent-Replayed"] = "true"
    facts = {"chatId": chat_id}
    return ui_message_stream.response(follower, headers, facts, lambda: describe_later(app, user_id, reply_id))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= KEY_CHARACTERS or find_problem(value):
        raise invalid("id", f"must be text of 1 to {KEY_CHARACTERS} characters: what the client calls the chat")
    return value
