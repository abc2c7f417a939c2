"""People: sign up, sign in, change the password, leave. Sessions and keys have their own modules."""

from __future__ import annotations

import hashlib
import hmac
import uuid

import sqlalchemy as sa
from blinker import Namespace
from flask import current_app, request

from .. import database
from ..database import now
from ..errors import Conflict, Forbidden, Unauthenticated
from ..extensions import db
from ..logs import get_logger
from . import limits, passwords, sessions
from .credentials import Credential, live_credentials
from .forms import canonical_email
from .models import ApiKey, BrowserSession, User
from .weak_passwords import refuse_weak

__all__ = [
    "Credential",
    "account_deleted",
    "change_password",
    "confirm",
    "create_user",
    "delete_account",
    "delete_user",
    "live_credentials",
    "login",
    "refuse_when_closed",
    "register",
    "registration_is_open",
    "set_password",
]

audit = get_logger("audit")

# Sent with `user_id` when an account is gone. What it owned is nobody's then.
account_deleted = Namespace().signal("account-deleted")


def register(email: str, password: str, name: str = "") -> User:
    """A new user. The values are those of a checked `forms.Registration`.

    Raises Forbidden REGISTRATION_CLOSED, ValidationError PASSWORD_TOO_WEAK, Conflict EMAIL_TAKEN, or RateLimited.
    """
    refuse_when_closed()
    limits.count_registration()
    return create_user(email, password, name)


def registration_is_open() -> bool:
    return bool(current_app.config["SETTINGS"].registration == "open")


def refuse_when_closed() -> None:
    """Raises Forbidden REGISTRATION_CLOSED where only operators make accounts."""
    if not registration_is_open():
        raise Forbidden("This server takes no new accounts", code="REGISTRATION_CLOSED")


def create_user(email: str, password: str, name: str = "", *, is_admin: bool = False) -> User:
    """As `register`, also when registration is closed: for operators."""
    refuse_weak(password, "password", [email, name])
    if db.session.scalar(sa.select(User.id).where(User.email == email)):
        raise _taken()
    db.session.commit()  # no connection is held while the password is hashed
    hashed = passwords.hash_password(password)
    user = User(email=email, name=name, password_hash=hashed, is_admin=is_admin)
    try:
        with database.write() as session:
            session.add(user)
    except sa.exc.IntegrityError:  # two sign-ups at once
        raise _taken() from None
    audit.info("account created", user_id=str(user.id))
    return user


def login(email: str, password: str) -> User:
    """The user. Raises Unauthenticated INVALID_CREDENTIALS (same words and time whatever was wrong) or RateLimited."""
    limits.count_login(canonical_email(email))
    user: User | None = db.session.scalar(sa.select(User).where(User.email == canonical_email(email)))
    db.session.commit()
    fits = passwords.verify(user.password_hash if user else None, password)
    if user is None or not fits or not user.is_active:
        audit.warning("sign-in failed", email_hash=_hashed(email), address=request.remote_addr)
        raise Unauthenticated("The email or the password is wrong", code="INVALID_CREDENTIALS")
    _strengthen(user, password)
    return user


def rename(user: User, name: str) -> None:
    """What the person is called on their own pages."""
    with database.write() as session:
        session.execute(sa.update(User).where(User.id == user.id).values(name=name))
        session.refresh(user)


def change_password(user: User, current: str, new: str, *, keep: Credential) -> None:
    """Other sessions die; `keep` stays. API keys stay too: they are programs' and have their own revocation.

    Raises Forbidden INVALID_CREDENTIALS when `current` is wrong, RateLimited after ten tries in a minute, and
    ValidationError PASSWORD_TOO_WEAK.
    """
    confirm(user, current)
    refuse_weak(new, "newPassword", [user.email, user.name])
    new_hash = passwords.hash_password(new)
    with database.write() as session:
        session.execute(sa.update(User).where(User.id == user.id).values(password_hash=new_hash))
        session.execute(
            sa.update(BrowserSession)
            .where(BrowserSession.user_id == user.id, BrowserSession.id != keep.id, BrowserSession.revoked_at.is_(None))
            .values(revoked_at=now())
        )
    audit.info("password changed", user_id=str(user.id))


def set_password(user: User, password: str) -> None:
    """As `change_password`, without the current one, and no session stays: for operators."""
    refuse_weak(password, "password", [user.email, user.name])
    new_hash = passwords.hash_password(password)
    with database.write() as session:
        session.execute(sa.update(User).where(User.id == user.id).values(password_hash=new_hash))
    audit.info("password changed", user_id=str(user.id))
    sessions.revoke_all(user.id)


def confirm(user: User, password: str | None) -> None:
    """Whether it is the person: who has a stolen session has not the password.

    Raises Forbidden PASSWORD_REQUIRED, INVALID_CREDENTIALS for a wrong one, or RateLimited after ten tries in a minute.
    """
    if password is None:
        raise Forbidden("This needs your password again", code="PASSWORD_REQUIRED")
    limits.count_confirmation(user.id)
    stored = user.password_hash
    db.session.commit()
    if not passwords.verify(stored, password):
        audit.warning("confirmation failed", user_id=str(user.id))
        raise Forbidden("The password is wrong", code="INVALID_CREDENTIALS")


def delete_account(user: User, password: str) -> None:
    """The account and all it owns are gone for everybody. Raises as `confirm` does."""
    confirm(user, password)
    delete_user(user.id)


def delete_user(user_id: uuid.UUID) -> None:
    """As `delete_account`, without the password: for operators.

    One small transaction, however much there is: nobody can sign in, and the address is free. What was theirs is taken
    away by whoever listens to `account_deleted`, and the row at last (replies/deletion.py).
    """
    nobody = {"email": f"deleted:{user_id}", "name": "", "password_hash": "", "is_admin": False, "is_active": False}
    with database.write() as session:
        session.execute(sa.update(User).where(User.id == user_id).values(nobody | {"deleted_at": now()}))
        for table in (BrowserSession, ApiKey):
            session.execute(sa.delete(table).where(table.user_id == user_id))
    audit.info("account deleted", user_id=str(user_id))
    account_deleted.send(user_id=user_id)


def _strengthen(user: User, password: str) -> None:
    """A hash made with yesterday's parameters is made again while the password is at hand."""
    if passwords.is_outdated(user.password_hash):
        new_hash = passwords.hash_password(password)
        with database.write() as session:
            session.execute(sa.update(User).where(User.id == user.id).values(password_hash=new_hash))


def _taken() -> Conflict:
    return Conflict("An account with this email exists already", code="EMAIL_TAKEN")


def _hashed(email: str) -> str:
    """Enough to see that the same address is tried again and again, without writing it down."""
    key = str(current_app.secret_key).encode()
    return hmac.new(key, canonical_email(email).encode(errors="replace"), hashlib.sha256).hexdigest()[:16]
