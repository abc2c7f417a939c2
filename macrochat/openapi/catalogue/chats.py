"""Chats, and the models to talk to."""

from __future__ import annotations

from ...bodies.texts import WITHOUT_NUL
from ...chats import routes, service
from ..operations import Answer, Operation, Parameter, Schema, done
from ..shapes import Chat, ChatWithMessages, ListedChat, Model, Page, Part, Rest

TAG = "Chats"
ABOUT = "Conversations. Another person's chat and an unknown one give the same 404."
MISSING = {404: ("CHAT_NOT_FOUND",)}
NOTES: dict[str, Schema] = {
    "title": {"examples": ["Why the sky is blue"]},
    "model": {"description": "an id of `GET /api/models`; `null`: the server's default"},
    "systemPrompt": {"description": "what the model is told before the conversation"},
}

OPERATIONS = {
    "chats.list_chats": Operation(
        id="listChats",
        tag=TAG,
        summary="List chats",
        description="The chat that was changed last comes first; system prompts are left out. Page numbers move when "
        "chats are made, changed or deleted between two requests; with `cursor` every chat that nobody touches is "
        "listed once.",
        query=(
            Parameter(
                name="page",
                description="Which page, from 1",
                schema={"type": "integer", "minimum": 1, "maximum": routes.MAX_PAGE, "default": 1},
            ),
            Parameter(
                name="cursor",
                description="`meta.nextCursor` of an earlier answer: goes on behind it, with the same `q`. Not beside "
                "`page`",
                schema={"type": "string"},
            ),
            Parameter(
                name="limit",
                description="Chats on a page",
                schema={"type": "integer", "minimum": 1, "maximum": routes.MAX_LIMIT, "default": routes.LIMIT},
            ),
            Parameter(
                name="q",
                description="Text to be found in the title, in any case",
                schema={"type": "string", "maxLength": routes.MAX_QUERY_CHARACTERS, **WITHOUT_NUL},
                example="sky",
            ),
        ),
        answers=(
            Answer(description="A page of chats", data=list[ListedChat], meta=Page | Rest, headers=("ETag",)),
            Answer(status=304, description="You have it: `If-None-Match` names its `ETag`", headers=("ETag",)),
        ),
        refusals={400: ("VALIDATION_ERROR",)},
    ),
    "chats.create_chat": Operation(
        id="createChat",
        tag=TAG,
        summary="Make a chat",
        description="Without a title it is called after its first message.",
        body=routes.ChatBody,
        body_optional=True,
        notes=NOTES,
        answers=(Answer(status=201, description="The new chat", data=Chat, headers=("Location",)),),
        refusals={400: ("UNKNOWN_MODEL",)},
    ),
    "chats.get_chat": Operation(
        id="getChat",
        tag=TAG,
        summary="Read a chat",
        description="With the newest messages of the branch that is shown, oldest first: at most `limit`, and no more "
        "than a mebibyte of them (but always one). `before` asks for those that came before.",
        query=(
            Parameter(
                name="limit",
                description="Messages in the answer",
                schema={"type": "integer", "minimum": 1, "maximum": service.MESSAGES, "default": service.MESSAGES},
            ),
            Parameter(
                name="before",
                description="`meta.nextCursor` of an earlier answer, or any message's id",
                schema={"type": "string", "format": "uuid"},
            ),
            Parameter(
                name="parts",
                description="0 leaves each message's `parts` out",
                schema={"type": "integer", "minimum": 0, "maximum": 1, "default": 1},
            ),
        ),
        answers=(Answer(description="The chat and its newest messages", data=ChatWithMessages, meta=Part),),
        refusals={400: ("VALIDATION_ERROR",), **MISSING},
    ),
    "chats.update_chat": Operation(
        id="updateChat",
        tag=TAG,
        summary="Change a chat",
        description="What is not in the body stays as it is. `PUT` does the same as `PATCH`.",
        body=routes.ChatBody,
        notes=NOTES,
        answers=(Answer(description="The chat as it is now", data=Chat),),
        refusals={400: ("UNKNOWN_MODEL",), **MISSING},
    ),
    "chats.delete_chat": Operation(
        id="deleteChat",
        tag=TAG,
        summary="Delete a chat",
        description="With all in it. A reply that is being written is stopped.",
        answers=done("Gone"),
        refusals=MISSING,
    ),
    "chats.models": Operation(
        id="listModels",
        tag=TAG,
        summary="List the models",
        description="Empty while no model's server answers.",
        answers=(Answer(description="The default one first", data=list[Model]),),
    ),
}
