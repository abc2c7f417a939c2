"""Sending, reading, stopping and continuing replies (API.md). Parse, call the service, answer."""

from __future__ import annotations

import re
import uuid
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from flask_login import current_user

from ..bodies import MIB, Body, find_problem, invalid, parse_id, read, text_rules
from ..chats import service as chats
from ..errors import ValidationError
from ..web import success
from . import service
from .answers import describe_later, owned, status
from .reading import wire
from .rules import OffsetOutOfRange, naming, not_found
from .sending import Ask, Sent

blueprint = Blueprint("replies", __name__, url_prefix="/api")

BODY_BYTES = 16 * MIB  # clients of the AI SDK send the whole history along
KEY_CHARACTERS = 255
RANGE = re.compile(r"bytes=([0-9]{1,100})-")


class StreamBody(Body):
    messages: list[Any] = []
    model: str | None = None
    trigger: Any = None
    message_id: Any = None


@blueprint.post("/chats/<chat_id>/stream")
def stream_chat(chat_id: str) -> Response:
    chat = chats.get(current_user.id, parse_id(chat_id, chats.not_found()))
    sent = service.send(chat, _ask(read(StreamBody, limit=BODY_BYTES, last_of="messages")))
    return _follow_sent(sent, _event_offset())


@blueprint.get("/chats/<chat_id>/stream")
def follow_chat(chat_id: str) -> Response:
    reply_id = service.running_in(current_user.id, parse_id(chat_id, chats.not_found()))
    offset = _offset()
    if reply_id is None:
        return Response(status=204)
    return _follow(reply_id, offset)


@blueprint.get("/replies/<reply_id>")
def get_reply(reply_id: str) -> Response:
    return success(status(current_user.id, _reply_id(reply_id)))


@blueprint.get("/replies/<reply_id>/stream")
def follow_reply(reply_id: str) -> Response:
    found = _reply_id(reply_id)
    owned(current_user.id, found)
    if "offset" not in request.args and (match := RANGE.fullmatch(request.headers.get("Range", ""))):
        return _follow(found, int(match[1]), partial=True)
    return _follow(found, _offset())


@blueprint.post("/replies/<reply_id>/stop")
def stop_reply(reply_id: str) -> Response:
    return success(service.stop(current_user.id, _reply_id(reply_id)))


@blueprint.post("/chats/<chat_id>/stop")
def stop_chat(chat_id: str) -> Response:
    return success(service.stop_chat(current_user.id, parse_id(chat_id, chats.not_found())))


@blueprint.post("/replies/<reply_id>/continue")
def continue_reply(reply_id: str) -> Response:
    sent = service.continue_(current_user.id, _reply_id(reply_id))
    return _follow_sent(sent, sent.offset)


def _follow_sent(sent: Sent, offset: int) -> Response:
    with naming(sent.reply_id, sent.user_message_id):
        return _follow(sent.reply_id, offset, sent)


def _follow(reply_id: uuid.UUID, offset: int, sent: Sent | None = None, *, partial: bool = False) -> Response:
    user_id = current_user.id
    follower, total = service.follow(user_id, reply_id, offset, g.credential, request.environ.get("gunicorn.socket"))
    if partial and total is not None and offset >= total:
        raise OffsetOutOfRange(total)
    headers = {"X-Reply-Id": str(reply_id), "X-Reply-Offset": str(offset)}
    if sent:
        headers |= {"X-User-Message-Id": str(sent.user_message_id), "Location": f"/api/replies/{reply_id}"}
        if sent.replayed:
            headers["Idempotent-Replayed"] = "true"
    if request.accept_mimetypes.best_match(["text/plain", "text/event-stream"]) == "text/event-stream":
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        return wire.event_response(follower, headers, lambda: describe_later(app, user_id, reply_id))
    return wire.text_response(follower, headers, total=total, partial=partial)


def _ask(body: StreamBody) -> Ask:
    if not body.messages:
        details = [{"field": "messages", "error": "must not be empty"}]
        raise ValidationError("Messages array must not be empty", details=details)
    last, field = body.messages[-1], f"messages.{len(body.messages) - 1}"
    if not isinstance(last, dict) or last.get("role") != "user":
        raise invalid(f"{field}.role", "must be user: only the last message is sent")
    most = current_app.config["SETTINGS"].max_message_characters
    text = text_rules(_text(last, field), f"{field}.content", most, message=True)
    model = None if body.model is None else text_rules(body.model, "model", KEY_CHARACTERS)
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        key = text_rules(key, "Idempotency-Key", KEY_CHARACTERS)
    own_id = last.get("id")
    if body.trigger == "regenerate-message":
        return Ask(text=text, model=model, key=key, regenerate=True, message_id=_name(own_id or body.message_id))
    if key is None and own_id is not None:
        key = text_rules(own_id, f"{field}.id", KEY_CHARACTERS)
    reworded = own_id == body.message_id  # how the AI SDK says that a message was edited
    return Ask(text=text, model=model, key=key, message_id=_name(own_id) if reworded else None)


def _name(value: object) -> str | None:
    """A message's id, ours or the client's own. What none can have names nothing."""
    possible = isinstance(value, str) and len(value) <= KEY_CHARACTERS and not find_problem(value)
    return str(value) if possible else None


def _text(message: dict[str, Any], field: str) -> object:
    """What the user said: `content` if it is a string, else the text parts joined."""
    content, parts = message.get("content"), message.get("parts")
    if isinstance(content, str) or not isinstance(parts, list):
        return content
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise invalid(f"{field}.parts", "must hold text")
    return "".join(texts)  # type: ignore[arg-type]


def _offset() -> int:
    """`?offset=` in bytes, else the Last-Event-ID of a client that reconnects."""
    text = request.args.get("offset")
    if text is None:
        return _event_offset()
    if not re.fullmatch(r"[0-9]{1,100}", text):
        raise invalid("offset", "must be a whole number of bytes", code="INVALID_OFFSET")
    return int(text)


def _event_offset() -> int:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if re.fullmatch(r"[0-9]{1,100}", text) else 0


def _reply_id(text: str) -> uuid.UUID:
    return parse_id(text, not_found())
