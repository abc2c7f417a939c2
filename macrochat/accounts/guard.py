"""At the door of every request: does it come from our own pages, who is calling, and may they enter here."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

import flask
import structlog
from flask import Flask, Request, g, request
from flask_login import AnonymousUserMixin, LoginManager, current_user
from werkzeug.wrappers import Response

from ..cookies import session_value
from ..errors import Forbidden, Unauthenticated, ValidationError
from ..extensions import db
from ..logs import get_logger
from . import budget, limits, sessions
from .access import ACCESS, Access
from .credentials import Credential, find_key, find_session
from .models import ApiKey, BrowserSession, User

log = get_logger(__name__)
audit = get_logger("audit")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
NEXT = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
MAX_NEXT_CHARACTERS = 2000
COOKIE_KEY = "token"  # the cookie's only content


def init_app(app: Flask, login_manager: LoginManager) -> None:
    # Flask-Login takes a remember cookie before it asks us; another application on this host may have set one.
    app.config["REMEMBER_COOKIE_NAME"] = "macrochat_never_set"
    # Not Flask-Login's context processor: it would load the user for every page, error pages in an outage included.
    login_manager.init_app(app, add_context_processor=False)
    app.jinja_env.globals["current_user"] = current_user
    login_manager.session_protection = None  # sessions are rows: there is nothing in the cookie to protect
    login_manager.request_loader(load_user)
    app.before_request(refuse_other_sites)
    app.before_request(enforce_access)
    budget.init_app(app)
    limits.init_app(app)


def sign_in(user: User) -> None:
    """Makes this browser the user's, by a new session: a token from before the sign-in is worth nothing after it."""
    agent, address = request.headers.get("User-Agent", ""), request.remote_addr or ""
    token, row = sessions.start(user, replaces=_token(), user_agent=agent, address=address)
    flask.session.clear()
    flask.session.permanent = True
    flask.session[COOKIE_KEY] = token
    g._login_user = user
    g.credential = Credential("session", row.id)


def sign_out() -> None:
    """Ends this browser's session everywhere: copies of the cookie die too. Raises as `load_user` for two cookies."""
    if token := _token():
        sessions.revoke_token(token)
    flask.session.clear()


def safe_next(text: str | None, default: str = "/") -> str:
    """`text` if it is a path on this server, else `default`: a link to the sign-in page must not lead elsewhere."""
    if not text or len(text) > MAX_NEXT_CHARACTERS or not NEXT.fullmatch(text):
        return default
    return text


def refuse_other_sites() -> None:
    """The algorithm of Go's http.CrossOriginProtection: a browser tells where an unsafe request comes from.

    Without either header it is no browser (or one from before 2020), and carries no cookie it was not given by hand.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in ("same-origin", "none") or origin in flask.current_app.config["SETTINGS"].cors_origins:
        return
    if site or (origin and _host_of(origin) != request.host):
        raise Forbidden("This request comes from another site", code="CROSS_ORIGIN")


def enforce_access() -> Response | None:
    """Lets in whom the table lets in. Unknown addresses and methods go on to their 404 and 405."""
    if request.endpoint is None or request.method == "OPTIONS":
        return None
    access = ACCESS.get(request.endpoint)
    if access is None:
        log.error("endpoint not declared", endpoint=request.endpoint)
        raise Forbidden("This address is not open to anybody", code="ENDPOINT_NOT_DECLARED")
    if access in (Access.PUBLIC, Access.OWN_RULE):
        return None
    if not current_user.is_authenticated:
        if access is Access.PAGE:
            return _to_sign_in()
        raise Unauthenticated()
    if access in (Access.SESSION, Access.PAGE) and g.credential.kind != "session":
        raise Forbidden("This needs a signed-in browser; an API key is not enough", code="SESSION_REQUIRED")
    return None


def load_user(request: Request) -> User | None:
    """Who calls, once a request. A key that is given decides alone; a wrong one never falls back to the cookie.

    Raises ValidationError AMBIGUOUS_CREDENTIALS (two keys, or two session cookies), Unauthenticated INVALID_API_KEY
    (after many of them RateLimited), and what the database raises.
    """
    g._login_user = AnonymousUserMixin()  # should this fail, the error page must not try again
    keys = given_keys(request)
    if len(keys) > 1:
        raise ValidationError("The request carries two different API keys", code="AMBIGUOUS_CREDENTIALS")
    if keys:
        return _enter("key", find_key(keys.pop()))
    token = _token()
    return _enter("session", find_session(token)) if token else None


def given_keys(request: Request) -> set[str]:
    """The different API keys of a request; `{""}` if one was announced and is empty, which is a wrong one.

    Other schemes than Bearer belong to a proxy in front of us. Repeated headers arrive joined by commas.
    """
    keys = {key.strip() for key in request.headers["X-API-KEY"].split(",")} if "X-API-KEY" in request.headers else set()
    for credential in request.headers.get("Authorization", "").split(","):
        scheme, _, key = credential.strip().partition(" ")
        if scheme.lower() == "bearer":
            keys.add(key.strip())
    return keys - {""} or keys


def _enter(kind: Literal["session", "key"], found: BrowserSession | ApiKey | None) -> User | None:
    # Nothing may hold a connection while a slow body comes in: there are few, and many callers.
    db.session.commit()
    if found is None:
        if kind == "key":
            limits.count_wrong_key()
            audit.warning("api key refused", address=request.remote_addr)
            raise Unauthenticated("The API key is not valid", code="INVALID_API_KEY")
        return None
    g.credential = Credential(kind, found.id)
    structlog.contextvars.bind_contextvars(user_id=str(found.user_id))
    return found.user


def _token() -> str | None:
    token = session_value(COOKIE_KEY)
    return token if isinstance(token, str) else None


def _to_sign_in() -> Response:
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else None
    return flask.redirect(flask.url_for("pages.login", next=wanted if safe_next(wanted) != "/" else None))


def _host_of(origin: str) -> str | None:
    """None for an origin without a host (`null`): it must not equal a Host header that is empty or malformed."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
