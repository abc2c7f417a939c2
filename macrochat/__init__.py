"""Macrochat: a self-hosted chat server whose replies cannot be lost.

`create_app` is in factory.py and comes when it is asked for: the local model's supervisor and the scripted provider are
processes of this package too, and importing the whole application costs each of them two seconds and 80 MB.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .factory import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        return import_module(".factory", __name__).create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
