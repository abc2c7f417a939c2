"""The envelope of a good answer, and JSON as all answers have it."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, current_app
from flask.json.provider import DefaultJSONProvider


def success(
    data: Any = None,
    status: int = 200,
    *,
    meta: dict[str, Any] | None = None,
    message: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The envelope of a good answer. `data` is left out only when there is none and a `message` says it all."""
    body: dict[str, Any] = {"success": True}
    if data is not None or message is None:
        body["data"] = data
    if meta is not None:
        body["meta"] = meta
    if message is not None:
        body["message"] = message
    response = cast(Response, current_app.json.response(body))
    response.status_code = status
    response.headers.update(headers or {})
    return response


class JSONProvider(DefaultJSONProvider):
    """Compact UTF-8. A lone surrogate (in an echo of bad input) becomes `?` instead of a second error."""

    sort_keys = False
    ensure_ascii = False

    def response(self, *args: Any, **kwargs: Any) -> Response:
        text = self.dumps(self._prepare_response_obj(args, kwargs), separators=(",", ":"))
        return current_app.response_class(f"{text}\n".encode(errors="replace"), mimetype="application/json")
