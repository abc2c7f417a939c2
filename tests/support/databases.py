"""Migrated databases for tests: migrated once a session, then copied."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import flask_migrate

from macrochat import create_app
from macrochat.config import Settings
from macrochat.extensions import db
from tests.support.postgres import Postgres
from tests.support.servers import SECRET_KEY

TEMPLATE = "template_migrated"


def settings_for(database_url: str, instance: Path, **others: str) -> Settings:
    """Settings from these variables only: nothing of this process's environment."""
    defaults = {"SECRET_KEY": SECRET_KEY, "MACROCHAT_LOCAL_MODEL": "off", "DATABASE_URL": database_url}
    return Settings.from_env(defaults | others, instance=instance)


def migrate(database_url: str, folder: Path) -> None:
    app = create_app(settings_for(database_url, folder))
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()


class SqliteFactory:
    """`empty` databases have no tables; the others are copies of one that was migrated."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count(1)
        self._template: Path | None = None

    def empty(self) -> str:
        return f"sqlite:///{self._next()}"

    def create(self) -> str:
        if self._template is None:
            self._template = self._next()
            migrate(f"sqlite:///{self._template}", self._folder)
        return f"sqlite:///{shutil.copy(self._template, self._next())}"

    def drop(self, url: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + suffix).unlink(missing_ok=True)

    def _next(self) -> Path:
        return self._folder / f"{next(self._numbers)}.db"


class PostgresFactory:
    def __init__(self, postgres: Postgres, folder: Path) -> None:
        self._postgres, self._folder, self._migrated = postgres, folder, False

    def empty(self) -> str:
        return self._postgres.create()

    def create(self) -> str:
        if not self._migrated:
            migrate(self._postgres.create(name=TEMPLATE), self._folder)
            self._migrated = True
        return self._postgres.create(TEMPLATE)

    def drop(self, url: str) -> None:
        self._postgres.drop(url)
