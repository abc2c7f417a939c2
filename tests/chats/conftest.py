"""Chats in the application in this process. What a model says is of no matter here, so there are two that nobody asks.

The application, alice and bob live as long as a module; `newcomer` has no chats yet.
"""

import uuid

import pytest

from macrochat import create_app
from macrochat.extensions import db
from tests.support import servers
from tests.support.databases import settings_for

PROVIDER = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "MACROCHAT_MODELS": "tiny,small"}


@pytest.fixture(scope="module")
def kind():
    """Of database. A module that needs both overrides this with a fixture of two parameters."""
    return "sqlite"


@pytest.fixture(scope="module")
def app(kind, databases, tmp_path_factory):
    url = databases(kind).create()
    folder = tmp_path_factory.mktemp("instance")
    app = create_app(settings_for(url, folder, MACROCHAT_RATE_LIMITS="off", **PROVIDER))
    yield app
    app.extensions["macrochat"].stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    databases(kind).drop(url)


@pytest.fixture(scope="module")
def alice(app):
    return servers.register(app.test_client(), "alice@example.org")


@pytest.fixture(scope="module")
def bob(app):
    """A stranger to all that is alice's."""
    return servers.register(app.test_client(), "bob@example.org")


@pytest.fixture
def newcomer(app):
    return servers.register(app.test_client(), f"{uuid.uuid4()}@example.org")


@pytest.fixture
def chat(alice):
    """A chat of alice's."""
    return alice.post("/api/chats", json={"title": "Plans"}).get_json()["data"]
