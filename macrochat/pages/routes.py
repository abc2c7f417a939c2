"""The pages: parse, ask the services, render."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from ..accounts import forms, guard, keys, sessions
from ..accounts import routes as accounts
from ..accounts import service as people
from ..accounts.models import User
from ..bodies import check, parse_id, read_form
from ..catalogue import registries
from ..chats import service as chats
from ..chats.routes import query_message, show
from ..errors import MacrochatError
from ..web import CLEAR_SITE_DATA
from . import preferences, sidebar

blueprint = Blueprint("pages", __name__)

EXAMPLE_PROMPTS = (
    ("Explain", "Explain why the sky is blue to a curious child."),
    ("Write", "Draft a friendly message that declines an invitation."),
    ("Plan", "Plan a rainy Sunday with two children in a small flat."),
    ("Code", "Write a Python function that merges overlapping intervals."),
)


@blueprint.get("/")
def home() -> str:
    return _conversation(None)


@blueprint.get("/chats/<chat_id>")
def chat(chat_id: str) -> str:
    return _conversation(parse_id(chat_id, chats.not_found()), before=query_message())


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse:
    return _enter("accounts/login.html", _login)


@blueprint.route("/register", methods=["GET", "POST"])
def register() -> AnyResponse:
    return _enter("accounts/register.html", _register)


@blueprint.post("/logout")
def logout() -> AnyResponse:
    guard.sign_out()
    response = redirect(url_for("pages.login"), 303)
    response.headers.update(CLEAR_SITE_DATA)
    return response


@blueprint.route("/settings", methods=["GET", "POST"])
def settings() -> str | AnyResponse:
    if request.method == "POST":
        return _save_settings(read_form())
    return render_template(
        "accounts/settings.html",
        person=accounts.show_user(current_user),
        sessions=[accounts.show_session(row) for row in sessions.living(current_user.id)],
        keys=[accounts.show_key(row) for row in keys.living(current_user.id)],
        **sidebar.context(),
    )


def _conversation(chat_id: uuid.UUID | None, before: uuid.UUID | None = None) -> str:
    found = chats.get(current_user.id, chat_id) if chat_id else None
    shown = chats.branch(found, before=before) if found else None
    registries.current.warm()
    return render_template(
        "chats/show.html",
        chat=show(found) if found else None,
        messages=chats.describe(shown.messages) if shown else [],
        earlier=shown.before if shown else None,
        message_limit=current_app.config["SETTINGS"].max_message_characters,
        example_prompts=EXAMPLE_PROMPTS,
        **sidebar.context(found),
    )


def _save_settings(fields: dict[str, str]) -> AnyResponse:
    """The name, or the theme (for browsers without JavaScript; with it the choice needs no request)."""
    response = redirect(url_for("pages.settings"), 303)
    if "profileName" in fields:
        people.rename(current_user, check(forms.Profile, {"name": fields["profileName"]}).name)
    else:
        preferences.keep_theme(response, fields.get("theme", ""))
    flash("Settings saved", "success")
    return response


def _enter(template: str, identify: Callable[[dict[str, str]], User]) -> AnyResponse:
    """A form to come in by. What is wrong with it is said in the form, with the status of the error."""
    if current_user.is_authenticated:
        return redirect(_next())
    if request.method != "POST":
        return _form(template, {})
    fields = read_form()
    try:
        guard.sign_in(identify(fields))
    except MacrochatError as error:
        return _form(template, fields, error)
    return redirect(_next(), 303)


def _login(fields: dict[str, str]) -> User:
    form = check(forms.Login, fields)
    return people.login(form.email, form.password)


def _register(fields: dict[str, str]) -> User:
    people.refuse_when_closed()
    form = check(forms.Registration, fields)
    return people.register(form.email, form.password, form.name)


def _form(template: str, fields: dict[str, str], error: MacrochatError | None = None) -> Response:
    problems = {detail["field"]: detail["error"] for detail in reversed(error.details or [])} if error else {}
    page = render_template(
        template,
        form=fields,
        errors=problems,
        error=error,
        next_path=request.args.get("next"),
        registration_is_open=people.registration_is_open(),
    )
    response = make_response(page, error.status if error else 200)
    if error and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _next() -> str:
    return guard.safe_next(request.args.get("next"), url_for("pages.home"))
