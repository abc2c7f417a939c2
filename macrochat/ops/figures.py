"""GET /metrics: all figures for a monitoring system. Behind a token; without one, for this machine only."""

from __future__ import annotations

import hmac
import ipaddress

import gevent
from flask import Blueprint, Response, current_app, request

from ..accounts.guard import given_keys
from ..metrics import CONTENT_TYPE, expose
from .sampling import sample

blueprint = Blueprint("ops", __name__)

# What proxies add. Behind one that adds nothing of this, our own snippets in docs/deploy.md close the address.
TRACES_OF_PROXIES = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via")


@blueprint.get("/metrics")
def metrics() -> Response:
    token = current_app.config["SETTINGS"].metrics_token
    if token and not any(hmac.compare_digest(given.encode(), token.encode()) for given in given_keys(request)):
        answer = Response("The figures need the token: Authorization: Bearer …\n", 401, mimetype="text/plain")
        answer.headers["WWW-Authenticate"] = 'Bearer realm="macrochat metrics"'
        return answer
    if not token and not is_direct():
        return Response(
            "Without MACROCHAT_METRICS_TOKEN the figures are for this machine only\n", 403, mimetype="text/plain"
        )
    sample(current_app.extensions["macrochat"])
    # In a thread: with many workers there is much to read and add.
    return Response(gevent.get_hub().threadpool.apply(expose), content_type=CONTENT_TYPE)


def is_direct() -> bool:
    """Whether the caller is a program of this machine and no proxy is between: peer, Host and headers all say so."""
    environ = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    if any(name in request.headers for name in TRACES_OF_PROXIES):
        return False
    return _is_loopback(environ.get("REMOTE_ADDR", "")) and _is_loopback(_name_of(environ.get("HTTP_HOST", "")))


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.rpartition(":")[0] or host


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
