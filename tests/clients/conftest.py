"""A server of two workers, and other people's clients of it.

`ann` is somebody signed in; `key` is her API key; `chat` is an empty chat of hers. `sdk` starts the AI SDK with it.
"""

from __future__ import annotations

import os

import pytest

from tests.clients import npm
from tests.clients.driver import Conversation, Driver
from tests.replies.asking import SCRIPTED, new_chat
from tests.support.answers import data_of
from tests.support.servers import PASSWORD


@pytest.fixture(scope="session")
def packages():
    """A factory: the folder with the packages of npm that `<name>/package.json` pins, and our programs for them."""

    refused = {}

    def install(name):
        try:
            if name not in refused:
                return npm.install(name)
        except npm.NotInstalled as why:
            refused[name] = f"The npm packages of tests/clients/{name} cannot be installed: {why}"
        return pytest.fail(refused[name]) if os.environ.get("CI") == "true" else pytest.skip(refused[name])

    return install


@pytest.fixture(scope="session")
def site(shared_server):
    return shared_server(workers=2, MACROCHAT_MAX_STREAMS_PER_USER=50, **SCRIPTED)


@pytest.fixture
def provider(scripted):
    """The scripted provider, with nothing remembered and nothing released."""
    scripted.reset()
    return scripted


@pytest.fixture(scope="session")
def ann(site):
    return site.client()


@pytest.fixture(scope="session")
def key(ann):
    return data_of(ann.post("/api/keys", json={"name": "a program", "password": PASSWORD}), 201)["key"]


@pytest.fixture
def chat(ann, provider):
    return new_chat(ann)


@pytest.fixture
def launch():
    """A factory: starts a program of tests/clients in Node, ended with the test."""
    started = []

    def start(program, kind: type[Driver] = Driver, **options):
        started.append(kind(program, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def sdk(version, packages, launch, site, chat, key):
    """A factory: the AI SDK of a version with `chat`; its options are those of chat.mjs and hook.mjs."""

    def start(**options):
        folder = packages(f"ai-sdk-{version}")
        given = {"url": site.url, "chatId": chat, "headers": {"X-API-KEY": key}, "addresses": "ofTheChat"} | options
        return launch(folder / ("hook.mjs" if version == 4 else "chat.mjs"), Conversation, **given)

    return start
