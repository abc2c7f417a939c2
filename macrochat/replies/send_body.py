"""The body of a send: what programs, the page and clients of the AI SDK write, read into an Ask."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from flask import current_app, request

from ..bodies import MIB, Body, find_problem, invalid, read, text_rules
from ..errors import ValidationError
from ..providers.base import EFFORTS
from .sending import Ask

B = TypeVar("B", bound="StreamBody")
BODY_BYTES = 16 * MIB  # clients of the AI SDK send the whole history along
KEY_CHARACTERS = 255


class StreamBody(Body):
    messages: list[Any] = []
    model: str | None = None
    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]
    trigger: Any = None
    message_id: Any = None


def read_ask() -> Ask:
    """What this request asks for. Raises ValidationError, and what else is wrong with a body."""
    return ask_of(read_send(StreamBody))


def read_send(kind: type[B]) -> B:
    """The same as it was written: a StreamBody, or what adds fields to it."""
    return read(kind, limit=BODY_BYTES, last_of="messages")


def ask_of(body: StreamBody) -> Ask:
    """Only the last message counts."""
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
