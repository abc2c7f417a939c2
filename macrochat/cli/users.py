"""flask users: people."""

from __future__ import annotations

from typing import Any

import click
import sqlalchemy as sa
from flask import current_app

from ..accounts import service, sessions
from ..accounts.forms import Registration
from ..accounts.models import ApiKey, BrowserSession, User
from ..bodies import check
from ..chats.models import Chat
from ..database import now, write
from ..extensions import db
from ..logs import get_logger
from ..replies import deletion
from . import shown
from .printing import say
from .shown import Room, as_json, find_user, yes

audit = get_logger("audit")
group = Room("users", help="People: create, list, show, disable, enable, set-password, promote, demote, delete.")
password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
USER_COLUMNS = ("id", "email", "name", "admin", "active", "created", "last_login")


@group.command("create")
@click.argument("email")
@click.option("--name", default="", help="What to call them.")
@click.option("--admin", is_flag=True, help="They may see /admin and stop anybody's replies.")
@password_stdin
@as_json
def create(email: str, name: str, admin: bool, password_stdin: bool, as_json: bool) -> None:
    """Create a user, also while registration is closed."""
    password = shown.password_from(password_stdin)
    form = check(Registration, {"email": email, "password": password, "name": name})
    user = service.create_user(form.email, form.password, form.name, is_admin=admin)
    shown.show_one(_row(user), as_json=as_json)


@group.command("list")
@as_json
def list_users(as_json: bool) -> None:
    """List all users, oldest first."""
    users = db.session.scalars(sa.select(User).where(User.deleted_at.is_(None)).order_by(User.id))
    shown.show([_row(user) for user in users], USER_COLUMNS, as_json=as_json)


@group.command("show")
@click.argument("user")
@as_json
def show(user: str, as_json: bool) -> None:
    """Show one user (by address or id) and how much is theirs."""
    found = find_user(user)
    counts = {
        "chats": _count(Chat.user_id == found.id),
        "sessions": _count(BrowserSession.user_id == found.id, sessions.alive()),
        "keys": _count(ApiKey.user_id == found.id, *_living_keys()),
    }
    shown.show_one(_row(found) | counts, as_json=as_json)


@group.command("disable")
@click.argument("user")
def disable(user: str) -> None:
    """Lock a user out at once: sessions end, API keys are refused, running replies lose their readers."""
    found = find_user(user)
    _set(found, "account disabled", is_active=False)
    sessions.revoke_all(found.id)
    say(f"{found.email} is disabled")


@group.command("enable")
@click.argument("user")
def enable(user: str) -> None:
    """Let a disabled user in again."""
    found = find_user(user)
    _set(found, "account enabled", is_active=True)
    say(f"{found.email} is enabled")


@group.command("set-password")
@click.argument("user")
@password_stdin
def set_password(user: str, password_stdin: bool) -> None:
    """Give a user a new password. All their sessions end; their API keys stay."""
    found = find_user(user)
    password = shown.password_from(password_stdin)
    form = check(Registration, {"email": found.email, "password": password})
    service.set_password(found, form.password)
    say(f"{found.email} has a new password and is signed out everywhere")


@group.command("promote")
@click.argument("user")
def promote(user: str) -> None:
    """Make a user an administrator."""
    found = find_user(user)
    _set(found, "account promoted", is_admin=True)
    say(f"{found.email} is an administrator")


@group.command("demote")
@click.argument("user")
def demote(user: str) -> None:
    """Take a user's administration away."""
    found = find_user(user)
    _set(found, "account demoted", is_admin=False)
    say(f"{found.email} is no administrator")


@group.command("delete")
@click.argument("user")
@yes
def delete(user: str, yes: bool) -> None:
    """Delete a user and everything that is theirs."""
    found = find_user(user)
    chats = _count(Chat.user_id == found.id)
    if not yes:
        click.confirm(f"Delete {found.email} and {chats} chats? This cannot be undone", abort=True)
    service.delete_user(found.id)
    deletion.finish(current_app.config["SETTINGS"])
    say(f"{found.email} and {chats} chats are deleted")


def _set(user: User, event: str, **values: Any) -> None:
    with write() as session:
        session.execute(sa.update(User).where(User.id == user.id).values(values))
    audit.info(event, user_id=str(user.id))


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "admin": user.is_admin,
        "active": user.is_active,
        "created": user.created_at,
        "last_login": user.last_login_at,
    }


def _count(*which: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).where(*which)) or 0


def _living_keys() -> tuple[Any, ...]:
    return ApiKey.revoked_at.is_(None), sa.or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now())
