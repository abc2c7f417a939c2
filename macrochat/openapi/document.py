"""URL map + table of guards + catalogue → OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from werkzeug.routing import Map, Rule

from ..accounts.access import ACCESS, Access
from .catalogue import OPERATIONS, TAGS
from .operations import JSON, Answer, Operation, Parameter, Schema
from .refusals import refusals
from .schemas import REF, Schemas
from .shapes import Delta, Failure, ReasoningEvent, RestartEvent, SentMessage

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")  # the first of a route has the operation's own id
ABOUT = """\
A self-hosted chat server whose replies cannot be lost. The guide with examples is docs/api.md.

Answers are JSON in an envelope: `success`, and `data` or `error` with a `code`. Text is UTF-8, times are ISO 8601 in \
UTC, ids are UUIDs. Programs send an API key as `X-API-KEY` or `Authorization: Bearer`; cookies are ignored then. \
What belongs to somebody else does not exist: it gives the same 404 as an unknown id.

Any address may answer 500 `INTERNAL_ERROR`: that is a defect of the server, please report it with the `requestId`. \
Within the rate limit of a server, answers carry `RateLimit-*`; beyond it, 429 with `Retry-After`.
"""
SECURITY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY", "description": "`mck_…`, made in the settings"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key as `Authorization: Bearer mck_…`"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "macrochat_session",
        "description": "A signed-in browser; over https the name is `__Host-macrochat_session`. Unsafe requests from "
        "another site are refused, and so are two session cookies in one request.",
    },
    "metricsToken": {"type": "http", "scheme": "bearer", "description": "`MACROCHAT_METRICS_TOKEN` of the server"},
}
SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.USER: [{"apiKey": []}, {"bearer": []}, {"session": []}],
    Access.SESSION: [{"session": []}],
}
TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "format": "uuid"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
# Those that are always there are required: a test holds answers against it.
HEADERS: dict[str, tuple[str, Schema, bool]] = {
    "X-Request-Id": ("Names this request in the server's log; one that you send is kept", TEXT, True),
    "RateLimit-Limit": ("Requests in a window, where the server limits them", WHOLE, False),
    "RateLimit-Remaining": ("Requests left in the window", WHOLE, False),
    "RateLimit-Reset": ("Seconds until the window is over", WHOLE, False),
    "Retry-After": ("Seconds to wait before another attempt", WHOLE, False),
    "WWW-Authenticate": ("`Bearer`", TEXT, True),
    "Set-Cookie": ("`macrochat_session`, under https `__Host-macrochat_session`: HttpOnly, SameSite=Lax", TEXT, True),
    "Clear-Site-Data": ('`"storage"`: the browser forgets drafts', TEXT, True),
    "X-Chat-Id": ("The chat that the message went into", TEXT, True),
    "Location": ("The address of what was made", TEXT, True),
    "X-Reply-Id": ("The id of the reply, which is also its message's", ID, True),
    "X-User-Message-Id": ("The id of the message that is answered", ID, True),
    "X-Reply-Offset": ("How many bytes of the reply stand before this body", WHOLE, True),
    "Idempotent-Replayed": ("`true` for a repeat that the server knew already", {"const": "true"}, False),
    "Content-Range": ("`bytes N-M/total`, `*` for a total that is not known yet", TEXT, True),
    "ETag": ("Changes with the answer", TEXT, True),
}
LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
# Headers of refusals, by status.
REFUSING = {401: ("WWW-Authenticate",), 416: ("Content-Range",), 429: ("Retry-After", *LIMITS), 503: ("Retry-After",)}


def build(url_map: Map, version: str) -> dict[str, Any]:
    """The description of all that the catalogue has, as JSON values."""
    schemas = Schemas([*_types(), Delta, ReasoningEvent, RestartEvent, Failure, SentMessage])
    paths: dict[str, dict[str, Any]] = {}
    for operation, rule in _routes(url_map):
        path = path_of(rule)
        for method in methods_of(rule):
            paths.setdefault(path, {})[method.lower()] = _operation(operation, rule, path, method, schemas)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Macrochat",
            "version": version,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The server that this description comes from"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "headers": {name: _header(*about) for name, about in HEADERS.items()},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def path_of(rule: Rule) -> str:
    """`/api/chats/<chat_id>` as `/api/chats/{chatId}`."""
    return re.sub(r"<(\w+?)_id>", r"{\1Id}", rule.rule)


def methods_of(rule: Rule) -> list[str]:
    return [method for method in METHODS if method in (rule.methods or ())]


def _routes(url_map: Map) -> Iterator[tuple[Operation, Rule]]:
    """In the catalogue's order."""
    rules = {rule.endpoint: rule for rule in url_map.iter_rules()}
    for endpoint, operation in OPERATIONS.items():
        yield operation, rules[endpoint]


