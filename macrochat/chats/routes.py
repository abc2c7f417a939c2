"""/api/chats and /api/models."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, cast

from flask import Blueprint, Response, request
from flask_login import current_user
from pydantic import BeforeValidator, Field

from ..bodies import Body, CleanText, PlainText, invalid, parse_id, query_int, query_text, read
from ..catalogue import registries
from ..database import iso
from ..web import success
from . import service
from .cursors import query_place, write_cursor
from .models import Chat

blueprint = Blueprint("chats", __name__, url_prefix="/api")

MAX_PAGE = 1_000_000
LIMIT, MAX_LIMIT = 20, 100  # chats on a page
MAX_QUERY_CHARACTERS = 255


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Title = Annotated[CleanText, BeforeValidator(_trimmed), Field(min_length=1, max_length=255)]
ModelId = Annotated[CleanText, Field(max_length=255)]
SystemPrompt = Annotated[PlainText, Field(max_length=100_000)]


class ChatBody(Body):
    title: Title | None = None
    model: ModelId | None = None
    system_prompt: SystemPrompt | None = None


@blueprint.get("/chats")
def list_chats() -> Response:
    place, page = query_place(), query_int("page", 1, 1, MAX_PAGE)
    limit, q = query_int("limit", LIMIT, 1, MAX_LIMIT), query_text("q", MAX_QUERY_CHARACTERS)
    if place is not None:
        listed, meta = service.list_behind(current_user.id, place, limit, q), {"limit": limit}
    else:
        listed, total = service.list_page(current_user.id, page, limit, q)
        meta = {"page": page, "limit": limit, "total": total}
    next_cursor = write_cursor(listed.next) if listed.next else None
    response = success([show_listed(chat) for chat in listed.chats], meta={**meta, "nextCursor": next_cursor})
    response.add_etag(weak=True)
    return cast(Response, response.make_conditional(request))  # a page that looks now and then mostly has it already


@blueprint.post("/chats")
def create_chat() -> Response:
    body = read(ChatBody, optional=True)
    _check_model(body)
    chat = service.create(current_user.id, title=body.title, model=body.model, system_prompt=body.system_prompt)
    return success(show(chat), 201, headers={"Location": f"/api/chats/{chat.id}"})


@blueprint.get("/chats/<chat_id>")
def get_chat(chat_id: str) -> Response:
    chat = service.get(current_user.id, parse_id(chat_id, service.not_found()))
    limit, before = query_int("limit", service.MESSAGES, 1, service.MESSAGES), query_message()
    parts = bool(query_int("parts", 1, 0, 1))
    found = service.branch(chat, before=before, limit=limit, parts=parts)
    meta = {"limit": limit, "nextCursor": found.before}
    return success({**show(chat), "messages": _messages(found.messages, parts=parts)}, meta=meta)


@blueprint.route("/chats/<chat_id>", methods=["PATCH", "PUT"])
def update_chat(chat_id: str) -> Response:
    found = parse_id(chat_id, service.not_found())
    service.get(current_user.id, found)  # a stranger learns nothing from how the body is judged
    body = read(ChatBody)
    _check_model(body)
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if changes.get("title", "") is None:
        del changes["title"]
    return success(show(service.update(current_user.id, found, changes)))


@blueprint.delete("/chats/<chat_id>")
def delete_chat(chat_id: str) -> Response:
    service.delete(current_user.id, parse_id(chat_id, service.not_found()))
    return success(message="Chat deleted successfully")


@blueprint.get("/models")
def models() -> Response:
    fields = ("id", "name", "provider", "default", "efforts")
    return success([{field: getattr(model, field) for field in fields} for model in registries.current.models()])


def show_listed(chat: Chat) -> dict[str, Any]:
    """A chat in a list: a hundred prompts of 100,000 characters each would be in nobody's interest."""
    return {
        "id": str(chat.id),
        "userId": str(chat.user_id),
        "title": chat.title,
        "model": chat.model,
        "createdAt": iso(chat.created_at),
        "updatedAt": iso(chat.updated_at),
    }


def show(chat: Chat) -> dict[str, Any]:
    return {**show_listed(chat), "systemPrompt": chat.system_prompt}


def _messages(found: Sequence[service.MessageRow], *, parts: bool) -> list[dict[str, Any]]:
    return [{**message, "createdAt": iso(message["createdAt"])} for message in service.describe(found, parts=parts)]


def query_message() -> uuid.UUID | None:
    """`?before=`, the id of a message."""
    text = request.args.get("before")
    return None if text is None else parse_id(text, invalid("before", "must be the nextCursor of an earlier answer"))


def _check_model(body: ChatBody) -> None:
    if body.model is not None:
        registries.current.resolve(body.model)
