"""The chats beside every page: a page of them, in groups of a calendar day."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from flask_login import current_user

from ..bodies import query_text
from ..chats import service as chats
from ..chats.cursors import query_place, write_cursor
from ..chats.models import Chat
from ..chats.routes import MAX_QUERY_CHARACTERS, show_listed
from . import preferences

CHATS_PER_PAGE = 40
CHATS_TO_CURRENT = 300  # as far down the list goes with a page to have its chat in it
CHATS_BEHIND_CURRENT = 20
DAYS_AGO_BELOW = 7


def context(current: Chat | None = None) -> dict[str, Any]:
    """What `layout/sidebar.html` needs, with the page's own chat in the list wherever it stands.

    Raises ValidationError for a cursor or a query that cannot be.
    """
    place, query = query_place(), query_text("q", MAX_QUERY_CHARACTERS)
    whole = current if place is None and not query else None
    rows, rest = chats.list_behind(current_user.id, place, _length(whole), query)
    if whole is not None and all(row.id != whole.id for row in rows):
        rows = [*rows, whole]  # far down: it stands alone at the end, and "Older chats" fills the gap
    zone = preferences.zone()
    today = dt.datetime.now(zone).date()
    groups = itertools.groupby(rows, key=lambda row: day_group(row.updated_at.astimezone(zone).date(), today))
    return {
        "chat_groups": [{"title": title, "chats": [show_listed(row) for row in members]} for title, members in groups],
        "chat_limit": CHATS_PER_PAGE,
        "chat_cursor": write_cursor(rest) if rest else None,
        "query": query,
    }


def _length(current: Chat | None) -> int:
    before = chats.count_before(current, CHATS_TO_CURRENT) if current else None
    return CHATS_PER_PAGE if before is None else max(CHATS_PER_PAGE, before + CHATS_BEHIND_CURRENT)


def day_group(day: dt.date, today: dt.date) -> str:
    """The same words as static/js/helpers/dates.js, which writes older dates in the viewer's own way."""
    days = (today - day).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return f"{days} days ago" if days < DAYS_AGO_BELOW else preferences.written_out(day)
