"""Another registry of providers in the place of an application's own."""

from __future__ import annotations

from typing import Any

from flask import Flask


def exchange_registry(app: Flask, registry: Any) -> Any:
    """Puts `registry` in its place and returns the one that was there."""
    process = app.extensions["macrochat"]
    before, process.registry = process.registry, registry
    app.extensions["macrochat.registry"] = registry
    return before
