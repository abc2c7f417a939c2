"""JSON as RFC 8259 and I-JSON (RFC 7493) have it: UTF-8, no duplicate keys, numbers that exist, bounded depth.

The standard library's parser with hooks: it alone reports lone surrogates as text (so that the field can be named)
and sees every key of an object. Measured on one core: ordinary text 200 MB/s, the worst inputs 4 MB/s, so only small
bodies are parsed in the hub.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec
from gevent.lock import BoundedSemaphore

from ..errors import ValidationError
from ..stacks import in_thread

MAX_DEPTH = 64
MAX_DIGITS = 400  # of one number; more than any double or 1024-bit integer needs
OFF_HUB_BYTES = 32 * 1024  # larger ones are parsed in a thread: at worst this takes 6 ms
SKIM_BYTES = 1024 * 1024  # of larger ones `parse_last` reads only what counts
MAX_COMMAS = 2_000_000  # in a body that is skimmed: bounds its items, and leaves room for 16 MiB of prose
MAX_BRACKETS = 250_000  # opening ones, those in texts too: bounds the objects and lists that are made

_one_at_a_time = BoundedSemaphore(1)


def parse(raw: bytes) -> Any:
    """What `raw` says. Raises ValidationError INVALID_JSON, whatever is wrong with it."""
    return _parse(raw) if len(raw) <= OFF_HUB_BYTES else _in_turn(_parse, raw)


def parse_last(raw: bytes, field: str) -> Any:
    """As `parse`, for an object whose list `field` may be long and of which only the last item counts.

    In a large body the items before it come as None: 16 MiB of nested lists would otherwise become millions of
    objects, and the garbage collector would stop every stream of the process for seconds.
    """
    return parse(raw) if len(raw) <= SKIM_BYTES else _in_turn(_skim, raw, field)


def _in_turn(function: Callable[..., Any], *args: object) -> Any:
    """In a thread, one at a time: each would keep the interpreter's lock from the event loop for 5 ms a turn."""
    with _one_at_a_time:
        return in_thread(function, *args)


def _parse(raw: bytes, depth: int = MAX_DEPTH) -> Any:
    if raw.startswith(b"\xef\xbb\xbf"):
        _refuse("it begins with a byte order mark")
    brackets = raw.count(b"[") + raw.count(b"{")
    if brackets > MAX_BRACKETS:
        _refuse("it has too many objects and lists")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        _refuse("it is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at character {error.pos}")
    except RecursionError:
        _refuse(f"it is nested deeper than {MAX_DEPTH} levels")
    if brackets > depth:
        _check_depth(value, depth)
    return value


def _skim(raw: bytes, field: str) -> Any:
    if raw.count(b",") > MAX_COMMAS:
        _refuse("it has too many values")
    try:
        top = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        items = msgspec.json.decode(top.pop(field, b"[]"), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse(raw[:SKIM_BYTES])  # not the object we look for; the beginning tells what is wrong
    whole = {key: _parse(bytes(value), MAX_DEPTH - 1) for key, value in top.items()}
    last = [_parse(bytes(item), MAX_DEPTH - 2) for item in items[-1:]]
    return whole | {field: [None] * (len(items) - 1) + last}


def _check_depth(value: Any, depth: int) -> None:
    level = [value]
    for _ in range(depth):
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
