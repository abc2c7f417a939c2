"""Who may enter where: every endpoint of the application, once. What is not here is refused to everybody."""

from __future__ import annotations

from enum import Enum


class Access(Enum):
    PUBLIC = "anybody"
    USER = "a signed-in browser or an API key"
    SESSION = "a signed-in browser only: a key must not be able to make keys"
    PAGE = "a signed-in browser; others are sent to the sign-in page"
    OWN_RULE = "whoever the view itself lets in (metrics: a token, or the loopback address)"


ACCESS: dict[str, Access] = {
    "static": Access.PUBLIC,
    # accounts
    "accounts.register": Access.PUBLIC,
    "accounts.login": Access.PUBLIC,
    "accounts.logout": Access.PUBLIC,  # signing out twice is fine
    "accounts.logout_all": Access.SESSION,
    "accounts.change_password": Access.SESSION,
    "accounts.show_me": Access.USER,
    "accounts.update_me": Access.SESSION,
    "accounts.delete_me": Access.SESSION,
    "accounts.list_keys": Access.SESSION,
    "accounts.create_key": Access.SESSION,
    "accounts.revoke_key": Access.SESSION,
    "accounts.list_sessions": Access.SESSION,
    "accounts.revoke_session": Access.SESSION,
    # chats
    "chats.list_chats": Access.USER,
    "chats.create_chat": Access.USER,
    "chats.get_chat": Access.USER,
    "chats.update_chat": Access.USER,
    "chats.delete_chat": Access.USER,
    "chats.models": Access.USER,
    # replies
    "replies.stream_chat": Access.USER,
    "replies.follow_chat": Access.USER,
    "replies.stop_chat": Access.USER,
    "replies.get_reply": Access.USER,
    "replies.follow_reply": Access.USER,
    "replies.stop_reply": Access.USER,
    "replies.continue_reply": Access.USER,
    "replies.follow_trace": Access.USER,
    "replies.answer_now": Access.USER,
    # gateway
    "gateway.send": Access.USER,
    "gateway.resume": Access.USER,
    "gateway.stop": Access.USER,
    # health
    "health.api_health": Access.PUBLIC,
    "health.healthz": Access.PUBLIC,
    "health.readyz": Access.PUBLIC,
    # ops
    "ops.metrics": Access.OWN_RULE,
    "ops.drip_slowly": Access.OWN_RULE,  # a signed ticket
    "ops.health": Access.USER,  # these four: administrators only
    "ops.overview": Access.USER,
    "ops.stop_reply": Access.USER,
    "ops.admin": Access.PAGE,
    # openapi
    "openapi.description": Access.PUBLIC,
    "openapi.docs": Access.PUBLIC,
    # pages
    "pages.login": Access.PUBLIC,
    "pages.register": Access.PUBLIC,
    "pages.logout": Access.PUBLIC,
    "pages.home": Access.PAGE,
    "pages.chat": Access.PAGE,
    "pages.settings": Access.PAGE,
}
