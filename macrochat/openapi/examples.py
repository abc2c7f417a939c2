"""Values that fit a schema, made of the examples in it."""

from __future__ import annotations

from typing import Any

from .operations import Schema
from .schemas import REF

BY_FORMAT = {
    "uuid": "01936b2e-7c1d-7f3a-9a54-2f6f4a0e9d11",
    "date-time": "2026-11-22T18:00:26.000Z",
    "email": "ada@example.org",
}
BY_TYPE = {"string": "…", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def example(schema: Schema, components: Schema, *, sent: bool = False) -> Any:
    """A value. In what is `sent`, only those optional fields stand that have an example of their own."""
    for key in ("const", "default"):
        if key in schema and not sent:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example(components[schema["$ref"].removeprefix(REF)], components, sent=sent)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], components, sent=sent)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [example(schema["items"], components, sent=sent)]
    if schema.get("type") == "object":
        return _object(schema, components, sent)
    return BY_FORMAT.get(schema.get("format", "")) or BY_TYPE[schema.get("type", "null")]


def _object(schema: Schema, components: Schema, sent: bool) -> dict[str, Any]:
    required = schema.get("required", [])
    return {
        name: example(about, components, sent=sent)
        for name, about in schema.get("properties", {}).items()
        if not sent or name in required or _has_example(about)
    }


def _has_example(schema: Schema) -> bool:
    return "examples" in schema or any("examples" in one for one in schema.get("anyOf", []))
