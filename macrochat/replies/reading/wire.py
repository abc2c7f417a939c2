"""Journal bytes on the wire: raw text/plain, or server-sent events for who asks for them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Response, request

from ...errors import NotFound
from ..journal.logs import Cursor
from ..models import STREAMING
from ..trace import REASONING, RESTART, Line
from .bodies import DELETED, BodyCut
from .followers import CLEAN_ENDS, Follower
from .lanes import LanesFollower

# What a server's own access log reads of a request when its body has ended.
REQUEST_LINE = ("REQUEST_METHOD", "RAW_URI", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "REMOTE_ADDR")
# One line: a blank line after it would be an empty event to httpx-sse and fetch-event-source.
LIFE = b": \n"
NOTHING_YET = b""
LIVE_LAST_BYTE = (1 << 53) - 1  # RFC 8673: the last position of a representation that still grows


def text_response(follower: Follower, headers: dict[str, str], *, total: int | None, partial: bool) -> Response:
    """The reply's text and nothing else. `total` is its length in bytes once final; `partial` answers a Range."""
    follower.chunked = request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1" and request.method != "HEAD"
    response = Response(iter(follower), 206 if partial else 200, content_type="text/plain; charset=utf-8")
    _set_up(response, headers, follower)
    response.headers["Accept-Ranges"] = "bytes"
    if partial:
        last = LIVE_LAST_BYTE if total is None else total - 1
        response.headers["Content-Range"] = f"bytes {follower.offset}-{last}/{'*' if total is None else total}"
    return response


def trace_response(follower: Follower, headers: dict[str, str]) -> Response:
    """The reply's trace, as JSON Lines."""
    response = Response(iter(follower), content_type="application/jsonl; charset=utf-8")
    _set_up(response, headers, follower)
    return response


def event_response(
    follower: LanesFollower, headers: dict[str, str], describe: Callable[[], dict[str, Any]]
) -> Response:
    """Both lanes as events. `describe` returns the status object for the last one."""
    return events(_events(follower, describe), follower, headers)


def events(body: Iterator[bytes], follower: Follower, headers: dict[str, str]) -> Response:
    """A response of server-sent events, made of what the follower brings."""
    response = Response(body, content_type="text/event-stream; charset=utf-8")
    _set_up(response, headers, follower)
    return response


def _set_up(response: Response, headers: dict[str, str], follower: Follower) -> None:
    # For the access log: how much was read, and why it ended.
    response.follower = follower  # type: ignore[attr-defined]
    follower.on_open = partial(_forget, response, request.environ)
    response.headers["Cache-Control"] = "no-cache, no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Vary"] = "Accept"
    response.headers.update(headers)


def _forget(response: Response, environ: dict[str, Any]) -> None:
    """What nobody needs while the body lasts, 3 kB of it."""
    response.headers.clear()
    line = {name: environ[name] for name in REQUEST_LINE if name in environ}
    environ.clear()
    environ.update(line)


def _events(follower: LanesFollower, describe: Callable[[], dict[str, Any]]) -> Iterator[bytes]:
    """A final or deleted reply's events end cleanly: the last event says how it is. Other ends cut the body.

    An event's id is the cursor behind it, and never lies inside a character: the beginning of one that is still to come
    is not counted.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    cursor = follower.cursor
    for piece in until_final(follower):
        if not piece:
            yield piece if piece is NOTHING_YET else LIFE
            continue
        cursor = follower.cursor
        if isinstance(piece, Line):
            if event := _line_event(piece, cursor):
                yield event
        elif text := decoder.decode(piece):
            begun, _flags = decoder.getstate()
            yield _event("delta", {"text": text}, cursor._replace(text=cursor.text - len(begun)))
    yield _last_event(follower, describe, cursor)


def until_final(follower: LanesFollower) -> Iterator[Line | bytes | None]:
    """What a reply brings until it is final, or deleted. Raises BodyCut for every other end.

    First comes NOTHING_YET, which sends the headers; None is a sign of life.
    """
    pieces = iter(follower)  # the first of which is NOTHING_YET
    try:
        yield next(pieces)
        for piece in pieces:
            yield piece or None
    except BodyCut as cut:
        if cut.reason != DELETED and (follower.status == STREAMING or cut.reason != follower.status):
            raise
    finally:
        pieces.close()  # type: ignore[attr-defined]


def _line_event(line: Line, cursor: Cursor) -> bytes:
    """A line of the trace as an event; nothing for what nobody is shown."""
    facts: dict[str, Any] = {"at": line.at, "t": line.t}
    if line.kind == REASONING:
        return _event(REASONING, {"text": line.text} | facts, cursor)
    if line.kind == RESTART:
        return _event(RESTART, facts | {"hurried": line.hurried}, cursor)
    return b""


def _last_event(follower: Follower, describe: Callable[[], dict[str, Any]], cursor: Cursor) -> bytes:
    """How the reply stands. Raises BodyCut when the database cannot tell: the client asks again."""
    try:
        return _event("done" if follower.status in CLEAN_ENDS else "error", describe(), cursor)
    except NotFound as error:  # deleted while it was read
        facts = {"id": str(follower.connection.reply_id), "status": DELETED}
        return _event("error", facts | {"error": {"code": error.code, "message": error.message}}, cursor)
    except sa.exc.SQLAlchemyError as error:
        raise BodyCut("storage") from error


def _event(name: str, data: dict[str, Any], cursor: Cursor) -> bytes:
    return f"event: {name}\nid: {cursor}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
