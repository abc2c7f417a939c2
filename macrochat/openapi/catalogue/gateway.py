"""The same replies for the AI SDK's `useChat()`."""

from __future__ import annotations

from ...gateway.ai_sdk import NamedSend
from ...replies import send_body
from ..operations import EVENTS, Answer, Operation
from ..schemas import REF
from ..shapes import Reply, UIMessageChunk
from .replies import ASKING, READING

TAG = "AI SDK"
ABOUT = (
    "What a stock `useChat()` of the Vercel AI SDK (6 and 7) asks for, with no options at all: its UI message stream. "
    "The client names its chats; one is made with its first message, and is found in the other routes by `X-Chat-Id`. "
    "Thoughts are reasoning parts. A connection that ends stops nothing: a page that comes back resumes the reply from "
    "its start."
)
HEADERS = ("X-Reply-Id", "X-Chat-Id", "Location")
STREAM = {EVENTS: UIMessageChunk}

OPERATIONS = {
    "gateway.send": Operation(
        id="sendUIMessage",
        tag=TAG,
        summary="Answer a useChat() client",
        description="The body of its `DefaultChatTransport`: `id` is the client's name of the chat (or our id of one), "
        'only the last message counts. `trigger: "regenerate-message"` and edited messages are understood, and `model` '
        "and `effort` beside them.",
        body=NamedSend,
        required=("id", "messages"),
        notes={
            "id": {"type": "string", "minLength": 1, "maxLength": send_body.KEY_CHARACTERS},
            "messages": {"minItems": 1, "items": {"$ref": f"{REF}SentMessage"}},
        },
        answers=(Answer(description="The reply, live", content=STREAM, headers=(*HEADERS, "X-User-Message-Id")),),
        refusals={
            **READING,
            **ASKING,
            400: ("UNKNOWN_MODEL",),
            409: ("CHAT_BUSY",),
            413: ("MESSAGE_TOO_LONG",),
            422: ("IDEMPOTENCY_KEY_REUSED", *ASKING[422]),
        },
    ),
    "gateway.resume": Operation(
        id="resumeUIMessage",
        tag=TAG,
        summary="Read the reply that is being written, from its start",
        description="What a page asks when it is opened.",
        answers=(
            Answer(description="The reply, live", content=STREAM, headers=HEADERS),
            Answer(status=204, description="Nothing is being written in this chat, or there is no such chat"),
        ),
        refusals={429: READING[429], 503: READING[503]},
    ),
    "gateway.stop": Operation(
        id="stopUIMessage",
        tag=TAG,
        summary="Stop what is being written",
        description="Harmless however often; `data` is `null` where there is nothing.",
        answers=(Answer(description="How the newest reply stands", data=Reply | None),),
    ),
}
