"""HTML pages that combine features. What a page says is text on the server; what scripts need stands in attributes.

routes       the pages themselves
sidebar      the chats beside every page
preferences  theme, sidebar and time zone: cookies that only we read
assets       static files under addresses that change with their content
"""

from flask import Flask

from ..chats.titles import first_cluster
from . import assets, preferences, routes

# What the browser may call, by the name its one API client uses. The addresses come from the routes themselves.
SCRIPT_ROUTES = {
    "homePage": "pages.home",
    "chatPage": "pages.chat",
    "loginPage": "pages.login",
    "chats": "chats.list_chats",
    "chat": "chats.get_chat",
    "models": "chats.models",
    "chatStream": "replies.stream_chat",
    "chatStop": "replies.stop_chat",
    "reply": "replies.get_reply",
    "replyStream": "replies.follow_reply",
    "replyStop": "replies.stop_reply",
    "replyContinue": "replies.continue_reply",
    "replyAnswerNow": "replies.answer_now",
    "login": "accounts.login",
    "logout": "accounts.logout",
    "logoutAll": "accounts.logout_all",
    "password": "accounts.change_password",
    "me": "accounts.show_me",
    "keys": "accounts.list_keys",
    "key": "accounts.revoke_key",
    "session": "accounts.revoke_session",
    "overview": "ops.overview",
    "operatorStop": "ops.stop_reply",
}


def init_app(app: Flask) -> None:
    """After all other blueprints: the pages name their routes."""
    app.register_blueprint(routes.blueprint)
    assets.init_app(app)
    preferences.init_app(app)
    app.add_template_filter(first_cluster)
    templates = {rule.endpoint: assets.template_of(rule.rule) for rule in app.url_map.iter_rules()}
    app.jinja_env.globals["routes"] = {name: templates[endpoint] for name, endpoint in SCRIPT_ROUTES.items()}
