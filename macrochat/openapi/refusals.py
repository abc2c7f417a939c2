"""What every operation refuses because of its guard, its method and its body, before its own rules are asked."""

from __future__ import annotations

from collections import defaultdict

from ..accounts.access import Access
from ..accounts.guard import SAFE_METHODS
from .operations import Operation

Codes = dict[int, list[str]]

BODY: dict[int, tuple[str, ...]] = {
    400: ("VALIDATION_ERROR", "INVALID_JSON", "BODY_INCOMPLETE", "TEXT_CONTAINS_NUL", "TEXT_NOT_UNICODE"),
    408: ("REQUEST_TIMEOUT",),
    413: ("BODY_TOO_LARGE",),
    415: ("UNSUPPORTED_MEDIA_TYPE",),
    503: ("STORAGE_UNAVAILABLE",),
}
CALLER: dict[int, tuple[str, ...]] = {
    400: ("AMBIGUOUS_CREDENTIALS",),
    401: ("UNAUTHENTICATED", "INVALID_API_KEY"),
    503: ("STORAGE_UNAVAILABLE",),
}
# The model's server refuses or breaks before its first event.
UPSTREAM: dict[int, tuple[str, ...]] = {
    402: ("UPSTREAM_QUOTA",),
    422: ("CONTEXT_TOO_LONG",),
    502: (
        "UPSTREAM_AUTH",
        "UPSTREAM_ERROR",
        "UPSTREAM_UNREACHABLE",
        "UPSTREAM_BAD_RESPONSE",
        "UPSTREAM_NO_MODELS",
        "UPSTREAM_MODEL_NOT_FOUND",
    ),
    503: ("UPSTREAM_BUSY",),
    504: ("UPSTREAM_TIMEOUT",),
}
# Refused by gunicorn, before the application sees the request.
LONG_ADDRESS: dict[int, tuple[str, ...]] = {414: ("URI_TOO_LONG",)}
LONG_HEADERS: dict[int, tuple[str, ...]] = {400: ("BAD_REQUEST",), 431: ("REQUEST_HEADER_FIELDS_TOO_LARGE",)}


def refusals(operation: Operation, access: Access, method: str, path: str) -> Codes:
    """Codes by status, lowest first: the operation's own and those that it shares with others."""
    codes: defaultdict[int, list[str]] = defaultdict(list)
    for source in _sources(operation, access, method, path):
        for status, more in source.items():
            codes[status] += [code for code in more if code not in codes[status]]
    return dict(sorted(codes.items()))


def _sources(operation: Operation, access: Access, method: str, path: str) -> list[dict[int, tuple[str, ...]]]:
    sources = [dict(operation.refusals)]
    if operation.body is not None:
        sources.append(BODY)
    if access in (Access.USER, Access.SESSION):
        sources.append(CALLER)
    if access is Access.SESSION:
        sources.append({403: ("SESSION_REQUIRED",)})
    if method not in SAFE_METHODS:
        sources.append({403: ("CROSS_ORIGIN",)})
    if operation.query or "{" in path:
        sources.append(LONG_ADDRESS)
    if operation.headers:
        sources.append(LONG_HEADERS)
    if path.startswith("/api/") and path != "/api/health":
        sources.append({400: ("HOST_NOT_ALLOWED",), 429: ("RATE_LIMITED",)})
    return sources
