"""A request's body off the wire, whole or refused.

Werkzeug cuts a chunked body at its limit and goes on as if it were whole, takes a body shorter than its
Content-Length, and waits for ever; so this reads `wsgi.input` itself. What is left unread after a refusal is drained
by gunicorn before the next request on the connection, or the connection is closed (tests/edge/test_connections.py).
"""

from __future__ import annotations

import gevent
from flask import g, request

from ..errors import MacrochatError, RequestTimeout, TooLarge, UnsupportedMediaType, ValidationError
from ..extensions import db

MIB = 1024 * 1024
BODY_SECONDS = 10.0  # from the first read to the last byte
STEP = MIB  # gunicorn reads ahead as much, and copies it for each piece


def receive(limit: int = MIB, seconds: float = BODY_SECONDS) -> bytes:
    """The body in bytes, empty if there is none.

    Raises TooLarge over `limit` bytes (by Content-Length before reading, by count when chunked), RequestTimeout after
    `seconds`, ValidationError BODY_INCOMPLETE when the sender ended early or broke the chunk format, and
    UnsupportedMediaType for an encoded (gzip …) body.
    """
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType()
    length = request.content_length
    if length is None and "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        return b""
    if length is not None and length > limit:
        raise _too_large(limit)
    db.session.commit()  # what was read before is done: a slow body must not hold a connection of the database
    # The time-out must be an Exception: gunicorn then knows that its place in the stream is lost and closes the
    # connection; after gevent's own BaseException it would take the rest of the body for the next request.
    with gevent.Timeout(seconds, RequestTimeout()):
        body = _read(limit if length is None else length)
    g.received_bytes = len(body)  # what it costs is counted elsewhere
    if length is not None and len(body) < length:
        raise _incomplete()
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _read(most: int) -> bytes:
    """Up to one byte more than `most`, which tells a chunked body that is too long from one that just fits."""
    source = request.environ["wsgi.input"]
    chunked = request.content_length is None
    pieces, missing = [], most + 1 if chunked else most
    while missing > 0:
        try:
            piece = source.read(min(STEP, missing))
        except MacrochatError:
            raise
        except Exception:  # noqa: BLE001 – a reset connection, or gunicorn's errors for malformed chunks, which share no base
            raise _incomplete() from None
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
        gevent.sleep(0)  # what is there already is read without waiting: others have their turn
    return b"".join(pieces)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request's body is larger than {limit} bytes")


def _incomplete() -> ValidationError:
    return ValidationError("The request's body ended before it was complete", code="BODY_INCOMPLETE")
