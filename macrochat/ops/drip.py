"""A body whose pieces leave at known moments: `flask doctor --url` reads it through the proxies in front of us, and so
learns whether they hand on what they get.

Who asks shows a ticket signed with SECRET_KEY, good for a minute: the command has that key and needs no account.
"""

from __future__ import annotations

from collections.abc import Iterator

import gevent
from flask import Flask, Response, current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer

from ..errors import NotFound
from ..replies.reading.bodies import BodyCut
from ..web.failures import SENTENCES

HEADER = "X-Macrochat-Ticket"
TICKET_SECONDS = 60
CHUNKS = 8
PAUSE_SECONDS = 0.25
PADDING = "." * 40 + "\n"  # about the size of a few words


def ticket(app: Flask) -> str:
    return str(_signer(app).dumps("drip"))


def check(given: str) -> None:
    """Raises NotFound unless `given` is a ticket of the last minute: to others the address does not exist."""
    try:
        _signer(current_app).loads(given, max_age=TICKET_SECONDS)
    except BadSignature:
        raise NotFound(SENTENCES[404]) from None


def response(*, cut: bool) -> Response:
    """CHUNKS lines, PAUSE_SECONDS apart, with the headers that replies have; `cut` breaks the body before its end."""
    answer = Response(_lines(cut), content_type="text/plain; charset=utf-8")
    answer.headers["Cache-Control"] = "no-cache, no-store, no-transform"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _lines(cut: bool) -> Iterator[bytes]:
    for number in range(CHUNKS):
        yield f"{number} {PADDING}".encode()
        if cut and number == CHUNKS // 2:
            raise BodyCut("drip")
        gevent.sleep(PAUSE_SECONDS if not cut else 0.05)


def _signer(app: Flask) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(app.secret_key), salt="macrochat-drip")
