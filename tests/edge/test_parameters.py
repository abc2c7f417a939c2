"""Query parameters and ids in addresses."""

import uuid

import pytest

from macrochat.bodies import parse_id, query_int, query_text
from macrochat.errors import NotFound, ValidationError


def test_a_whole_number_within_its_bounds(app):
    for query, expected in [("", 20), ("?limit=1", 1), ("?limit=100", 100), ("?limit=007", 7), ("?limit=5&limit=9", 5)]:
        with app.test_request_context(f"/{query}"):
            assert query_int("limit", 20, 1, 100) == expected, query


def test_anything_else_is_refused_by_name(app):
    for value in ["", "0", "101", "-1", "1.0", "1e2", "abc", "%00", "٣", "+5", "0x5", " 5", "9" * 400, "NaN", "1_0"]:
        with app.test_request_context(f"/?limit={value}"), pytest.raises(ValidationError) as caught:
            query_int("limit", 20, 1, 100)
        assert caught.value.details[0]["field"] == "limit", value


def test_a_text_is_trimmed_and_bounded(app):
    with app.test_request_context("/?q=%20%C3%A9t%C3%A9%20"):
        assert query_text("q", 10) == "été"
    for value in ["x" * 11, "%00"]:
        with app.test_request_context(f"/?q={value}"), pytest.raises(ValidationError, match="q must be text"):
            query_text("q", 10)


def test_an_id_is_a_uuid_or_nobodys():
    known = uuid.uuid4()
    assert parse_id(str(known), NotFound()) == known
    assert parse_id(str(known).upper(), NotFound()) == known
    for odd in [
        "",
        "x",
        str(known)[:-1],
        f"{known}0",
        f"{{{known}}}",
        f"urn:uuid:{known}",
        known.hex,
        "\0",
        f"{known}\n",
    ]:
        with pytest.raises(NotFound, match="no such thing"):
            parse_id(odd, NotFound("no such thing"))
