"""Who may read /metrics: a monitoring system with the token; without one, programs of this machine only."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Response, current_app, request

from ..accounts.guard import given_keys

# What proxies add, those of docs/deploy.md too. Behind one that adds nothing of this a token is needed.
TRACES_OF_PROXIES = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via")


def refusal() -> Response | None:
    """The answer to a caller who may not; None lets them in."""
    token = current_app.config["SETTINGS"].metrics_token
    if not token:
        sentence = "Without MACROCHAT_METRICS_TOKEN the figures are for this machine only\n"
        return None if is_direct() else Response(sentence, 403, mimetype="text/plain")
    if any(hmac.compare_digest(given.encode(errors="replace"), token.encode()) for given in given_keys(request)):
        return None
    answer = Response("The figures need the token: Authorization: Bearer …\n", 401, mimetype="text/plain")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="macrochat metrics"'
    return answer


def is_direct() -> bool:
    """Whether the caller is a program of this machine and no proxy is between: peer, Host and headers all say so."""
    environ = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    if any(name in request.headers for name in TRACES_OF_PROXIES):
        return False
    return _is_loopback(environ.get("REMOTE_ADDR", "")) and _is_loopback(_name_of(environ.get("HTTP_HOST", "")))


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
