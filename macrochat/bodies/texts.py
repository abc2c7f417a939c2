"""What may stand in a text that we store: all but NUL (PostgreSQL refuses it) and lone surrogates (not UTF-8)."""

from __future__ import annotations

from typing import Annotated

import regex
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..errors import TooLarge, ValidationError

NUL, NOT_UNICODE = "TEXT_CONTAINS_NUL", "TEXT_NOT_UNICODE"
SENTENCES = {
    NUL: "must not contain NUL characters",
    NOT_UNICODE: "must be valid Unicode (it has half of a surrogate pair)",
    "blank": "must not be empty or only white space",
}
# White space, controls and zero-width characters; then letters and marks that show nothing and are none of these:
# fillers, joiners and variation selectors.
VISIBLE = regex.compile(
    r"[^\p{Cc}\p{Cf}\p{Z}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]",
)


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
    return VISIBLE.search(text) is None


def first_visible(text: str) -> int | None:
    """Where the first character stands that could be seen, or None."""
    found = VISIBLE.search(text)
    return found.start() if found else None


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
