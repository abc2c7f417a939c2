"""How an answer is written and delivered. docs/architecture.md says what each module is."""

from flask import Flask, current_app

from ..accounts.service import account_deleted
from ..chats.service import chat_deleted
from ..config import Settings
from ..providers.registry import Registry, build_registry
from . import process, routes
from .answers import describe_messages


def init_app(app: Flask) -> None:
    """Puts the process together (it starts later) and lets the chats ask what only this package knows."""
    registry = _registry(app.config["SETTINGS"])
    here = process.Process(app, app.config["SETTINGS"], registry)
    app.extensions["macrochat"] = here
    app.extensions["macrochat.registry"] = registry
    app.extensions["macrochat.describe"] = describe_messages
    app.register_blueprint(routes.blueprint)


@account_deleted.connect
@chat_deleted.connect
def _remove(_sender: object, **_facts: object) -> None:
    here: process.Process = current_app.extensions["macrochat"]
    here.begin_removal()


def _registry(settings: Settings) -> Registry:
    return build_registry(
        openai_api_key=settings.openai_api_key,
        openai_base_url=settings.openai_base_url,
        models=settings.models,
        local_model=settings.local_model,
        local_model_url=settings.local_model_url,
        provider_timeout=settings.provider_timeout,
        continue_mode=settings.continue_mode,
    )
