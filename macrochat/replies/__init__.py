"""How an answer is written and delivered. docs/architecture.md says what each module is."""

from flask import Flask, current_app

from ..accounts.service import account_deleted
from ..catalogue import registry_of
from ..chats.service import chat_deleted
from . import process, routes
from .answers import describe_messages


def init_app(app: Flask) -> None:
    """Puts the process together (it starts later) and lets the chats ask what only this package knows."""
    here = process.Process(app, app.config["SETTINGS"], registry_of(app))
    app.extensions["macrochat"] = here
    app.extensions["macrochat.describe"] = describe_messages
    app.register_blueprint(routes.blueprint)


@account_deleted.connect
@chat_deleted.connect
def _remove(_sender: object, **_facts: object) -> None:
    here: process.Process = current_app.extensions["macrochat"]
    here.begin_removal()
