"""Answers of the API in its envelope, from Flask's test client or over the wire."""

from __future__ import annotations

import re
from typing import Any

LEAKS = re.compile(r"Traceback|SELECT |INSERT |UPDATE |sqlite|psycopg|\.py\b|site-packages", re.IGNORECASE)


def body_of(answer: Any) -> dict[str, Any]:
    """The JSON body. Fails for anything else."""
    assert answer.headers["Content-Type"] == "application/json", answer.headers["Content-Type"]
    return answer.get_json() if hasattr(answer, "get_json") else answer.json()  # type: ignore[no-any-return]


def data_of(answer: Any, status: int = 200) -> Any:
    """What stands under `data` of a good answer."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    body = body_of(answer)
    assert body["success"] is True
    return body["data"]


def refusal(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal with this status and code, after a look at its envelope."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    body = body_of(answer)
    assert body["success"] is False
    assert body["code"] == code, body
    assert isinstance(body["error"], str)
    assert body["error"]
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert set(body) <= {"success", "error", "code", "details", "requestId"}
    for detail in body.get("details", []):
        assert set(detail) == {"field", "error"}, detail
    assert not LEAKS.search(answer.text), answer.text
    return body


def without_request_id(answer: Any) -> tuple[int, dict[str, Any]]:
    """Status and body, for comparing two refusals that must not differ."""
    return answer.status_code, {key: value for key, value in body_of(answer).items() if key != "requestId"}
