"""What load balancers and people on call ask: is the process alive, and can it do its work.

/healthz      the process answers; touches nothing else, so that a database outage restarts no worker
/readyz       database, schema and provider: 200, or 503 with a reason each
/api/health   the fixed answer that API clients of old look for
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app, jsonify

from .. import space
from ..catalogue import registries
from ..config import ROOT, Settings
from ..database import lacks_table, reason, write
from ..extensions import OnePerApp, db
from ..logs import get_logger
from ..providers.base import Provider
from ..providers.condition import UNREACHABLE, Condition
from ..replies.process import processes
from ..web import success
from . import figures

PROVIDER_SECONDS = 10.0  # how long an answer about the providers is believed: a probe must not become their load

blueprint = Blueprint("health", __name__)
log = get_logger(__name__)


class NotReady(Exception):
    """One plain sentence without names and addresses, for anybody. `detail` is the driver's reason, for operators."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail

    @property
    def whole(self) -> str:
        return f"{self}: {self.detail}" if self.detail else str(self)


@blueprint.get("/api/health")
def api_health() -> Response:
    return success(message="Api Health Status: OK")


@blueprint.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    report = readiness(reasons=figures.refusal() is None)
    return jsonify(report), 200 if report["status"] == "ready" else 503


def readiness(*, reasons: bool) -> dict[str, Any]:
    """With `reasons`, which are for operators, what the database's driver says about what is not ready."""
    found = {name: _outcome(check) for name, check in CHECKS.items()}
    report: dict[str, Any] = {
        "status": "not ready" if any(found.values()) else "ready",
        "checks": {name: str(trouble) if trouble else "ok" for name, trouble in found.items()},
    }
    details = {name: trouble.detail for name, trouble in found.items() if trouble and trouble.detail}
    return report | {"reasons": details} if reasons and details else report


class ProviderProbe:
    """How the providers are, asked at most every PROVIDER_SECONDS, side by side, by one greenlet for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, Condition] = {}
        self._believed_until = 0.0

    def by_name(self, providers: list[Provider]) -> dict[str, Condition]:
        with self._lock:
            if time.monotonic() >= self._believed_until:
                asked = {provider.name: gevent.spawn(provider.check) for provider in providers}
                self._answers = {name: greenlet.get() or UNREACHABLE for name, greenlet in asked.items()}
                self._believed_until = time.monotonic() + PROVIDER_SECONDS
            return dict(self._answers)


probes: OnePerApp[ProviderProbe] = OnePerApp("macrochat.probe")


def _outcome(check: Callable[[], None]) -> NotReady | None:
    try:
        check()
    except NotReady as trouble:
        return trouble
    return None


def _check_worker() -> None:
    """Ready is who holds a lease and can renew it: a database that takes no writes lets nobody send."""
    process = processes.current
    if process.draining:
        raise NotReady("This worker is shutting down")
    if trouble := process.lease_trouble():
        raise NotReady(*trouble)


def check_database() -> None:
    try:
        db.session.execute(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError as error:
        log.warning("not_ready", error=type(error).__name__, cause=reason(error))
        raise NotReady("The database cannot be reached", reason(error)) from None
    finally:
        db.session.rollback()


def _check_storage() -> None:
    check_database()
    settings: Settings = current_app.config["SETTINGS"]
    if trouble := space.trouble(settings):
        raise NotReady("The database is full", trouble)


def check_writes() -> None:
    """Writes, and changes nothing by it."""
    try:
        with write() as session:
            session.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))
    except sa.exc.SQLAlchemyError as error:
        raise NotReady("The database takes no writes", reason(error)) from None


def check_schema() -> None:
    """Raises NotReady. After the database check: an error here is the schema's.

    A revision that this version does not know is a newer one: the release before a deploy has migrated already, and
    what still serves must go on serving.
    """
    try:
        found = set(db.session.scalars(sa.text("SELECT version_num FROM alembic_version")))
    except sa.exc.SQLAlchemyError as error:
        if not lacks_table(error):
            raise NotReady("The database's schema cannot be read", reason(error)) from None
        found = set()
    finally:
        db.session.rollback()
    if not found or found & OLDER:
        raise NotReady("The database's schema is older than this version: run `flask db upgrade`")


def _check_provider() -> None:
    found = probes.current.by_name(registries.current.providers).values()
    if any(condition.usable for condition in found):
        return
    answering = [condition.says for condition in found if condition.state != "unreachable"]
    raise NotReady(answering[0] if answering else "No model's server answers")


def _older_revisions(folder: Path) -> set[str]:
    script = ScriptDirectory(str(folder))
    return {revision.revision for revision in script.walk_revisions()} - set(script.get_heads())


OLDER = _older_revisions(ROOT / "migrations")
CHECKS = {
    "worker": _check_worker,
    "database": _check_storage,
    "schema": check_schema,
    "provider": _check_provider,
}
