"""How a person likes the pages: kept in cookies, so that the first byte of HTML has it and nothing flashes."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any
from urllib.parse import unquote

from flask import Flask, request
from werkzeug.wrappers import Response

YEAR_SECONDS = 365 * 24 * 3600
THEMES = ("system", "light", "dark")


def init_app(app: Flask) -> None:
    app.context_processor(_for_templates)
    app.add_template_filter(day, "day")


def zone() -> dt.tzinfo:
    """The viewer's time zone, as their browser told us. UTC until it has."""
    try:
        return zoneinfo.ZoneInfo(unquote(request.cookies.get("macrochat_tz", "UTC")))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return dt.UTC


def day(moment: str | None) -> str:
    """An ISO 8601 moment as the viewer's calendar day; None is "never"."""
    return written_out(dt.datetime.fromisoformat(moment).astimezone(zone())) if moment else "never"


def written_out(date: dt.date) -> str:
    return f"{date:%B} {date.day}, {date.year}"


def keep_theme(response: Response, theme: str) -> None:
    if theme in THEMES:
        response.set_cookie("macrochat_theme", theme, max_age=YEAR_SECONDS, samesite="Lax")


def _for_templates() -> dict[str, Any]:
    theme, sidebar = request.cookies.get("macrochat_theme"), request.cookies.get("macrochat_sidebar")
    return {
        "theme": theme if theme in THEMES else "system",
        "sidebar": "collapsed" if sidebar == "collapsed" else "open",
    }
