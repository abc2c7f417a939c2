"""/api/openapi.json and /docs. Both are for everybody: they say nothing that the source does not."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, current_app, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from ..config import VERSION
from ..extensions import OnePerApp
from . import reading
from .document import build

KEPT_SECONDS = 3600  # then a client asks again, with the ETag of what it has

blueprint = Blueprint("openapi", __name__)


class Description:
    """Made once, at the first question: by then all routes are there."""

    def __init__(self) -> None:
        self._document: dict[str, object] = {}
        self._text = b""

    def document(self) -> dict[str, object]:
        if not self._document:
            self._document = build(current_app.url_map, VERSION)
        return self._document

    def text(self) -> bytes:
        if not self._text:
            self._text = current_app.json.dumps(self.document(), separators=(",", ":")).encode()
        return self._text


descriptions: OnePerApp[Description] = OnePerApp("macrochat.openapi")


@blueprint.get("/api/openapi.json")
def description() -> AnyResponse:
    text = descriptions.current.text()
    response = Response(text, mimetype="application/json")
    response.set_etag(hashlib.sha256(text).hexdigest()[:16])
    response.cache_control.public, response.cache_control.max_age = True, KEPT_SECONDS
    return response.make_conditional(request)


@blueprint.get("/docs")
def docs() -> str:
    document = descriptions.current.document()
    return render_template("openapi/docs.html", **reading.page(document, request.url_root.rstrip("/")))
