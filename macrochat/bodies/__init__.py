"""What comes in: bodies, query parameters and path ids, read within limits and checked; every refusal names the field.

receive      bytes off the wire: limit, deadline, length
strict_json  bytes → Python, refusing what JSON parsers disagree about
texts        what may stand in a text
parameters   query parameters and ids in paths
"""

from .models import Body, check, read, read_form
from .parameters import parse_id, query_int, query_text
from .receive import MIB, receive
from .texts import CleanText, PlainText, find_problem, first_visible, invalid, is_blank, text_rules

__all__ = [
    "MIB",
    "Body",
    "CleanText",
    "PlainText",
    "check",
    "find_problem",
    "first_visible",
    "invalid",
    "is_blank",
    "parse_id",
    "query_int",
    "query_text",
    "read",
    "read_form",
    "receive",
    "text_rules",
]
