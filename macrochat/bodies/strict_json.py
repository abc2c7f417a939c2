"""JSON as RFC 8259 and I-JSON (RFC 7493) have it: UTF-8, no duplicate keys, numbers that exist, bounded depth.

The standard library's parser with hooks: it alone reports lone surrogates as text (so that the field can be named)
and sees every key of an object.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import gevent

from ..errors import ValidationError

MAX_DEPTH = 64
MAX_DIGITS = 400  # of one number; more than any double or 1024-bit integer needs
OFF_HUB_BYTES = 256 * 1024  # larger bodies are parsed in a thread, so that streams go on meanwhile


def parse(raw: bytes) -> Any:
    """What `raw` says. Raises ValidationError INVALID_JSON, whatever is wrong with it."""
    if len(raw) > OFF_HUB_BYTES:
        return gevent.get_hub().threadpool.apply(_parse, (raw,))
    return _parse(raw)


def _parse(raw: bytes) -> Any:
    if raw.startswith(b"\xef\xbb\xbf"):
        _refuse("it begins with a byte order mark")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        _refuse("it is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at character {error.pos}")
    except RecursionError:
        _refuse(f"it is nested deeper than {MAX_DEPTH} levels")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    _refuse(f"it is nested deeper than {MAX_DEPTH} levels")


def _children(node: Any) -> list[Any]:
    children = node.values() if isinstance(node, dict) else node
    return [child for child in children if isinstance(child, dict | list)] if isinstance(node, dict | list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        _refuse("an object has the same key twice")
    return result


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        _refuse("a number is too long")
    return int(text)


def _float(text: str) -> float:
    if len(text) > MAX_DIGITS or math.isinf(value := float(text)):
        _refuse("a number is too large")
    return value


def _constant(text: str) -> NoReturn:
    _refuse(f"{text} is not a number of JSON")


def _refuse(why: str) -> NoReturn:
    raise ValidationError(f"The body is not valid JSON: {why}", code="INVALID_JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
