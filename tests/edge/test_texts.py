"""What may stand in a text: everything a person can write, byte for byte; not what no database takes."""

import pydantic
import pytest

from macrochat.bodies import Body, CleanText, PlainText, check, text_rules
from macrochat.errors import TooLarge, ValidationError

FINE = [
    "x", "  x ", "\r\n x \r\n", "👩‍👩‍👧‍👦🏳️‍🌈", "e\u0301\u0308", "</script><!--", "\u202eabc", "a\u200bb", "\ufeffx",
    "*" * 50_000, "x" * 100_000, "\U0010ffff", "\x1b[31m", "٣", "\ufffd", "\x7fx",
]  # fmt: skip
BLANK = [
    "", " ", "\n\r\t\v\f", "\u200b", "\u200b\u200c\u200d\u2060\ufeff", "\u00a0\u2003\u3000", "\u202e\u202c", "\x1b",
    "\ufe0f", "\u2800", "\u3164", "\u115f\u1160", "\u034f", " \u2028\u2029\u0085", "\u00ad",
]  # fmt: skip


class Note(Body):
    text: CleanText
    more: PlainText = ""


def refusal(*args, **options):
    with pytest.raises(ValidationError) as caught:
        text_rules(*args, **options)
    assert caught.value.details[0]["field"] == "content"
    return caught.value.code


def test_what_can_be_seen_is_kept_as_it_is():
    for text in FINE:
        assert text_rules(text, "content", 100_000) == text
        assert check(Note, {"text": text}).text == text


def test_what_cannot_be_seen_is_blank():
    for text in BLANK:
        assert refusal(text, "content", 100) == "VALIDATION_ERROR", ascii(text)
        with pytest.raises(ValidationError, match="text must not be empty"):
            check(Note, {"text": text})
        assert check(Note, {"text": "x", "more": text}).more == text


def test_nul_and_half_surrogates_have_their_codes():
    for text, code in [("a\0", "TEXT_CONTAINS_NUL"), ("\ud800", "TEXT_NOT_UNICODE"), ("\udfffx", "TEXT_NOT_UNICODE")]:
        assert refusal(text, "content", 100) == code
        for field in ("text", "more"):
            with pytest.raises(ValidationError) as caught:
                check(Note, {"text": "x", field: text})
            assert (caught.value.code, caught.value.details[0]["field"]) == (code, field)


def test_what_is_no_text_is_refused():
    for value in [None, 5, 1.5, True, [], ["x"], {}, {"text": "x"}, b"x"]:
        assert refusal(value, "content", 100) == "VALIDATION_ERROR"


def test_a_message_that_is_too_long_is_413_and_anything_else_400():
    with pytest.raises(TooLarge) as caught:
        text_rules("x" * 101, "content", 100, message=True)
    assert (caught.value.status, caught.value.code) == (413, "MESSAGE_TOO_LONG")
    assert refusal("x" * 101, "content", 100) == "VALIDATION_ERROR"
    assert text_rules("👍" * 100, "content", 100, message=True) == "👍" * 100


def test_lengths_are_told_in_characters_and_items():
    class Sized(Body):
        short: pydantic.constr(max_length=3)
        long: CleanText = pydantic.Field(min_length=3)
        many: list[int] = pydantic.Field(max_length=1)

    with pytest.raises(ValidationError) as caught:
        check(Sized, {"short": "xxxx", "long": "x", "many": [1, 2]})
    assert caught.value.details == [
        {"field": "short", "error": "must have at most 3 characters"},
        {"field": "long", "error": "must have at least 3 characters"},
        {"field": "many", "error": "must have at most 1 items"},
    ]


def test_fields_further_in_are_named_by_their_path():
    class Inner(Body):
        some_name: int

    class Outer(Body):
        items: list[Inner]

    with pytest.raises(ValidationError) as caught:
        check(Outer, {"items": [{"someName": 1}, {"someName": "1"}]})
    assert caught.value.details == [{"field": "items.1.someName", "error": "must be a whole number"}]
