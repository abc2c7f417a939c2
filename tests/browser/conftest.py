"""Fixtures of the browser tests: `person` (somebody signed in, in a browser of their own), `open_chat`, and `proxy`.

All tests share one server with the scripted provider; who needs to restart or starve it makes their own.
"""

from __future__ import annotations

import pytest
from tests.browser.support import MODELS, Browser
from tests.browser.proxy import Proxy


@pytest.fixture(scope="session")
def settings():
    return {"MACROCHAT_MODELS": ",".join(MODELS)}


@pytest.fixture
def site(shared_server, settings):
    return shared_server(**settings)


@pytest.fixture
def browse(chromium, request):
    """A factory: `browse(server)` is a new person, signed in at `server`, in a fresh browser profile."""
    opened = []

    def open_browser(server, *, email=None, **options):
        opened.append(Browser(chromium, server, email=email, **options))
        return opened[-1]

    yield open_browser
    for browser in opened:
        browser.close()


@pytest.fixture
def person(browse, site):
    return browse(site)


@pytest.fixture
def proxy(site):
    """A bad line before the shared server."""
    line = Proxy(site.port)
    yield line
    line.close()


@pytest.fixture
def on_proxy(browse, site, proxy):
    """Somebody whose browser reaches the server over the bad line."""
    return browse(site, url=proxy.url)
