"""Signed-in browsers. The cookie holds a random token; the row decides."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from typing import Any, cast

import sqlalchemy as sa

from .. import database
from ..database import now
from ..errors import NotFound, Unauthenticated
from ..extensions import db
from ..logs import get_logger
from ..web import SESSION_DAYS
from .credentials import IDLE, sha256
from .models import BrowserSession, User

audit = get_logger("audit")
MAX_SESSIONS = 100  # living ones of one user: who signs in once more ends the one that was used longest ago


def start(user: User, *, replaces: str | None, user_agent: str, address: str) -> tuple[str, BrowserSession]:
    """A new session and its token. The session of the token it `replaces` dies: signing in rotates.

    So do the user's that are over, and those for which there is no room.

    Raises Unauthenticated if the account was deleted or disabled, or got another password, since `user` was read:
    what ends all sessions must not be survived by one that was just being made.
    """
    token = secrets.token_urlsafe(32)
    row = BrowserSession(
        token_sha256=sha256(token),
        user_id=user.id,
        user_agent=user_agent[:255],
        address=address[:64],
        expires_at=now() + dt.timedelta(days=SESSION_DAYS),
    )
    try:
        with database.write() as session:
            if replaces:
                session.execute(sa.delete(BrowserSession).where(BrowserSession.token_sha256 == sha256(replaces)))
            session.execute(sa.delete(BrowserSession).where(BrowserSession.user_id == user.id, sa.not_(alive())))
            session.execute(sa.delete(BrowserSession).where(BrowserSession.id.in_(_surplus(user.id))))
            same = User.id == user.id, User.password_hash == user.password_hash, User.is_active.is_(True)
            noted = session.execute(sa.update(User).where(*same).values(last_login_at=now()))
            if cast(sa.CursorResult[Any], noted).rowcount == 0:
                raise Unauthenticated()
            session.add(row)
    except sa.exc.IntegrityError:  # the account was deleted a moment ago
        raise Unauthenticated() from None
    audit.info("signed in", user_id=str(user.id), session_id=str(row.id))
    return token, row


def living(user_id: uuid.UUID) -> list[BrowserSession]:
    """The user's live sessions, last seen first."""
    query = sa.select(BrowserSession).where(BrowserSession.user_id == user_id, alive())
    return list(db.session.scalars(query.order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id)))


def alive() -> sa.ColumnElement[bool]:
    """Whether a session of somebody active lets its browser in."""
    used = BrowserSession.expires_at > now(), BrowserSession.last_seen_at > now() - IDLE
    return sa.and_(BrowserSession.revoked_at.is_(None), *used)


def revoke(user_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """Ends one of the user's own sessions, everywhere. Raises NotFound alike for unknown, dead and somebody else's."""
    if _revoke(BrowserSession.id == session_id, BrowserSession.user_id == user_id) == 0:
        raise not_found()
    audit.info("session revoked", user_id=str(user_id), session_id=str(session_id))


def revoke_all(user_id: uuid.UUID) -> int:
    """Ends all sessions of the user; how many there were."""
    count = _revoke(BrowserSession.user_id == user_id)
    audit.info("all sessions revoked", user_id=str(user_id), count=count)
    return count


def revoke_token(token: str) -> None:
    """Ends the session of this token, if it is one. Never fails for a dead or unknown one."""
    living = BrowserSession.token_sha256 == sha256(token), BrowserSession.revoked_at.is_(None)
    ended = sa.update(BrowserSession).where(*living).values(revoked_at=now())
    with database.write() as session:
        row = session.execute(ended.returning(BrowserSession.id, BrowserSession.user_id)).first()
    if row:
        audit.info("signed out", user_id=str(row.user_id), session_id=str(row.id))


def not_found() -> NotFound:
    return NotFound("Session not found", code="SESSION_NOT_FOUND")


def _surplus(user_id: uuid.UUID) -> sa.Select[Any]:
    """The sessions for which there is no room beside a new one."""
    last_used = BrowserSession.last_seen_at.desc(), BrowserSession.id.desc()
    mine = sa.select(BrowserSession.id).where(BrowserSession.user_id == user_id)
    # SQLite knows no OFFSET without a LIMIT.
    return mine.order_by(*last_used).offset(MAX_SESSIONS - 1).limit(1_000_000)


def _revoke(*which: sa.ColumnElement[bool]) -> int:
    with database.write() as session:
        result = session.execute(
            sa.update(BrowserSession).where(*which, BrowserSession.revoked_at.is_(None)).values(revoked_at=now())
        )
    return cast(sa.CursorResult[Any], result).rowcount
