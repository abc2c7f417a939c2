"""Structured log lines on standard error: JSON in production, readable in development.

Ids (request, user, chat, reply) are bound to the greenlet with structlog's context variables. Message texts and
credentials are never logged: nobody passes them here, and what comes in by accident (an exception's text, a provider's
answer) is cleaned of everything that is known to be secret or looks like it.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import quote

import structlog
from sqlalchemy import make_url

from .config import Settings

HIDDEN = "[hidden]"
REPEAT_SECONDS = 30.0
LEAST_SECRET_CHARACTERS = 6  # shorter ones (a password `app`) would blank out ordinary words
# API keys of ours and of providers, bearer tokens, and the password in an address.
LOOKS_SECRET = re.compile(
    r"(?<![\w-])(?:mck|sk)[_-][\w-]{8,}|(?<=[Bb]earer )[^\s\"',]{8,}|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"
)
# PostgreSQL shows the row that broke a rule, texts and all, in a line of its own.
DATABASE_DETAIL = re.compile(r"^(?:DETAIL|CONTEXT):.*$", re.MULTILINE)

Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def init_app(settings: Settings) -> None:
    level = getattr(logging, settings.log_level.upper())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets(secrets_of(settings)),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if settings.production else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_in_libraries(processors, renderer)


def get_logger(name: str) -> Any:
    return structlog.get_logger(module=name)


class News:
    """What was said less than REPEAT_SECONDS ago is none: a fault that lasts is a line now and then."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], float] = {}

    def is_new(self, *what: str) -> bool:
        now = time.monotonic()
        if now - self._said.get(what, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._said[what] = now
        return True


def keep_errors_and_audit() -> None:
    """From here on this process writes no other lines."""
    others = [one for one in structlog.get_config()["processors"] if one is not _drop_the_rest]
    structlog.configure(processors=[_drop_the_rest, *others])


def secrets_of(settings: Settings) -> set[str]:
    """What must not stand in any line, whoever writes it."""
    database = make_url(settings.database_url)
    passwords = {str(database.password or ""), *database.normalized_query.get("password", ())}
    passwords |= {quote(password, safe="") for password in passwords}
    known = {settings.secret_key, settings.openai_api_key, settings.metrics_token, *passwords}
    return {secret for secret in known if len(secret) >= LEAST_SECRET_CHARACTERS}


def hide_secrets(known: set[str]) -> Processor:
    """A structlog processor that blanks out secrets in all texts of a line."""
    listed = [re.escape(secret) for secret in sorted(known, key=len, reverse=True)]
    pattern = re.compile("|".join([*listed, LOOKS_SECRET.pattern]))

    def hide(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in line.items():
            if isinstance(value, str):
                line[name] = pattern.sub(HIDDEN, value)
        if "exception" in line:
            line["exception"] = DATABASE_DETAIL.sub(HIDDEN, line["exception"])
        return line

    return hide


def _drop_the_rest(_logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if line.get("module") != "audit" and method in ("debug", "info", "warning"):
        raise structlog.DropEvent
    return line


def _take_in_libraries(processors: list[Any], renderer: Any) -> None:
    """Warnings and errors of libraries come in the same form. What they say below that is their own business."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *processors],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    handler.set_name("macrochat")
    root.handlers = [*(one for one in root.handlers if one.get_name() != "macrochat"), handler]
    root.setLevel(logging.WARNING)
