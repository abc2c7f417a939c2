"""The application, put together: the table of contents."""

from __future__ import annotations

from flask import Flask

from . import catalogue, cli, database, gateway, logs, openapi, ops, pages, replies, web
from .accounts import guard
from .accounts import routes as account_routes
from .chats import routes as chat_routes
from .config import ROOT, Settings
from .extensions import db, login_manager, migrate
from .ops import access_log
from .stacks import answer_aside


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or Settings.from_env()
    app = Flask(
        __name__,
        instance_path=str(ROOT / "instance"),
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
    )
    app.config.from_mapping(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        TEMPLATES_AUTO_RELOAD=settings.reload,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings, pool=settings.database_pool),
    )
    logs.init_app(settings)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
    with app.app_context():
        database.init_app(app, settings)

    access_log.init_app(app)
    web.init_app(app)
    guard.init_app(app, login_manager)
    catalogue.init_app(app)
    app.register_blueprint(account_routes.blueprint)
    app.register_blueprint(chat_routes.blueprint)
    replies.init_app(app)
    gateway.init_app(app)
    ops.init_app(app)
    openapi.init_app(app)
    pages.init_app(app)
    cli.init_app(app)
    app.wsgi_app = answer_aside(app.wsgi_app)  # type: ignore[assignment,method-assign]
    return app
