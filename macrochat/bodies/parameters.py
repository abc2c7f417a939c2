"""Query parameters, and ids in paths."""

from __future__ import annotations

import re
import uuid

from flask import request

from ..errors import MacrochatError
from .texts import find_problem, invalid

UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def parse_id(text: str, not_found: MacrochatError) -> uuid.UUID:
    """An id as it stands in an address. What is not one raises `not_found`: the answer for an id that nobody has."""
    if not UUID.fullmatch(text):
        raise not_found
    return uuid.UUID(text)


def query_int(name: str, default: int, least: int, most: int) -> int:
    """`?name=` as a whole number between `least` and `most`, `default` when absent. Raises ValidationError."""
    text = request.args.get(name)
    if text is None:
        return default
    if not WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise invalid(name, f"must be a whole number from {least} to {most}")
    return int(text)


def query_text(name: str, limit_characters: int) -> str:
    """`?name=` without outer white space, empty when absent. Raises ValidationError."""
    text = request.args.get(name, "").strip()
    if len(text) > limit_characters or find_problem(text):
        raise invalid(name, f"must be text of at most {limit_characters} characters")
    return text
