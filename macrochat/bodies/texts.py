"""What may stand in a text that we store: all but NUL (PostgreSQL refuses it) and lone surrogates (not UTF-8)."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..errors import TooLarge, ValidationError

NUL, NOT_UNICODE = "TEXT_CONTAINS_NUL", "TEXT_NOT_UNICODE"
SENTENCES = {
    NUL: "must not contain NUL characters",
    NOT_UNICODE: "must be valid Unicode (it has half of a surrogate pair)",
    "blank": "must not be empty or only white space",
}
# Letters and marks that show nothing: fillers, joiners and variation selectors are not in the categories below.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(c) for c in range(0xFE00, 0xFE10)}


def text_rules(value: object, field: str, limit_characters: int, *, message: bool = False) -> str:
    """The same text, unchanged, if it may be stored. Otherwise raises an error that names `field`.

    Not text or blank: VALIDATION_ERROR. NUL and surrogates: their codes. Too long: 413 MESSAGE_TOO_LONG for a chat
    `message`, VALIDATION_ERROR for anything else.
    """
    if not isinstance(value, str):
        raise invalid(field, "must be text")
    if len(value) > limit_characters:
        too_long = f"must have at most {limit_characters} characters"
        if message:
            sentence = f"The message is longer than {limit_characters} characters"
            raise TooLarge(sentence, code="MESSAGE_TOO_LONG", details=[{"field": field, "error": too_long}])
        raise invalid(field, too_long)
    if problem := find_problem(value) or ("blank" if is_blank(value) else None):
        raise invalid(field, SENTENCES[problem], code=None if problem == "blank" else problem)
    return value


def find_problem(text: str) -> str | None:
    """The code of what makes `text` impossible to store, or None."""
    if "\0" in text:
        return NUL
    try:
        text.encode()
    except UnicodeEncodeError:
        return NOT_UNICODE
    return None


def is_blank(text: str) -> bool:
    """Whether nothing of it could be seen: white space, control and zero-width characters only."""
    return all(unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp") or c in INVISIBLE for c in text)


def invalid(field: str, error: str, *, code: str | None = None) -> ValidationError:
    """The refusal of what stands at `field`: a query parameter, or a field of a body by its path."""
    return ValidationError(f"{field} {error}", code=code, details=[{"field": field, "error": error}])


def _plain(text: str) -> str:
    if problem := find_problem(text):
        raise PydanticCustomError(problem, SENTENCES[problem])  # type: ignore[arg-type]
    return text


def _clean(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError("blank", SENTENCES["blank"])  # type: ignore[arg-type]
    return _plain(text)


WITHOUT_NUL = {"pattern": "^[^\\u0000]*$"}  # what JSON Schema can say of these rules
PlainText = Annotated[str, AfterValidator(_plain), Field(json_schema_extra=WITHOUT_NUL)]  # may be empty
CleanText = Annotated[str, AfterValidator(_clean), Field(json_schema_extra=WITHOUT_NUL)]  # something can be seen
