"""Sending, reading, stopping and continuing replies."""

from __future__ import annotations

from ...replies import send_body
from ..operations import EVENTS, TEXT, TRACE, Answer, Operation, Parameter
from ..refusals import UPSTREAM
from ..schemas import REF
from ..shapes import Event, Reply

TAG = "Replies"
ABOUT = (
    "A reply is an append-only text: every byte is stored before it is shown, and it can be read from any byte, while "
    "it is written and ever after, on any number of connections.\n\n"
    "A body of text ends cleanly only if the reply is `complete` or `stopped`. Any other end breaks the connection "
    "before the last chunk: read on from the byte you have.\n\n"
    "Beside its text a reply may have a trace: what the model thought, as JSON Lines, each with `at`, the number of "
    "bytes of text before it. As `text/event-stream` both come in one order: events `delta` and `reasoning`, `restart` "
    "where a step was begun again, and a last one, `done` or `error`, that holds the status object. An event's `id` is "
    "a cursor: `<bytes of text>.<bytes of trace>` after it."
)
BODIES = {TEXT: str, EVENTS: Event}
STREAM_HEADERS = ("X-Reply-Id", "X-Reply-Offset")
SENT_HEADERS = (*STREAM_HEADERS, "X-User-Message-Id", "Location")
MISSING_CHAT, MISSING_REPLY = {404: ("CHAT_NOT_FOUND",)}, {404: ("REPLY_NOT_FOUND",)}
READING = {416: ("OFFSET_OUT_OF_RANGE",), 429: ("TOO_MANY_STREAMS",), 503: ("SHUTTING_DOWN", "TOO_MANY_STREAMS")}
ASKING = {
    402: UPSTREAM[402],
    422: UPSTREAM[422],
    429: ("TOO_MANY_STREAMS",),
    502: UPSTREAM[502],
    503: ("SHUTTING_DOWN", "TOO_MANY_STREAMS", *UPSTREAM[503]),
    504: UPSTREAM[504],
}
WHOLE = {"type": "integer", "minimum": 0}

