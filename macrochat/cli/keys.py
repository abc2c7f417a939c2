"""flask keys: API keys of programs."""

from __future__ import annotations

from typing import Any

import click
import sqlalchemy as sa

from ..accounts import keys
from ..accounts.forms import NewKey
from ..accounts.models import ApiKey, User
from ..bodies import check
from ..extensions import db
from . import shown
from .printing import say
from .shown import Room, as_json, find_user, require_id

group = Room("keys", help="API keys: create, list, revoke.")


@group.command("create")
@click.argument("user")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), help="When it expires. Without it: never.")
@as_json
def create(user: str, name: str, days: int | None, as_json: bool) -> None:
    """Create a key for a user's program. It is printed this once."""
    form = check(NewKey, {"name": name, "expiresInDays": days})
    key, row = keys.create(find_user(user).id, form.name, form.expires_in_days)
    if as_json:
        shown.print_json(_row(row) | {"key": key})
    else:
        say(key)


@group.command("list")
@click.argument("user", required=False)
@as_json
def list_keys(user: str | None, as_json: bool) -> None:
    """List living keys: a user's, or everybody's."""
    query = sa.select(ApiKey).join(User, User.id == ApiKey.user_id).where(ApiKey.revoked_at.is_(None))
    if user is not None:
        query = query.where(ApiKey.user_id == find_user(user).id)
    rows = [_row(row) for row in db.session.scalars(query.order_by(ApiKey.id))]
    shown.show(rows, ("id", "user", "name", "prefix", "created", "last_used", "expires"), as_json=as_json)


@group.command("revoke")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Refuse a key from now on, everywhere. By the id that `keys list` shows."""
    found = db.session.get(ApiKey, require_id(key_id, "API key"))
    if found is None:
        raise keys.not_found()
    keys.revoke(found.user_id, found.id)
    say(f"The key {found.name!r} of {found.user.email} is revoked")


def _row(row: ApiKey) -> dict[str, Any]:
    return {
        "id": row.id,
        "user": row.user.email,
        "name": row.name,
        "prefix": row.prefix,
        "created": row.created_at,
        "last_used": row.last_used_at,
        "expires": row.expires_at,
    }
