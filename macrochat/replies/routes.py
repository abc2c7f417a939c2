"""Sending, reading, stopping and continuing replies (API.md). Parse, call the service, answer."""

from __future__ import annotations

import re
import uuid
from typing import Any, Literal

from flask import Blueprint, Response, current_app, g, request
from flask_login import current_user

from ..bodies import MIB, Body, find_problem, invalid, parse_id, read, text_rules
from ..chats import service as chats
from ..errors import ValidationError
from ..providers.base import EFFORTS
from ..web import success
from . import service
from .answers import describe_later, owned, status
from .journal.logs import START, Cursor
from .reading import wire
from .reading.followers import Follower
from .reading.lanes import LanesFollower, TraceFollower
from .rules import OffsetOutOfRange, naming, not_found
from .sending import Ask, Sent

blueprint = Blueprint("replies", __name__, url_prefix="/api")

BODY_BYTES = 16 * MIB  # clients of the AI SDK send the whole history along
KEY_CHARACTERS = 255
RANGE = re.compile(r"bytes=([0-9]{1,100})-")
NUMBER = re.compile(r"[0-9]{1,100}")
CURSOR = re.compile(r"[0-9]{1,100}(?:\.[0-9]{1,100})?")


class StreamBody(Body):
    messages: list[Any] = []
    model: str | None = None
    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]
    trigger: Any = None
    message_id: Any = None


@blueprint.post("/chats/<chat_id>/stream")
def stream_chat(chat_id: str) -> Response:
    chat = chats.get(current_user.id, parse_id(chat_id, chats.not_found()))
    sent = service.send(chat, _ask(read(StreamBody, limit=BODY_BYTES, last_of="messages")))
    return _follow_sent(sent, _event_cursor())


@blueprint.get("/chats/<chat_id>/stream")
def follow_chat(chat_id: str) -> Response:
    reply_id = service.running_in(current_user.id, parse_id(chat_id, chats.not_found()))
    cursor = _cursor()
    if reply_id is None:
        return Response(status=204)
    return _follow(reply_id, cursor)


@blueprint.get("/replies/<reply_id>")
def get_reply(reply_id: str) -> Response:
    return success(status(current_user.id, _reply_id(reply_id)))


@blueprint.get("/replies/<reply_id>/stream")
def follow_reply(reply_id: str) -> Response:
    found = _reply_id(reply_id)
    owned(current_user.id, found)
    if request.args.keys().isdisjoint(("offset", "cursor")) and (
        match := RANGE.fullmatch(request.headers.get("Range", ""))
    ):
        return _follow(found, Cursor(int(match[1])), partial=True)
    return _follow(found, _cursor())


@blueprint.get("/replies/<reply_id>/trace")
def follow_trace(reply_id: str) -> Response:
    found = _reply_id(reply_id)
    owned(current_user.id, found)
    offset = _whole_number(request.args.get("offset", "0"), "offset")
    sock = request.environ.get("gunicorn.socket")
    follower, _total = service.follow(current_user.id, found, Cursor(trace=offset), g.credential, sock, TraceFollower)
    return wire.trace_response(follower, {"X-Reply-Id": reply_id, "X-Reply-Offset": str(offset)})


@blueprint.post("/replies/<reply_id>/answer-now")
def answer_now(reply_id: str) -> Response:
    return success(service.answer_now(current_user.id, _reply_id(reply_id)))


@blueprint.post("/replies/<reply_id>/stop")
def stop_reply(reply_id: str) -> Response:
    return success(service.stop(current_user.id, _reply_id(reply_id)))


@blueprint.post("/chats/<chat_id>/stop")
def stop_chat(chat_id: str) -> Response:
    return success(service.stop_chat(current_user.id, parse_id(chat_id, chats.not_found())))


@blueprint.post("/replies/<reply_id>/continue")
def continue_reply(reply_id: str) -> Response:
    sent = service.continue_(current_user.id, _reply_id(reply_id))
    return _follow_sent(sent, sent.cursor)


def _follow_sent(sent: Sent, cursor: Cursor) -> Response:
    with naming(sent.reply_id, sent.user_message_id):
        return _follow(sent.reply_id, cursor, sent)


def _follow(reply_id: uuid.UUID, cursor: Cursor, sent: Sent | None = None, *, partial: bool = False) -> Response:
    user_id, sock = current_user.id, request.environ.get("gunicorn.socket")
    headers = {"X-Reply-Id": str(reply_id), "X-Reply-Offset": str(cursor.text)}
    if sent:
        headers |= {"X-User-Message-Id": str(sent.user_message_id), "Location": f"/api/replies/{reply_id}"}
        if sent.replayed:
            headers["Idempotent-Replayed"] = "true"
    if request.accept_mimetypes.best_match(["text/plain", "text/event-stream"]) == "text/event-stream":
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        lanes, total = service.follow(user_id, reply_id, cursor, g.credential, sock, LanesFollower)
        return wire.event_response(lanes.begin(cursor), headers, lambda: describe_later(app, user_id, reply_id))
    text, total = service.follow(user_id, reply_id, Cursor(cursor.text), g.credential, sock, Follower)
    if partial and total is not None and cursor.text >= total:
        raise OffsetOutOfRange(total)
    return wire.text_response(text, headers, total=total, partial=partial)


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
        return Ask(
            text=text,
            model=model,
            key=key,
            effort=body.effort,
            regenerate=True,
            message_id=_name(own_id or body.message_id),
        )
    if key is None and own_id is not None:
        key = text_rules(own_id, f"{field}.id", KEY_CHARACTERS)
    reworded = own_id == body.message_id  # how the AI SDK says that a message was edited
    return Ask(text=text, model=model, key=key, effort=body.effort, message_id=_name(own_id) if reworded else None)


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


def _cursor() -> Cursor:
    """`?cursor=` or `?offset=`, else the Last-Event-ID of a client that reconnects."""
    if (pair := request.args.get("cursor")) is not None:
        if not CURSOR.fullmatch(pair):
            raise invalid("cursor", "must be <bytes of text>.<bytes of trace>", code="INVALID_OFFSET")
        return _read_cursor(pair)
    if (text := request.args.get("offset")) is not None:
        return Cursor(_whole_number(text, "offset"))
    return _event_cursor()


def _event_cursor() -> Cursor:
    text = request.headers.get("Last-Event-ID", "")
    return _read_cursor(text) if CURSOR.fullmatch(text) else START


def _read_cursor(text: str) -> Cursor:
    """A single number knows the text only: the trace comes from its start."""
    size, _, trace = text.partition(".")
    return Cursor(int(size), int(trace or 0))


def _whole_number(text: str, field: str) -> int:
    if not NUMBER.fullmatch(text):
        raise invalid(field, "must be a whole number of bytes", code="INVALID_OFFSET")
    return int(text)


def _reply_id(text: str) -> uuid.UUID:
    return parse_id(text, not_found())
