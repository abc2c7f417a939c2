"""How an answer is written and delivered. docs/architecture.md says what each module is."""

from flask import Flask

from ..accounts.credentials import live_credentials
from ..config import Settings
from ..providers.registry import Registry, build_registry
from . import deletion, engine, routes
from .answers import describe_messages
from .writing.prompts import knows, prepare_orphan


def init_app(app: Flask) -> None:
    """Builds the engine room (it starts later) and lets it and the chats ask what only this package knows."""
    room = engine.Engine(app, app.config["SETTINGS"])
    room.prepare = prepare_orphan
    room.knows = knows
    room.still_valid = live_credentials
    app.extensions["macrochat"] = room
    app.extensions["macrochat.registry"] = _registry(app.config["SETTINGS"])
    app.extensions["macrochat.describe"] = describe_messages
    deletion.init_app(room)
    app.register_blueprint(routes.blueprint)


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
