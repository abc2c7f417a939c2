"""Every operation of the API by its endpoint. A route under /api that is not here fails a test."""

from __future__ import annotations

from ..operations import Operation
from . import accounts, chats, gateway, keys, operators, replies, server

OPERATIONS: dict[str, Operation] = {
    **chats.OPERATIONS,
    **replies.OPERATIONS,
    **gateway.OPERATIONS,
    **accounts.OPERATIONS,
    **keys.OPERATIONS,
    **server.OPERATIONS,
    **operators.OPERATIONS,
}

# In the order in which they are shown.
TAGS = {
    chats.TAG: chats.ABOUT,
    replies.TAG: replies.ABOUT,
    gateway.TAG: gateway.ABOUT,
    accounts.TAG: accounts.ABOUT,
    keys.TAG: keys.ABOUT,
    server.TAG: server.ABOUT,
    operators.TAG: operators.ABOUT,
}

# No part of the contract: the pages, their files, and what `flask doctor` asks with a ticket of its own.
NOT_API = frozenset(
    {
        "static",
        "pages.home",
        "pages.chat",
        "pages.login",
        "pages.register",
        "pages.logout",
        "pages.settings",
        "ops.admin",
        "ops.drip_slowly",
        "openapi.docs",
    }
)
