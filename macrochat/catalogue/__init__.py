"""Which providers and models this installation offers."""

from __future__ import annotations

from flask import Flask, current_app

from ..config import Settings
from .registry import Registry, build_registry

_NAME = "macrochat.registry"


def init_app(app: Flask) -> None:
    settings: Settings = app.config["SETTINGS"]
    app.extensions[_NAME] = build_registry(
        openai_api_key=settings.openai_api_key,
        openai_base_url=settings.openai_base_url,
        models=settings.models,
        local_model=settings.local_model,
        local_model_url=settings.local_model_url,
        provider_timeout=settings.provider_timeout,
        continue_mode=settings.continue_mode,
    )


def registry_of(app: Flask) -> Registry:
    registry: Registry = app.extensions[_NAME]
    return registry


def current_registry() -> Registry:
    """The current application's."""
    return registry_of(current_app)
