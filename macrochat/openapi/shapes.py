"""What answers hold, as pydantic models. They make no answer: they describe those that the rooms below make."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ..providers.base import Effort

Bytes = Annotated[int, Field(ge=0, description="in bytes of UTF-8", examples=[1729])]
Moment = Annotated[dt.datetime, Field(examples=["2026-11-22T18:00:26.000Z"])]
Status = Annotated[
    Literal["streaming", "complete", "stopped", "failed", "interrupted"],
    Field(description="`streaming` until one of the others, which are final", examples=["complete"]),
]
NextCursor = Annotated[
    str | None,
    Field(
        description="opaque; as `cursor` it goes on behind this answer", examples=["AAZg4UB9RMABk2sufB1_OppUL29KDp0R"]
    ),
]
ModelName = Annotated[str, Field(examples=["smollm2-135m"])]


class Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class User(Shape):
    id: uuid.UUID
    email: Annotated[str, Field(description="case-folded", examples=["ada@example.org"])]
    name: Annotated[str, Field(examples=["Ada"])]
    is_admin: bool
    created_at: Moment
    last_login: Moment | None


class Account(Shape):
    user: User


class EndedSessions(Shape):
    sessions: Annotated[int, Field(ge=0, description="how many there were")]


class Session(Shape):
    id: uuid.UUID
    current: Annotated[bool, Field(description="the one that asks")]
    user_agent: str
    address: Annotated[str, Field(examples=["192.0.2.7"])]
    created_at: Moment
    last_seen_at: Annotated[Moment, Field(description="up to five minutes old")]
    expires_at: Moment


class Key(Shape):
    id: uuid.UUID
    name: Annotated[str, Field(examples=["Backup"])]
    prefix: Annotated[str, Field(description="the key's first characters, to know it by", examples=["mck_3q5KpXwd"])]
    created_at: Moment
    last_used_at: Annotated[Moment | None, Field(description="up to five minutes old")]
    expires_at: Moment | None


class CreatedKey(Key):
    key: Annotated[str, Field(description="the key itself, now and never again", examples=["mck_3q5KpXwd…"])]


class Model(Shape):
    id: ModelName
    name: Annotated[str, Field(examples=["SmolLM2 135M"])]
    provider: Annotated[str, Field(examples=["local"])]
    default: bool
    efforts: Annotated[list[Effort], Field(description="how long it can be asked to think; empty: it cannot be asked")]


class ListedChat(Shape):
    id: uuid.UUID
    user_id: uuid.UUID
    title: Annotated[str, Field(examples=["Why the sky is blue"])]
    model: Annotated[ModelName | None, Field(description="`null`: the server's default")]
    created_at: Moment
    updated_at: Moment


class Chat(ListedChat):
    system_prompt: str | None


class Page(Shape):
    page: int
    limit: int
    total: Annotated[int, Field(description="on all pages")]
    next_cursor: NextCursor


class Rest(Shape):
    """Of an answer to `cursor`: nothing is counted, so that it costs the same however far down the list it is."""

    limit: int
    next_cursor: NextCursor


class Part(Shape):
    """Of a chat's messages. What came before them is behind `nextCursor`, or there is nothing."""

    limit: int
    next_cursor: Annotated[uuid.UUID | None, Field(description="as `before` it asks for the messages before these")]


class ReplyError(Shape):
    code: Annotated[str, Field(examples=["UPSTREAM_UNREACHABLE"])]
    message: Annotated[str, Field(examples=["The connection to the model's server failed"])]


class Usage(Shape):
    prompt_tokens: int | None
    cached_tokens: Annotated[int | None, Field(description="of the prompt's")]
    completion_tokens: int | None
    reasoning_tokens: Annotated[int | None, Field(description="of the completion's")]
    total_tokens: int
    cost: Annotated[float | None, Field(description="in the provider's currency, where it says so")]


class LaterAttempt(Shape):
    id: uuid.UUID
    status: Status
    error: ReplyError | None


class ReplyMetadata(Shape):
    """An assistant's message. While it streams, `content` is the committed text and `bytes` its length: one pair."""

    status: Status
    bytes: Bytes
    trace_bytes: Annotated[int, Field(ge=0, description="the trace's length: with `bytes`, the cursor to follow from")]
    model: ModelName
    finish_reason: Annotated[str | None, Field(examples=["stop"])]
    error: ReplyError | None
    usage: Usage | None
    started_at: Moment
    finished_at: Moment | None
    later_attempt: Annotated[
        LaterAttempt | None,
        Field(description="the last answer that was to replace this one and ended without a word"),
    ]


class ReasoningPart(Shape):
    """What the model thought."""

    type: Literal["reasoning"]
    text: str
    started_at: Moment | None
    duration_ms: Annotated[int, Field(ge=0)]


class RestartPart(Shape):
    """Here a step was begun again: by another server, or because somebody wanted the answer now."""

    type: Literal["restart"]
    at: Annotated[int, Field(ge=0, description="bytes of text before it")]
    hurried: bool


class MessageTextPart(Shape):
    type: Literal["text"]
    text: str


class Message(Shape):
    id: uuid.UUID
    chat_id: uuid.UUID
    parent_id: uuid.UUID | None
    role: Annotated[Literal["user", "assistant", "system"], Field(examples=["assistant"])]
    content: Annotated[str, Field(examples=["Because blue light is scattered more."])]
    metadata: Annotated[
        ReplyMetadata | dict[str, Any], Field(description="an assistant's: how the reply goes; others': free")
    ]
    parts: Annotated[
        list[ReasoningPart | MessageTextPart | RestartPart],
        Field(description="what the model thought and said, in order; not there with `parts=0`"),
    ] = []
    embedding: Annotated[None, Field(description="reserved")]
    created_at: Moment


