"""Python types → JSON Schema 2020-12, with their shared definitions under `#/components/schemas/`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from .operations import Schema

REF = "#/components/schemas/"


class Schemas:
    """`of(type)` is the schema of one of the types it was made for; `components` are what they share."""

    def __init__(self, types: Iterable[Any]) -> None:
        wanted = [(one, "validation", TypeAdapter(one)) for one in dict.fromkeys(types)]
        found, shared = TypeAdapter.json_schemas(
            wanted,  # type: ignore[arg-type]
            ref_template=REF + "{model}",
            schema_generator=_Untitled,
        )
        self._schemas = {one: schema for (one, _mode), schema in found.items()}
        self.components: dict[str, Schema] = dict(sorted(shared.get("$defs", {}).items()))

    def of(self, one: Any) -> Schema:
        return self._schemas[one]


class _Untitled(GenerateJsonSchema):
    """Without a title for each field: it would repeat the name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
