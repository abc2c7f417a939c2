"""API keys: `mck_` and 43 random characters, shown once."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from typing import Any, cast

import sqlalchemy as sa

from .. import database
from ..database import now
from ..errors import Conflict, NotFound, Unauthenticated
from ..extensions import db
from ..logs import get_logger
from .credentials import sha256
from .models import ApiKey

audit = get_logger("audit")
PREFIX = "mck_"
SHOWN_CHARACTERS = 12
MAX_KEYS = 100  # living ones of one user


def create(user_id: uuid.UUID, name: str, expires_in_days: int | None = None) -> tuple[str, ApiKey]:
    """A new key (the only time it can be seen) and its row. Raises Conflict TOO_MANY_KEYS."""
    key = PREFIX + secrets.token_urlsafe(32)
    expires = now() + dt.timedelta(days=expires_in_days) if expires_in_days else None
    row = ApiKey(user_id=user_id, name=name, prefix=key[:SHOWN_CHARACTERS], sha256=sha256(key), expires_at=expires)
    try:
        with database.write() as session:
            count = session.scalar(sa.select(sa.func.count()).select_from(ApiKey).where(*_living(user_id)))
            if (count or 0) >= MAX_KEYS:
                raise Conflict(f"You have {MAX_KEYS} API keys already; revoke one first", code="TOO_MANY_KEYS")
            session.add(row)
    except sa.exc.IntegrityError:  # the account was deleted a moment ago
        raise Unauthenticated() from None
    audit.info("api key created", user_id=str(user_id), key_id=str(row.id), prefix=row.prefix)
    return key, row


def living(user_id: uuid.UUID) -> list[ApiKey]:
    """The user's keys that are not revoked, newest first; expired ones are among them."""
    return list(db.session.scalars(sa.select(ApiKey).where(*_living(user_id)).order_by(ApiKey.id.desc())))


def revoke(user_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """The key is refused from now on, everywhere. Raises NotFound alike for unknown, revoked and somebody else's."""
    with database.write() as session:
        result = session.execute(
            sa.update(ApiKey).where(ApiKey.id == key_id, *_living(user_id)).values(revoked_at=now())
        )
    if cast(sa.CursorResult[Any], result).rowcount == 0:
        raise not_found()
    audit.info("api key revoked", user_id=str(user_id), key_id=str(key_id))


def not_found() -> NotFound:
    return NotFound("API key not found", code="KEY_NOT_FOUND")


def _living(user_id: uuid.UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)