OFFSET = Parameter(name="offset", description="Bytes to leave out: those you have", schema=WHOLE, example=1729)
CURSOR = Parameter(
    name="cursor",
    description="Instead of `offset`: the `id` of the last event you have. A single number: the trace from its start",
    schema={"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    example="1729.212",
)
LAST_EVENT = Parameter(
    name="Last-Event-ID",
    description="The cursor to go on from, as an `EventSource` sends it. What is none counts as the start.",
    schema={"type": "string"},
)
STATUS = (Answer(description="How the reply stands", data=Reply),)

OPERATIONS = {
    "replies.stream_chat": Operation(
        id="sendMessage",
        tag=TAG,
        summary="Send a message and read the reply",
        description="Only the last message counts, and it must be the user's; the history is the server's. Its text is "
        "`content`, or the parts of the type `text`, joined. Clients of the Vercel AI SDK's text transport work as "
        'they are, `trigger: "regenerate-message"` included.\n\n'
        "The answer begins with the provider's first event, so that a refusal is a real status; the message is stored "
        "then, and the same key tries again. Whatever was refused, `X-User-Message-Id` and `X-Reply-Id` (and "
        "`details`) say that something was stored, and under which ids. The same `Idempotency-Key` within a day gives "
        "the same reply from its first byte, and stores nothing twice.\n\n"
        "An answer that was asked for again and ended without a word replaces nothing: the old one stays, with a "
        "`laterAttempt`.",
        body=send_body.StreamBody,
        required=("messages",),
        notes={
            "messages": {
                "minItems": 1,
                "items": {"$ref": f"{REF}SentMessage"},
                "description": "the last one is sent",
            },
            "model": {"maxLength": send_body.KEY_CHARACTERS, "description": "for this reply only"},
            "effort": {"description": "how long the model shall think, for this reply; by default as it does itself"},
            "trigger": {"description": "`regenerate-message` asks for another answer"},
            "messageId": {
                "description": "with `regenerate-message`: which message, yours or its answer; else, if it is the last "
                "message's own `id`: that message was reworded, and this one takes its place"
            },
        },
        headers=(
            Parameter(
                name="Idempotency-Key",
                description="Any text of your own for this message; without it, the last message's `id`",
                schema={"type": "string", "minLength": 1, "maxLength": send_body.KEY_CHARACTERS},
                example="2f6f4a0e-message-1",
            ),
            LAST_EVENT,
        ),
        answers=(
            Answer(
                description="The reply, live",
                content=BODIES,
                headers=(*SENT_HEADERS, "Idempotent-Replayed"),
            ),
        ),
        refusals={
            **READING,
            **ASKING,
            **MISSING_CHAT,
            400: ("UNKNOWN_MODEL",),
            409: ("CHAT_BUSY",),
            413: ("MESSAGE_TOO_LONG",),
            422: ("IDEMPOTENCY_KEY_REUSED", *UPSTREAM[422]),
        },
    ),
    "replies.follow_chat": Operation(
        id="followChat",
        tag=TAG,
        summary="Read the reply that is being written",
        description="What a client asks when a chat is opened.",
        query=(OFFSET, CURSOR),
        headers=(LAST_EVENT,),
        answers=(
            Answer(description="The reply, live", content=BODIES, headers=STREAM_HEADERS),
            Answer(status=204, description="Nothing is being written in this chat"),
        ),
        refusals={**READING, **MISSING_CHAT, 400: ("INVALID_OFFSET",)},
    ),
    "replies.stop_chat": Operation(
        id="stopChat",
        tag=TAG,
        summary="Stop what is being written in a chat",
        description="Harmless however often. `data` is `null` in a chat without replies.",
        answers=(Answer(description="How the newest reply stands", data=Reply | None),),
        refusals=MISSING_CHAT,
    ),
    "replies.get_reply": Operation(
        id="getReply", tag=TAG, summary="Ask how a reply stands", answers=STATUS, refusals=MISSING_REPLY
    ),
    "replies.follow_reply": Operation(
        id="followReply",
        tag=TAG,
        summary="Read a reply from any byte",
        description="Live to the end if it is still written. `Range` does the same as `offset`, with 206, so that "
        "`curl -C -` goes on where it was; of a reply that still grows the total is not known and stands as `*`.",
        query=(OFFSET, CURSOR),
        headers=(
            LAST_EVENT,
            Parameter(
                name="Range",
                description="`bytes=N-`; other ranges are ignored, as RFC 9110 allows",
                schema={"type": "string"},
            ),
        ),
        answers=(
            Answer(description="The text", content=BODIES, headers=STREAM_HEADERS),
            Answer(status=206, description="The range", content=BODIES, headers=(*STREAM_HEADERS, "Content-Range")),
        ),
        refusals={**READING, **MISSING_REPLY, 400: ("INVALID_OFFSET",)},
    ),
    "replies.follow_trace": Operation(
        id="followTrace",
        tag=TAG,
        summary="Read a reply's trace from any byte",
        description="How it came about, as JSON Lines, live to the end if it is still written: each line with `at` "
        "(bytes of text before it), `t` (seconds since 1970) and `kind`. Pass over kinds that you do not know.",
        query=(OFFSET,),
        answers=(Answer(description="The trace", content={TRACE: str}, headers=STREAM_HEADERS),),
        refusals={**READING, **MISSING_REPLY, 400: ("INVALID_OFFSET",)},
    ),
    "replies.answer_now": Operation(
        id="answerNow",
        tag=TAG,
        summary="Let a model that thinks answer now",
        description="It is asked again, to answer without more thoughts; those it had stay.",
        answers=STATUS,
        refusals={**MISSING_REPLY, 400: ("UNKNOWN_MODEL",), 409: ("CANNOT_HURRY",)},
    ),
    "replies.stop_reply": Operation(
        id="stopReply",
        tag=TAG,
        summary="Stop a reply",
        description="What is written stays. Harmless however often; never changes a final status.",
        answers=STATUS,
        refusals=MISSING_REPLY,
    ),
    "replies.continue_reply": Operation(
        id="continueReply",
        tag=TAG,
        summary="Go on with a reply that ended early",
        description="The answer is what is appended; `X-Reply-Offset` says after how many bytes.",
        answers=(Answer(description="What is appended, live", content=BODIES, headers=SENT_HEADERS),),
        refusals={
            **READING,
            **ASKING,
            **MISSING_REPLY,
            400: ("UNKNOWN_MODEL",),
            409: ("CHAT_BUSY", "REPLY_COMPLETE", "CANNOT_CONTINUE"),
        },
    ),
}
