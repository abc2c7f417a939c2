"""The same replies for other people's clients, in their own words. docs/architecture.md says what each module is."""

from flask import Flask

from . import ai_sdk


def init_app(app: Flask) -> None:
    app.register_blueprint(ai_sdk.blueprint)
