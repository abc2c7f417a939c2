"""/api/auth, /api/users/me, /api/sessions and /api/keys. Who may call what is in `access`."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, session
from flask_login import current_user

from ..bodies import parse_id, read
from ..database import iso
from ..web import CLEAR_SITE_DATA, success
from . import forms, guard, keys, service, sessions
from .models import ApiKey, BrowserSession, User

blueprint = Blueprint("accounts", __name__, url_prefix="/api")


@blueprint.post("/auth/register")
def register() -> Response:
    form = read(forms.Registration)
    user = service.register(form.email, form.password, form.name)
    guard.sign_in(user)
    return success({"user": show_user(user)}, 201)


@blueprint.post("/auth/login")
def login() -> Response:
    form = read(forms.Login)
    user = service.login(form.email, form.password)
    guard.sign_in(user)
    return success({"user": show_user(user)})


@blueprint.post("/auth/logout")
def logout() -> Response:
    guard.sign_out()
    return success(message="Signed out", headers=CLEAR_SITE_DATA)


@blueprint.post("/auth/logout-all")
def logout_all() -> Response:
    count = sessions.revoke_all(current_user.id)
    session.clear()
    return success({"sessions": count}, message="Signed out everywhere", headers=CLEAR_SITE_DATA)


@blueprint.post("/auth/password")
def change_password() -> Response:
    form = read(forms.PasswordChange)
    service.change_password(current_user, form.current_password, form.new_password, keep=g.credential)
    return success(message="Password changed")


@blueprint.get("/users/me")
def show_me() -> Response:
    return success({"user": show_user(current_user)})


@blueprint.patch("/users/me")
def update_me() -> Response:
    service.rename(current_user, read(forms.Profile).name)
    return success({"user": show_user(current_user)})


@blueprint.delete("/users/me")
def delete_me() -> Response:
    service.delete_account(current_user, read(forms.Confirmation).password)
    session.clear()
    return success(message="Account deleted", headers=CLEAR_SITE_DATA)


@blueprint.get("/sessions")
def list_sessions() -> Response:
    return success([show_session(row) for row in sessions.living(current_user.id)])


@blueprint.delete("/sessions/<session_id>")
def revoke_session(session_id: str) -> Response:
    sessions.revoke(current_user.id, parse_id(session_id, sessions.not_found()))
    return success(message="Session ended")


@blueprint.get("/keys")
def list_keys() -> Response:
    return success([show_key(row) for row in keys.living(current_user.id)])


@blueprint.post("/keys")
def create_key() -> Response:
    form = read(forms.KeyRequest)
    service.confirm(current_user, form.password)
    key, row = keys.create(current_user.id, form.name, form.expires_in_days)
    return success({**show_key(row), "key": key}, 201)


@blueprint.delete("/keys/<key_id>")
def revoke_key(key_id: str) -> Response:
    keys.revoke(current_user.id, parse_id(key_id, keys.not_found()))
    return success(message="API key revoked")


def show_user(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "isAdmin": user.is_admin,
        "createdAt": iso(user.created_at),
        "lastLogin": iso(user.last_login_at),
    }


def show_session(row: BrowserSession) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "current": row.id == g.credential.id,
        "userAgent": row.user_agent,
        "address": row.address,
        "createdAt": iso(row.created_at),
        "lastSeenAt": iso(row.last_seen_at),
        "expiresAt": iso(row.expires_at),
    }


def show_key(row: ApiKey) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "prefix": row.prefix,
        "createdAt": iso(row.created_at),
        "lastUsedAt": iso(row.last_used_at),
        "expiresAt": iso(row.expires_at),
    }
