"""How an answer is written and delivered. docs/architecture.md says what each module is."""

from flask import Flask

from ..accounts.service import account_deleted
from ..catalogue import registries
from ..chats.service import chat_deleted
from . import process, routes
from .answers import describe_messages


def init_app(app: Flask) -> None:
    """Puts the process together (it starts later) and lets the chats ask what only this package knows."""
    process.processes.keep(app, process.Process(app, app.config["SETTINGS"], registries.of(app)))
    app.extensions["macrochat.describe"] = describe_messages
    app.register_blueprint(routes.blueprint)


@account_deleted.connect
@chat_deleted.connect
def _remove(_sender: object, **_facts: object) -> None:
    process.processes.current.begin_removal()
