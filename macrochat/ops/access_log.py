"""One line per request, written when its body has ended, and the request's place in the figures.

It says who asked for which route and how it ended; never a path's or a query's content, a header or a body. Probes,
static files and looks that found nothing new (304) are lines at debug level. The ids of request and user stand in every
line by themselves (logs.py).
"""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, Response, g, request

from ..logs import get_logger
from ..metrics import REQUEST_SECONDS, REQUESTS

log_line = get_logger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NOT_MODIFIED = 304
QUIET_BLUEPRINTS = ("health", "ops")


def init_app(app: Flask) -> None:
    """Before all other hooks, so that the time it tells has theirs in it."""
    app.before_request(_begin)
    app.after_request(_end_later)


def _begin() -> None:
    g.began = time.monotonic()


def _end_later(response: Response) -> Response:
    line = _Line(response)
    if response.direct_passthrough:  # a static file: the server sends it without telling when it is done
        line.write()
    else:
        response.call_on_close(line.write)
    return response


class _Line:
    """What must be known when the request's context is gone."""

    def __init__(self, response: Response) -> None:
        self.began = g.get("began", 0.0)
        self.response: Response | None = response
        self.method = request.method if request.method in METHODS else "OTHER"
        self.route = request.url_rule.rule if request.url_rule else "none"
        self.quiet = request.endpoint == "static" or request.blueprint in QUIET_BLUEPRINTS

    def write(self) -> None:
        response, self.response = self.response, None  # it holds this line, and perhaps a whole reply
        if response is None:
            return
        seconds, status = time.monotonic() - self.began, response.status_code
        follower = getattr(response, "follower", None)
        REQUESTS.labels(self.method, self.route, status).inc()
        if follower is None:
            REQUEST_SECONDS.observe(seconds)
        facts = {"method": self.method, "route": self.route, "status": status, "durationMs": round(seconds * 1000)}
        quiet = status == NOT_MODIFIED or (self.quiet and status < 500)
        write = log_line.debug if quiet else log_line.info
        write("request", **facts, **_body(response, follower))


def _body(response: Response, follower: Any) -> dict[str, object]:
    """Bytes sent: of the text, for a reply. `end` is why its body ended; all but `finished` cut it."""
    if follower is None:
        return {"bytes": response.content_length}
    sent = follower.position - follower.offset
    return {"bytes": sent, "replyId": str(follower.connection.reply_id), "end": follower.end}
