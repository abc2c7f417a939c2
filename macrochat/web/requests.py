"""What every response has in common: the JSON envelope, a request id, the session cookie and the security headers."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from ..config import Settings
from ..cookies import MAX_HEADER_BYTES, SESSION, Request, SessionCookie
from ..errors import HeadersTooLarge, ValidationError
from .envelope import JSONProvider

SESSION_DAYS = 30  # from signing in, however much it is used
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
HSTS_SECONDS = 365 * 24 * 3600
PREFLIGHT_SECONDS = 600
SLICE_BYTES = 64 * 1024

# Nothing but our own files; no inline code; no place to send anything to. Model output becomes elements without ever
# being a string of HTML; the one Trusted Types policy there may be starts one file of ours, the highlighter's worker.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types macrochat-worker"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",  # to hover over a model's link must not tell its host anything
}
# To those who leave: drafts, and what else our scripts noted. Not "cache", which is slow and holds none of our pages.
CLEAR_SITE_DATA = {"Clear-Site-Data": '"storage"'}
CORS_REQUEST_HEADERS = "Content-Type, Authorization, X-API-KEY, Idempotency-Key, Last-Event-ID, Range, X-Request-Id"
CORS_RESPONSE_HEADERS = (
    "X-Request-Id, X-Reply-Id, X-Reply-Offset, X-User-Message-Id, X-Chat-Id, Location, Idempotent-Replayed, "
    "Retry-After, ETag, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Content-Range, Accept-Ranges"
)


def init_app(app: Flask) -> None:
    settings: Settings = app.config["SETTINGS"]
    app.json = JSONProvider(app)
    app.request_class = Request
    app.session_interface = SessionCookie()
    # Else `/api//chats` is answered by a redirect to whatever name the Host header says.
    app.url_map.merge_slashes = False
    app.config.update(
        SESSION_COOKIE_NAME=SESSION,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=dt.timedelta(days=SESSION_DAYS),
    )
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(_name_request)
    app.before_request(_measure_headers)
    app.before_request(_check_host)
    app.before_request(_answer_preflight)
    app.after_request(_complete_headers)
    app.after_request(_slice_body)


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    # A greenlet serves all requests of one connection: what the last one bound must go.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _measure_headers() -> None:
    """gunicorn takes a hundred of 8 kB each and joins equal ones: more than any parser should be given."""
    if sum(len(value) for name, value in request.environ.items() if name.startswith("HTTP_")) > MAX_HEADER_BYTES:
        raise HeadersTooLarge()


def _check_host() -> None:
    """Only names on the list, when there is a list. Probes (health checks) call by address and are let through."""
    allowed = current_app.config["SETTINGS"].allowed_hosts
    if not allowed or request.blueprint == "health":
        return
    host = request.host.lower()
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if not {host, name} & {item.lower() for item in allowed}:
        raise ValidationError("This server does not answer under that name", code="HOST_NOT_ALLOWED")


def _answer_preflight() -> Response | None:
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if _allowed_origin() is None:
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
    response.headers["Access-Control-Allow-Headers"] = CORS_REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


def _allowed_origin() -> str | None:
    origin = request.headers.get("Origin")
    return origin if origin in current_app.config["SETTINGS"].cors_origins else None


def _slice_body(response: Response) -> Response:
    """A long answer goes out in slices: the server's patience with a slow reader (gunicorn.conf.py) is for each."""
    size = response.content_length or 0
    if size > SLICE_BYTES and response.is_sequence and not response.direct_passthrough:
        body = response.get_data()
        response.response = [body[start : start + SLICE_BYTES] for start in range(0, len(body), SLICE_BYTES)]
    return response


def _complete_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id") or str(uuid.uuid4())
    if response.status_code == 204:
        response.headers.remove("Content-Type")  # there is nothing of any type
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_SECONDS}")
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"  # an answer depends on who asks, unless a view says otherwise
    _add_cors(response)
    return response


def _add_cors(response: Response) -> None:
    if not current_app.config["SETTINGS"].cors_origins:
        return
    response.vary.add("Origin")
    if origin := _allowed_origin():
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = CORS_RESPONSE_HEADERS
