"""A reply as the AI SDK's UI message stream (version 1): a JSON object an event, thoughts and words in their order."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from flask import Response

from ..errors import NotFound
from ..replies.models import COMPLETE, STOPPED
from ..replies.reading import wire
from ..replies.reading.bodies import BodyCut
from ..replies.reading.lanes import LanesFollower
from ..replies.trace import REASONING, RESTART, Line

Describe = Callable[[], dict[str, Any]]
HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}
DONE = b"data: [DONE]\n\n"
TOLD_AT_THE_END = ("model", "status", "finishReason", "usage")  # of the status object, as the message's metadata


def response(follower: LanesFollower, headers: dict[str, str], facts: dict[str, str], describe: Describe) -> Response:
    """`facts` are the message's metadata from its start on; `describe` returns the status object for its end."""
    return wire.events(_stream(follower, facts, describe), follower, headers | HEADERS)


def _stream(follower: LanesFollower, facts: dict[str, str], describe: Describe) -> Iterator[bytes]:
    """Ends as the reply does: with `finish`, `abort` or `error`. Every other end cuts the body."""
    parts = _Parts()
    yield _event("start", messageId=str(follower.connection.reply_id), messageMetadata=facts)
    for piece in wire.until_final(follower):
        if piece is None:
            yield wire.LIFE
        elif piece:
            yield parts.take(piece)
    yield parts.end() + _end(describe, facts) + DONE


def _end(describe: Describe, facts: dict[str, str]) -> bytes:
    try:
        status = describe()
    except NotFound as error:  # deleted while it was read
        return _event("error", errorText=error.message)
    except sa.exc.SQLAlchemyError as error:
        raise BodyCut("storage") from error
    if status["status"] == STOPPED:
        return _event("abort")
    if status["status"] != COMPLETE:
        return _event("error", errorText=(status["error"] or {}).get("message", "The reply was interrupted"))
    return _event("finish", messageMetadata=facts | {name: status[name] for name in TOLD_AT_THE_END})


class _Parts:
    """The parts of one message as they open, grow and close. Their ids are numbers."""

    def __init__(self) -> None:
        self._kind = ""
        self._count = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, piece: bytes | Line) -> bytes:
        if isinstance(piece, bytes):
            text = self._decoder.decode(piece)
            return self._grow("text", text) if text else b""
        if piece.kind == REASONING:
            return self._grow("reasoning", piece.text)
        return self.end() if piece.kind == RESTART else b""

    def end(self) -> bytes:
        """Closes the part that is open, if one is."""
        kind, self._kind = self._kind, ""
        return _event(f"{kind}-end", id=str(self._count)) if kind else b""

    def _grow(self, kind: str, text: str) -> bytes:
        begun = b""
        if kind != self._kind:
            begun = self.end()
            self._kind, self._count = kind, self._count + 1
            begun += _event(f"{kind}-start", id=str(self._count))
        return begun + _event(f"{kind}-delta", id=str(self._count), delta=text)


def _event(kind: str, **facts: Any) -> bytes:
    return f"data: {json.dumps({'type': kind} | facts, ensure_ascii=False)}\n\n".encode()
