"""The description → what the page at /docs shows. It reads nothing but the document that programs get."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from . import curl
from .examples import example
from .operations import JSON, Schema
from .schemas import REF

CALLERS = {
    "": "Anybody",
    "apiKey bearer session": "API key or session",
    "session": "Session only",
    "metricsToken": "Metrics token",
}


class Word(NamedTuple):
    """A piece of a type's name; `shape` is the shared schema that it leads to."""

    text: str
    shape: str | None = None


def page(document: Schema, root: str) -> dict[str, Any]:
    """What the template needs. `root` is the server's address as the reader sees it."""
    operations = [
        _operation(path, method, described, document, root)
        for path, item in document["paths"].items()
        for method, described in item.items()
    ]
    shapes, bodies = document["components"]["schemas"], {o["body"]["name"] for o in operations if o["body"]}
    return {
        "about": document["info"]["description"],
        "version": document["info"]["version"],
        "tags": [
            {
                **tag,
                "id": tag["name"].lower().replace(" ", "-"),
                "operations": [o for o in operations if o["tag"] == tag["name"]],
            }
            for tag in document["tags"]
        ],
        "shapes": [_shape(name, schema) for name, schema in shapes.items() if name not in bodies],
        "root": root,
    }


def with_code(text: str) -> Markup:
    """Paragraphs, and `code` between backticks: as much CommonMark as our descriptions use."""
    return Markup("").join(Markup("<p>{}</p>").format(_spans(paragraph)) for paragraph in text.strip().split("\n\n"))


def kind(schema: Schema) -> list[Word]:
    """The name of a schema's type, for people."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        return [Word(name, name)]
    if "anyOf" in schema:
        return _joined([kind(one) for one in schema["anyOf"]])
    if "const" in schema:
        return [Word(json.dumps(schema["const"]))]
    if "enum" in schema:
        return [Word(" | ".join(schema["enum"]))]
    if schema.get("type") == "array":
        return [Word("list of "), *kind(schema["items"])]
    return [Word(schema.get("format") or schema.get("type") or "anything")]


def limits(schema: Schema) -> str:
    """What bounds a value, in words; empty if nothing does."""
    for least, most, unit in (
        ("minLength", "maxLength", " characters"),
        ("minimum", "maximum", ""),
        ("minItems", "maxItems", " items"),
    ):
        low, high = schema.get(least), schema.get(most)
        if high is not None:
            return f"{low or 0:,}–{high:,}{unit}" if low else f"at most {high:,}{unit}"
        if low:
            return f"{low:,} or more{unit}"
    return next((found for one in schema.get("anyOf", []) if (found := limits(one))), "")


def _operation(path: str, method: str, described: Schema, document: Schema, root: str) -> dict[str, Any]:
    components = document["components"]["schemas"]
    answers = [_answer(status, answer, components) for status, answer in described["responses"].items()]
    body = described.get("requestBody")
    return {
        "id": described["operationId"],
        "tag": described["tags"][0],
        "method": method.upper(),
        "path": path,
        "summary": described["summary"],
        "description": described.get("description", ""),
        "caller": CALLERS[" ".join(name for way in described["security"] for name in way)],
        "parameters": [_parameter(one) for one in described.get("parameters", [])],
        "body": _body(body, components) if body else None,
        "answers": [answer for answer in answers if not answer["codes"]],
        "refusals": [answer for answer in answers if answer["codes"]],
        "curl": curl.command(path, method, described, components, root),
    }


def _parameter(parameter: Schema) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "description": parameter["description"],
        **_value(parameter["schema"]),
    }


def _body(body: Schema, components: Schema) -> dict[str, Any]:
    name = body["content"][JSON]["schema"]["$ref"].removeprefix(REF)
    return {"optional": not body["required"], **_shape(name, components[name])}


def _shape(name: str, schema: Schema) -> dict[str, Any]:
    required = schema.get("required", [])
    fields = [
        {"name": field, "required": field in required, "description": about.get("description", ""), **_value(about)}
        for field, about in schema.get("properties", {}).items()
    ]
    return {"name": name, "description": schema.get("description", ""), "fields": fields}


def _value(schema: Schema) -> dict[str, Any]:
    default = schema.get("default")
    return {
        "kind": kind(schema),
        "limits": limits(schema),
        "default": None if default in (None, "", []) else json.dumps(default),
    }


def _answer(status: str, answer: Schema, components: Schema) -> dict[str, Any]:
    schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
    codes = [
        code for part in schema.get("allOf", []) for code in part.get("properties", {}).get("code", {}).get("enum", [])
    ]
    told = schema.get("properties", {})
    return {
        "status": status,
        "phrase": HTTPStatus(int(status)).phrase,
        "codes": codes,
        "description": answer["description"],
        "media": list(answer.get("content", {})),
        "headers": [name for name in answer["headers"] if not name.startswith("RateLimit-") and name != "X-Request-Id"],
        "data": kind(told["data"]) if "data" in told else kind(schema) if "$ref" in schema else [],
        "example": json.dumps(example(schema, components), indent=2, ensure_ascii=False) if _is_told(schema) else "",
    }


def _is_told(schema: Schema) -> bool:
    """Whether there is anything in it that the reader does not know from all other answers."""
    return "$ref" in schema or "data" in schema.get("properties", {})


def _joined(kinds: list[list[Word]]) -> list[Word]:
    words = kinds[0]
    for more in kinds[1:]:
        words = [*words, Word(" or "), *more]
    return words


def _spans(text: str) -> Markup:
    return Markup("").join(_span(piece, index) for index, piece in enumerate(text.split("`")))


def _span(piece: str, index: int) -> Markup:
    return Markup("<code>{}</code>").format(piece) if index % 2 else escape(piece)
