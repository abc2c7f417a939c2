"""The two things that say who calls: a browser session's token and an API key. Both are stored as SHA-256 only."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager

from .. import database
from ..database import UTCDateTime, now
from ..extensions import db
from ..logs import get_logger
from .models import ApiKey, BrowserSession, User

log = get_logger(__name__)
IDLE = dt.timedelta(days=14)  # a session that nobody uses for so long is over
SEEN_EVERY = dt.timedelta(minutes=5)  # `last seen` and `last used` are this coarse: reading must not mean writing


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request was let in with; `id` is the row's. Who keeps a connection open asks `live_credentials` again."""

    kind: Literal["session", "key"]
    id: uuid.UUID


def sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def find_session(token: str) -> BrowserSession | None:
    """The live session of that token, with its user; None if unknown, expired, revoked, or the user is not active."""
    found: BrowserSession | None = db.session.scalar(_SESSION, {"digest": sha256(token), **_moments()})
    if found:
        _touch(BrowserSession.last_seen_at, found.id, found.last_seen_at)
    return found


def find_key(key: str) -> ApiKey | None:
    """The live API key, with its user; None as above."""
    found: ApiKey | None = db.session.scalar(_KEY, {"digest": sha256(key), **_moments()})
    if found:
        _touch(ApiKey.last_used_at, found.id, found.last_used_at)
    return found


def live_credentials(credentials: Iterable[Credential]) -> set[Credential]:
    """Those that would still be let in. At most two queries, one a kind."""
    asked = set(credentials)
    live: set[Credential] = set()
    tables: tuple[tuple[Literal["session", "key"], Any], ...] = (("session", BrowserSession), ("key", ApiKey))
    for kind, table in tables:
        ids = [credential.id for credential in asked if credential.kind == kind]
        if ids:
            query = sa.select(table.id).join(User, User.id == table.user_id).where(table.id.in_(ids), *_live(table))
            live |= {Credential(kind, found) for found in db.session.scalars(query, _moments())}
    return live


def _live(table: Any) -> list[sa.ColumnElement[bool]]:
    seen = [BrowserSession.last_seen_at > sa.bindparam("idle", type_=UTCDateTime())] if table is BrowserSession else []
    return [
        *seen,
        table.revoked_at.is_(None),
        sa.or_(table.expires_at.is_(None), table.expires_at > sa.bindparam("now", type_=UTCDateTime())),
        User.is_active.is_(True),
    ]


def _moments() -> dict[str, dt.datetime]:
    return {"now": now(), "idle": now() - IDLE}


def _finding(table: Any, digest: Any) -> sa.Select[Any]:
    """Built once: every request asks this. Rows that the session knows already are read again."""
    return (
        sa.select(table)
        .join(table.user)
        .where(digest == sa.bindparam("digest"), *_live(table))
        .options(contains_eager(table.user))
        .execution_options(populate_existing=True)
    )


_SESSION = _finding(BrowserSession, BrowserSession.token_sha256)
_KEY = _finding(ApiKey, ApiKey.sha256)


def _touch(column: Any, row_id: uuid.UUID, last: dt.datetime | None) -> None:
    """Notes the use, at most every five minutes. A database that only reads just now does not keep anybody out."""
    if last is not None and now() - last < SEEN_EVERY:
        return
    table = column.class_
    try:
        with database.write() as session:
            session.execute(sa.update(table).where(table.id == row_id).values({column.key: now()}))
    except sa.exc.SQLAlchemyError as error:
        if not database.is_outage(error):
            raise
        log.warning("last use not noted", error=type(error).__name__)
