"""The extensions, created unbound; `create_app` binds them. And what else an application has one of."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Generic, TypeVar

from flask import Flask, current_app, g, request
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

T = TypeVar("T")


class Base(DeclarativeBase):
    # Named constraints, so that migrations can drop them on every database.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# Rows stay readable after commit: views answer from them without a second transaction.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
if TYPE_CHECKING:  # db.Model is made at run time

    class Model(Base):
        __abstract__ = True
else:
    Model = db.Model
migrate = Migrate()
login_manager = LoginManager()


def caller_address() -> str:
    """The address that a request counts for; of IPv6 its /64 network: who has one address there has them all."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return request.remote_addr or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    # A socket that listens for both shows IPv4 callers as ::ffff:192.0.2.1, all in one /64.
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address), 64), strict=False))


def caller() -> str:
    """Whom a request counts for: the user once known, else the address."""
    user = g.get("_login_user")
    return f"user:{user.get_id()}" if user is not None and user.is_authenticated else f"address:{caller_address()}"


limiter = Limiter(caller, application_limits=[lambda: current_app.config["SETTINGS"].rate_limits])


class OnePerApp(Generic[T]):
    """What an application has one of, by its type: kept while the application is put together, found ever after."""

    def __init__(self, name: str) -> None:
        self._name = name

    def keep(self, app: Flask, one: T) -> T:
        app.extensions[self._name] = one
        return one

    def of(self, app: Flask) -> T:
        """That of an application. Raises KeyError if it has none."""
        one: T = app.extensions[self._name]
        return one

    def find(self, app: Flask) -> T | None:
        return app.extensions.get(self._name)

    @property
    def current(self) -> T:
        """The current application's."""
        return self.of(current_app)