class ChatWithMessages(Chat):
    messages: Annotated[list[Message], Field(description="the branch that is shown, oldest first")]


class Timings(Shape):
    started_at: Moment
    first_byte_ms: Annotated[int | None, Field(examples=[412])]
    finished_at: Moment | None


class Lane(Shape):
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Reply(Shape):
    """`bytes` and `sha256` are of the committed text, `trace` of what was committed beside it at the same moment."""

    id: uuid.UUID
    chat_id: uuid.UUID
    status: Status
    bytes: Bytes
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["b94d27b9934d3e08" * 4])]
    trace: Lane
    finish_reason: Annotated[str | None, Field(examples=["stop"])]
    error: ReplyError | None
    model: ModelName
    usage: Usage | None
    timings: Timings
    attempts: Annotated[int, Field(ge=1, description="generations begun, the first included")]
    waiting_since: Annotated[Moment | None, Field(description="while streaming: when text last came")]


class Delta(Shape):
    text: Annotated[str, Field(examples=["Because blue light"])]


class ReasoningEvent(Shape):
    """`at` is how many bytes of text came before, `t` when it was thought, in seconds since 1970."""

    text: str
    at: Annotated[int, Field(ge=0)]
    t: float


class RestartEvent(Shape):
    at: Annotated[int, Field(ge=0)]
    t: float
    hurried: bool


class Event(Shape):
    """One of a `text/event-stream`. Comments between events are signs of life."""

    event: Literal["delta", "reasoning", "restart", "done", "error"]
    id: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+$", description="the cursor to go on from", examples=["18.212"])]
    data: Annotated[
        str,
        Field(
            description="JSON: a `Delta`, `ReasoningEvent` or `RestartEvent`, and at the end a `Reply` (of a deleted "
            "one `id`, `status`, `error`)"
        ),
    ]


class UIMessageChunk(Shape):
    """One of the AI SDK's UI message stream; the last `data` is `[DONE]`."""

    data: Annotated[str, Field(description="JSON with a `type`: `start`, `reasoning-delta`, `text-delta`, `finish` …")]


class TextPart(Shape):
    type: Annotated[str, Field(description="parts of other types are ignored", examples=["text"])]
    text: Annotated[str | None, Field(examples=["Why is the sky blue?"])] = None


class SentMessage(Shape):
    """`content`, or `parts`; in a message that is not the last, anything may stand."""

    role: Annotated[Literal["user", "assistant", "system"], Field(examples=["user"])]
    content: Annotated[str | None, Field(examples=["Why is the sky blue?"])] = None
    parts: list[TextPart] | None = None
    id: Annotated[str | None, Field(max_length=255, description="stands in for `Idempotency-Key`")] = None


class Readiness(Shape):
    """`checks`: `ok` or a sentence, by name. `reasons`: what the database's driver says, for operators only."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
    reasons: dict[str, str] | None = None


class Provider(Shape):
    name: str
    address: str
    reachable: Annotated[bool, Field(description="whether requests are likely to work; at most 10 s old")]
    state: Annotated[str, Field(examples=["ok", "key refused"])]
    says: Annotated[str, Field(description="the same in a sentence")]
    advice: Annotated[str, Field(description="what changes it; may be empty")]
    models: list[str]


class Pool(Shape):
    size: int
    checked_out: int


class Database(Shape):
    kind: Literal["sqlite", "postgresql"]
    pool: Pool
    durability: str | None


class ThisWorker(Shape):
    id: uuid.UUID | None
    pid: int
    generations: int
    followers: int
    draining: bool


class Worker(Shape):
    id: uuid.UUID
    host: str
    pid: int
    started_at: Moment
    lease_seconds: Annotated[float, Field(description="until its lease runs out")]


class HealthDetails(Readiness):
    version: str
    revision: str | None
    database: Database
    worker: ThisWorker
    workers: list[Worker]
    providers: list[Provider]


class Stream(Shape):
    id: uuid.UUID
    email: str
    model: str
    provider: str
    started_at: Moment
    seconds: int
    bytes: Bytes
    readers: int
    attempts: int
    stopping: bool


class Live(Shape):
    total: int
    streams: Annotated[list[Stream], Field(description="oldest first, at most 200")]


Counts = list[int]
Figures = list[float]


class Hour(Shape):
    """Sixty figures each, a minute apart, oldest first."""

    from_: Annotated[int, Field(alias="from", description="seconds since 1970")]
    step: Annotated[int, Field(description="seconds")]
    tokens_per_second: Figures
    active_streams: Figures
    first_byte_p50_ms: Annotated[list[int | None], Field(alias="firstByteP50Ms")]
    first_byte_p95_ms: Annotated[list[int | None], Field(alias="firstByteP95Ms")]
    replies: Counts
    errors: Counts


class Overview(Shape):
    live: Live
    history: Hour
    providers: list[Provider]


class FieldError(Shape):
    field: Annotated[str, Field(examples=["title"])]
    error: Annotated[str, Field(examples=["must have at most 255 characters"])]


class Failure(Shape):
    success: Literal[False]
    error: Annotated[str, Field(description="one plain sentence", examples=["Chat not found or access denied"])]
    code: Annotated[str, Field(pattern="^[A-Z][A-Z_0-9]*$", examples=["CHAT_NOT_FOUND"])]
    details: list[FieldError] | None = None
    request_id: str
