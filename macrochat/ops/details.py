"""Everything an administrator wants to know about this installation's health, in one answer."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import current_app

from ..accounts.models import BrowserSession, User
from ..catalogue import registries
from ..config import VERSION
from ..database import clock, iso
from ..extensions import db
from ..replies.models import Worker
from ..replies.process import Process, processes
from .health import probes, readiness

NEWEST_USERS = 50


def health() -> dict[str, Any]:
    report = readiness(reasons=True)
    alive = report["checks"]["database"] == report["checks"]["schema"] == "ok"
    return {
        "version": VERSION,
        **report,
        "revision": _revision() if alive else None,
        "database": {"kind": db.engine.dialect.name, "pool": _pool(), "durability": durability() if alive else None},
        "worker": _worker(processes.current),
        "workers": _workers() if alive else [],
        "providers": providers(),
    }


def providers() -> list[dict[str, Any]]:
    """By name: where they are, how they are (asked at most every ten seconds), and their models."""
    registry, probe = registries.current, probes.current
    conditions, models = probe.by_name(registry.providers), registry.models()
    return [
        {
            "name": provider.name,
            "address": without_credentials(getattr(provider, "base_url", "")),
            "reachable": conditions[provider.name].usable,
            "state": conditions[provider.name].state,
            "says": conditions[provider.name].says,
            "advice": conditions[provider.name].advice,
            "models": [model.id for model in models if model.provider == provider.name],
        }
        for provider in registry.providers
    ]


def durability() -> str:
    """What a loss of power, or of the database's server, can take: one sentence."""
    if db.engine.dialect.name == "postgresql":
        standbys = db.session.scalar(sa.text("SHOW synchronous_standby_names"))
        if standbys:
            return "All that is told is on the disks of the server and of a standby before it is told"
        return "All that is told is on the server's disk before it is told; no standby is waited for"
    if current_app.config["SETTINGS"].sqlite_synchronous == "full":
        return "All that is told is on the disk before it is told"
    return "Messages and ends of replies are on the disk before they are told, running text within a second"


def users() -> dict[str, Any]:
    """How many there are, and the newest of them."""
    living = User.deleted_at.is_(None)
    seen = sa.select(sa.func.max(BrowserSession.last_seen_at)).where(BrowserSession.user_id == User.id)
    query = sa.select(User, seen.scalar_subquery()).where(living).order_by(User.id.desc()).limit(NEWEST_USERS)
    newest = [
        {
            "id": str(user.id),
            "email": user.email,
            "name": user.name,
            "isAdmin": user.is_admin,
            "isActive": user.is_active,
            "createdAt": iso(user.created_at),
            "lastSeen": iso(seen_at),
        }
        for user, seen_at in db.session.execute(query)
    ]
    return {"total": db.session.scalar(sa.select(sa.func.count()).where(living)), "newest": newest}


def without_credentials(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _revision() -> str:
    return ", ".join(db.session.scalars(sa.text("SELECT version_num FROM alembic_version")))


def _pool() -> dict[str, int]:
    pool: Any = db.engine.pool
    return {"size": pool.size(), "checkedOut": pool.checkedout()}


def _worker(process: Process) -> dict[str, Any]:
    return {
        "id": str(process.worker.id) if process.ready else None,
        "pid": os.getpid(),
        "generations": len(process.worker.generations) if process.started else 0,
        "followers": process.manager.active_count,
        "draining": process.draining,
    }


def _workers() -> list[dict[str, Any]]:
    left = Worker.lease_until - clock(db.engine.dialect.name)
    return [
        {
            "id": str(row.id),
            "host": row.host,
            "pid": row.pid,
            "startedAt": iso(row.started_at),
            "leaseSeconds": round(seconds, 1),
        }
        for row, seconds in db.session.execute(sa.select(Worker, left).order_by(Worker.id))
    ]
