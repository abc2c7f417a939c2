"""What every answer has: its envelope, how errors are shown, headers, a request's id."""

from flask import Flask

from . import failures, requests
from .envelope import success
from .requests import CLEAR_SITE_DATA, SESSION_DAYS

__all__ = ["CLEAR_SITE_DATA", "SESSION_DAYS", "init_app", "success"]


def init_app(app: Flask) -> None:
    requests.init_app(app)
    failures.init_app(app)
