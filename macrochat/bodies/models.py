"""Bodies as pydantic models: camelCase on the wire, strict types, unknown keys ignored, errors that name the field."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pydantic
from flask import request
from pydantic.alias_generators import to_camel

from ..errors import UnsupportedMediaType, ValidationError
from . import strict_json, texts
from .receive import BODY_SECONDS, MIB, receive

JSON_TYPE = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
FORM_TYPE = re.compile(r"application/x-www-form-urlencoded\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
MAX_FORM_BYTES = 64 * 1024  # of a whole form as it is sent: a long password, each byte as `%41`, takes 12 kB
MAX_FORM_FIELDS = 50
BYTES_A_CHARACTER = 8  # of a text as it is sent: four of UTF-8, and as many for what is trimmed or composed
MAX_DETAILS = 20  # of one answer; a hostile body could have a million wrong items

SENTENCES = {
    "missing": "is required",
    "string_type": "must be text",
    "string_unicode": texts.SENTENCES[texts.NOT_UNICODE],
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} {unit}",
    "too_long": "must have at most {max_length} {unit}",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
CODES = {"string_unicode": texts.NOT_UNICODE, texts.NUL: texts.NUL, texts.NOT_UNICODE: texts.NOT_UNICODE}


class Body(pydantic.BaseModel):
    """Base of all request bodies. `3` is not `"3"`: nothing is converted."""

    model_config = pydantic.ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)


M = TypeVar("M", bound=pydantic.BaseModel)


def read(
    model: type[M],
    *,
    limit: int = MIB,
    seconds: float = BODY_SECONDS,
    optional: bool = False,
    last_of: str | None = None,
) -> M:
    """The request's JSON body as a `model`. With `optional`, no body at all counts as `{}`.

    `last_of` names a list of which only the last item counts: in a body over 1 MiB those before it come as None.

    Raises ValidationError (VALIDATION_ERROR, INVALID_JSON, BODY_INCOMPLETE, TEXT_…), TooLarge, RequestTimeout or
    UnsupportedMediaType.
    """
    if not (optional and request.content_type is None) and not JSON_TYPE.fullmatch(request.content_type or ""):
        raise UnsupportedMediaType()
    raw = receive(limit, seconds)
    if optional and not raw:
        return check(model, {})
    if request.content_type is None:
        raise UnsupportedMediaType()
    return check(model, strict_json.parse_last(raw, last_of) if last_of else strict_json.parse(raw))


def read_form(*, limit: int = MIB) -> dict[str, str]:
    """The fields of an HTML form; of a repeated one the last. The same limits as `read`, the same errors."""
    if not FORM_TYPE.fullmatch(request.content_type or ""):
        raise UnsupportedMediaType("The body must be an HTML form: application/x-www-form-urlencoded, in UTF-8")
    raw = receive(limit)
    if len(raw) > MAX_FORM_BYTES:
        raise ValidationError(f"The form has more than {MAX_FORM_BYTES} bytes", code="INVALID_FORM")
    try:
        text = raw.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:  # not UTF-8, or too many fields
        raise ValidationError("The form cannot be understood", code="INVALID_FORM") from None
    return dict(pairs)


def check(model: type[M], data: object) -> M:
    """`data` (parsed JSON, or a form's fields by their camelCase names) as a `model`. Raises ValidationError."""
    if not isinstance(data, Mapping):
        raise ValidationError("The body must be a JSON object")
    _measure(model, data)
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        raise _explain(error) from None


def _measure(model: type[pydantic.BaseModel], data: Mapping[Any, Any]) -> None:
    """Refuses what is far too long before any rule looks at it: composing 400 kB of accents takes 39 seconds."""
    for field, most in _limits(model).items():
        text = data.get(field)
        if isinstance(text, str) and len(text.encode("utf-8", "surrogatepass")) > most * BYTES_A_CHARACTER:
            raise texts.invalid(field, SENTENCES["string_too_long"].format(max_length=most))


@functools.cache
def _limits(model: type[pydantic.BaseModel]) -> dict[str, int]:
    """The longest text of each field in characters, as the API's description tells it."""
    limits = {}
    for field, schema in model.model_json_schema().get("properties", {}).items():
        lengths = [one["maxLength"] for one in (schema, *schema.get("anyOf", ())) if "maxLength" in one]
        if lengths:
            limits[field] = max(lengths)
    return limits


def _explain(error: pydantic.ValidationError) -> ValidationError:
    problems = error.errors(include_url=False, include_input=False)[:MAX_DETAILS]
    details = [{"field": _field(problem["loc"]), "error": _sentence(problem)} for problem in problems]
    first = f"{details[0]['field']} {details[0]['error']}".strip()
    return ValidationError(first, code=CODES.get(problems[0]["type"]), details=details)


def _field(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _sentence(problem: Any) -> str:
    template = SENTENCES.get(problem["type"])
    if template:
        context = problem.get("ctx", {})
        # Lengths that are checked after a validator of ours come without the kind of text they belong to.
        return template.format(**context, unit="characters" if context.get("field_type") == "Value" else "items")
    return str(problem["msg"]).removeprefix("Value error, ")
