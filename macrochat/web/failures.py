"""How errors are shown: as the envelope of a failure under /api, as a page elsewhere."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import flask
import sqlalchemy as sa
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from .. import database
from ..errors import MacrochatError, ProviderError, Unavailable
from ..extensions import db
from ..logs import get_logger

log = get_logger(__name__)

STORAGE_RETRY_SECONDS = 2

# What the framework refuses by itself, in our words.
SENTENCES = {
    400: "The request cannot be understood",
    404: "There is nothing at this address",
    405: "This address does not answer to that method",
    413: "The request is too large",
    414: "The address is too long",
    415: "The body's Content-Type is not one this address reads",
    416: "The range is not in the document",
}


def init_app(app: Flask) -> None:
    """Shows every error: JSON under /api, a page elsewhere. Of the cause only code and sentence are told."""
    app.register_error_handler(MacrochatError, show)
    app.register_error_handler(HTTPException, _frameworks)
    app.register_error_handler(Exception, _unexpected)


def wants_json() -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def show(error: MacrochatError) -> Response:
    """One of our errors as an answer, in the form this address speaks."""
    _roll_back()
    if isinstance(error, ProviderError) and error.detail:
        log.warning("provider error", code=error.code, detail=error.detail[:2000])
    response = _answer(error.status, error.code, error.message, error.details)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="macrochat"'  # RFC 9110, 11.6.1
    response.headers.update(error.headers)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def shown_as(error: Exception) -> MacrochatError:
    """The error that stands for any exception: itself, an outage, or the root, which is logged."""
    if isinstance(error, MacrochatError):
        return error
    cause = getattr(error, "original_exception", None) or error
    if database.is_outage(cause):
        log.warning("storage unavailable", error=type(cause).__name__, cause=database.reason(cause))
        return Unavailable(retry_after=STORAGE_RETRY_SECONDS)
    log.error("unexpected error", method=request.method, route=_route(), exc_info=cause)
    return MacrochatError()


def _frameworks(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400 or error.response is not None:  # a redirect, or an answer made elsewhere
        return error
    _roll_back()
    if status >= 500:
        return _unexpected(error)
    response = _answer(status, HTTPStatus(status).name, SENTENCES.get(status, f"{HTTPStatus(status).phrase}"))
    for name, value in error.get_headers(request.environ):
        if name in ("Allow", "Retry-After", "Content-Range", "WWW-Authenticate"):
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    return show(shown_as(error))


def _route() -> str:
    """Not the path, which is anybody's text."""
    return request.url_rule.rule if request.url_rule else "none"


def _roll_back() -> None:
    """Ends what the request had begun, so that the error page holds no lock and no connection."""
    try:
        db.session.rollback()
    except sa.exc.SQLAlchemyError:
        log.warning("rollback failed", exc_info=True)


def _answer(status: int, code: str, message: str, details: list[dict[str, Any]] | None = None) -> Response:
    request_id = g.get("request_id", "")
    if not wants_json():
        return _page(status, message, request_id)
    body = {"success": False, "error": message, "code": code, "requestId": request_id}
    if details:
        body["details"] = details
    response = cast(Response, flask.current_app.json.response(body))
    response.status_code = status
    return response


def _page(status: int, message: str, request_id: str) -> Response:
    title = HTTPStatus(status).phrase
    facts = {"status": status, "title": title, "message": message, "request_id": request_id}
    try:
        text = flask.render_template("errors/page.html", **facts)
    except Exception:  # the page may need what is broken; the plain one needs nothing
        log.warning("error page failed", exc_info=True)
        text = flask.render_template_string(PLAIN_PAGE, **facts)
    return flask.make_response(text, status)


PLAIN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{ title }}</title>
<h1>{{ status }} {{ title }}</h1><p>{{ message }}</p><p><small>{{ request_id }}</small></p></html>
"""
