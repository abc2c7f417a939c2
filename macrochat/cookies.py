"""Cookies: how they are read, and the one that says who a browser is.

Over https its name begins with `__Host-`: browsers take such a cookie from this very host only (RFC 6265bis, 4.1.3.2),
so that no sibling (`evil.example.org` beside `chat.example.org`) can lay its own session in front of a person's.
"""

from __future__ import annotations

from typing import Any

import flask
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.utils import cached_property

from .errors import ValidationError

SESSION = "macrochat_session"
SESSION_OVER_HTTPS = f"__Host-{SESSION}"
MAX_HEADER_BYTES = 32 * 1024  # of all of a request's headers; proxies stop at about as much


class Request(flask.Request):
    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:  # type: ignore[override]
        """Cut at semicolons and nothing else; none of headers that are refused for their length.

        Werkzeug's regular expression takes time quadratic in a run of spaces: 0.3 s for 8 kB. Only spaces and tabs are
        trimmed: browsers take a name that begins with another white space for one without the prefix.
        """
        pairs = []
        text = self.environ.get("HTTP_COOKIE", "")
        if len(text) <= MAX_HEADER_BYTES:
            for piece in text.encode("latin-1").decode(errors="replace").split(";"):
                name, equals, value = piece.partition("=")
                if equals:
                    pairs.append((name.strip(" \t"), value.strip(" \t")))
        return ImmutableMultiDict(pairs)


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed cookie; `Secure` and named so exactly when this request came over https."""

    def get_cookie_name(self, app: Flask) -> str:
        return SESSION_OVER_HTTPS if flask.request.is_secure else SESSION

    def get_cookie_secure(self, app: Flask) -> bool:
        return flask.request.is_secure


def session_value(key: str) -> Any:
    """What the session cookie holds under `key`, or None.

    Raises ValidationError AMBIGUOUS_CREDENTIALS for two: which of them a browser sends first, another site chooses.
    """
    name = flask.current_app.session_interface.get_cookie_name(flask.current_app)
    values = flask.request.cookies.getlist(name)
    # Two headers arrive joined by a comma, the second cookie's name inside the first one's value.
    if len(values) > 1 or any(f"{name}=" in value for value in values):
        raise ValidationError(
            "The browser sent two session cookies, one of them from elsewhere; please delete this site's cookies",
            code="AMBIGUOUS_CREDENTIALS",
        )
    return flask.session.get(key)