def _types() -> Iterator[Any]:
    for operation in OPERATIONS.values():
        if operation.body is not None:
            yield operation.body
        for answer in operation.answers:
            yield from (one for one in (answer.data, answer.meta, *answer.content.values()) if one is not None)


def _operation(operation: Operation, rule: Rule, path: str, method: str, schemas: Schemas) -> Schema:
    access, is_first = ACCESS[rule.endpoint], method == methods_of(rule)[0]
    described: Schema = {
        "operationId": operation.id if is_first else f"{operation.id}With{method.title()}",
        "tags": [operation.tag],
        "summary": operation.summary if is_first else f"{operation.summary}, with {method}",
        "security": [{operation.bearer: []}, {}] if operation.bearer else SECURITY[access],
    }
    if operation.description:
        described["description"] = operation.description
    if parameters := list(_parameters(operation, path)):
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = _body(operation, schemas)
    described["responses"] = {str(answer.status): _answer(answer, path, schemas) for answer in operation.answers}
    for status, codes in refusals(operation, access, method, path).items():
        described["responses"][str(status)] = _refusal(status, codes)
    return described


def _parameters(operation: Operation, path: str) -> Iterator[Schema]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": ID, "description": f"The {name[:-2]}'s id"}
    for place, parameters in (("query", operation.query), ("header", operation.headers)):
        yield from (_parameter(parameter, place) for parameter in parameters)


def _parameter(parameter: Parameter, place: str) -> Schema:
    described = {"name": parameter.name, "in": place, "description": parameter.description, "schema": parameter.schema}
    return described if parameter.example is None else {**described, "example": parameter.example}


def _body(operation: Operation, schemas: Schemas) -> Schema:
    schema = schemas.of(operation.body)
    model = schemas.components[schema["$ref"].removeprefix(REF)]
    for name, more in operation.notes.items():
        model["properties"][name] |= more
    for name in operation.required:
        model["properties"][name].pop("default", None)
        model["required"] = [*model.get("required", []), name]
    return {"required": not operation.body_optional, "content": {JSON: {"schema": schema}}}


def _answer(answer: Answer, path: str, schemas: Schemas) -> Schema:
    content = {media: {"schema": schemas.of(one)} for media, one in answer.content.items()}
    if answer.in_envelope:
        content[JSON] = {"schema": _envelope(answer, schemas)}
    limits = LIMITS if path.startswith("/api/") and path != "/api/health" else ()
    described: Schema = {"description": answer.description, "headers": _headers(*answer.headers, *limits)}
    return {**described, "content": content} if content else described


def _envelope(answer: Answer, schemas: Schemas) -> Schema:
    properties: Schema = {"success": {"const": True}}
    if answer.data is not None:
        properties["data"] = schemas.of(answer.data)
    if answer.meta is not None:
        properties["meta"] = schemas.of(answer.meta)
    if answer.message:
        properties["message"] = {"type": "string", "description": "one sentence"}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _refusal(status: int, codes: list[str]) -> Schema:
    schema = {"allOf": [{"$ref": f"{REF}Failure"}, {"properties": {"code": {"enum": codes}}}]}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}",
        "headers": _headers(*REFUSING.get(status, ())),
        "content": {JSON: {"schema": schema}},
    }


def _headers(*names: str) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _header(description: str, schema: Schema, required: bool) -> Schema:
    return {"description": description, "schema": schema, "required": required}
