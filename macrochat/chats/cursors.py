"""Where a list of chats goes on: a place in its order, and the opaque text that stands for it on the wire."""

from __future__ import annotations

import base64
import datetime as dt
import re
import struct
import uuid
from typing import NamedTuple

from flask import request

from ..bodies import invalid

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
LAYOUT = struct.Struct(">q16s")  # microseconds since 1970, the id
CURSOR = re.compile(r"[A-Za-z0-9_-]{32}")  # base64url (RFC 4648, 5) of 24 bytes: no padding, and one text for each


class Place(NamedTuple):
    """Behind the chat that had this time and this id, whether or not it still has, or exists.

    It says nothing about whose chat that is: a list is always one person's.
    """

    updated_at: dt.datetime
    id: uuid.UUID


def write_cursor(place: Place) -> str:
    """The place to the microsecond, in 32 characters that need no escaping in an address."""
    microseconds = (place.updated_at - EPOCH) // MICROSECOND
    return base64.urlsafe_b64encode(LAYOUT.pack(microseconds, place.id.bytes)).decode()


def read_cursor(text: str) -> Place:
    """The place that `write_cursor` made this of. Raises ValueError for any other text."""
    if not CURSOR.fullmatch(text):
        raise ValueError("not a cursor")
    microseconds, id_bytes = LAYOUT.unpack(base64.urlsafe_b64decode(text))
    try:
        return Place(EPOCH + dt.timedelta(microseconds=microseconds), uuid.UUID(bytes=id_bytes))
    except OverflowError:
        raise ValueError("a time that no chat has") from None


def query_place() -> Place | None:
    """`?cursor=` as a place, None when absent. Raises ValidationError, also for a `?page=` beside it."""
    text = request.args.get("cursor")
    if text is None:
        return None
    if "page" in request.args:
        raise invalid("cursor", "must not stand beside page")
    try:
        return read_cursor(text)
    except ValueError:
        raise invalid("cursor", "must be the nextCursor of an earlier answer") from None
