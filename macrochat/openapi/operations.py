"""The vocabulary in which operations are described. Paths, methods and guards are those of the routes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

JSON, TEXT, EVENTS, TRACE = "application/json", "text/plain", "text/event-stream", "application/jsonl"
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or a request header."""

    name: str
    description: str
    schema: Schema
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer. In the envelope, `data` is the type under that key, `message` says that a sentence stands there.

    `content` is for answers without the envelope: media type → type. `headers` are names of `document.HEADERS`.
    """

    description: str
    status: int = 200
    data: Any = None
    meta: Any = None
    message: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()

    @property
    def in_envelope(self) -> bool:
        return self.data is not None or self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one endpoint does. `id` is what generated clients call it; sentences are CommonMark.

    `notes` adds to the schemas of a body's properties what their model does not say; `required` names those that the
    model takes for optional only because a view refuses their absence in words of its own. `refusals` are codes by
    status, beside those that follow from the guard, the method and the body. With `bearer`, that scheme alone counts.
    """

    id: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    description: str = ""
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    body_optional: bool = False
    notes: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    refusals: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    bearer: str | None = None


def done(sentence: str, *headers: str) -> tuple[Answer, ...]:
    """The answer of an operation that has nothing to tell."""
    return (Answer(description=sentence, message=True, headers=headers),)
