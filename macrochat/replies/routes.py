"""Sending, reading, stopping and continuing replies (docs/api.md). Parse, call the service, answer."""

from __future__ import annotations

import re
import uuid

from flask import Blueprint, Response, current_app, g, request
from flask_login import current_user

from ..bodies import invalid, parse_id
from ..chats import service as chats
from ..web import success
from . import service
from .answers import describe_later, owned, status
from .journal.logs import START, Cursor
from .reading import wire
from .reading.followers import Follower
from .reading.lanes import LanesFollower, TraceFollower
from .rules import OffsetOutOfRange, naming, not_found
from .send_body import read_ask
from .sending import Sent

blueprint = Blueprint("replies", __name__, url_prefix="/api")

RANGE = re.compile(r"bytes=([0-9]{1,100})-")
NUMBER = re.compile(r"[0-9]{1,100}")
CURSOR = re.compile(r"[0-9]{1,100}(?:\.[0-9]{1,100})?")


@blueprint.post("/chats/<chat_id>/stream")
def stream_chat(chat_id: str) -> Response:
    chat = chats.get(current_user.id, parse_id(chat_id, chats.not_found()))
    sent = service.send(chat, read_ask())
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


def _cursor() -> Cursor:
    """`?cursor=` or `?offset=`, else the Last-Event-ID of a client that reconnects."""
    pair, text = request.args.get("cursor"), request.args.get("offset")
    if pair is not None and not CURSOR.fullmatch(pair):
        raise invalid("cursor", "must be <bytes of text>.<bytes of trace>", code="INVALID_OFFSET")
    offset = _whole_number(text, "offset") if text is not None else None
    if pair is not None:
        return _read_cursor(pair)
    return Cursor(offset) if offset is not None else _event_cursor()


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
