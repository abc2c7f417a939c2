"""Which providers and models this installation offers."""

from __future__ import annotations

from flask import Flask

from ..config import Settings
from ..extensions import OnePerApp
from .registry import Registry, build_registry

registries: OnePerApp[Registry] = OnePerApp("macrochat.registry")


def init_app(app: Flask) -> None:
    settings: Settings = app.config["SETTINGS"]
    registry = build_registry(
        openai_api_key=settings.openai_api_key,
        openai_base_url=settings.openai_base_url,
        models=settings.models,
        local_model=settings.local_model,
        local_model_url=settings.local_model_url,
        provider_timeout=settings.provider_timeout,
        continue_mode=settings.continue_mode,
    )
    registries.keep(app, registry)
