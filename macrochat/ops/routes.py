"""Figures for monitoring systems, and the administrators' page with what it asks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from ..bodies import parse_id
from ..metrics import CONTENT_TYPE, expose
from ..replies.process import processes
from ..replies.rules import not_found
from ..stacks import in_thread
from ..web import success
from . import details, drip, figures, live
from .guard import require_admin
from .history import histories
from .sampling import sample

blueprint = Blueprint("ops", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    if refused := figures.refusal():
        return refused
    sample(processes.current)
    # In a thread: with many workers there is much to read and add.
    return Response(in_thread(expose), content_type=CONTENT_TYPE)


@blueprint.get("/api/ops/health")
def health() -> Response:
    require_admin()
    return success(details.health())


@blueprint.get("/api/ops/overview")
def overview() -> Response:
    require_admin()
    return success(_overview())


@blueprint.post("/api/ops/replies/<reply_id>/stop")
def stop_reply(reply_id: str) -> Response:
    require_admin()
    return success(live.stop(parse_id(reply_id, not_found()), by=current_user.id))


@blueprint.get("/api/ops/drip")
def drip_slowly() -> Response:
    drip.check(request.headers.get(drip.HEADER, ""))
    return drip.response(cut="cut" in request.args)


@blueprint.get("/admin")
def admin() -> str:
    require_admin()
    return render_template("ops/admin.html", users=details.users(), durability=details.durability(), **_overview())


def _overview() -> dict[str, Any]:
    """What the page shows first and then asks for again and again."""
    return {
        "live": live.streams(processes.current),
        "history": histories.current.hour(),
        "providers": details.providers(),
    }
