"""Fixtures of the browser tests.

`person` is somebody signed in, in a fresh browser; their account is shared by the tests that do not care what else it
holds. `newcomer` has an account of their own. `on_proxy` reaches the server over a line that can be made bad (`proxy`).
"""

from __future__ import annotations

import pytest

from tests.browser.support import MODELS


@pytest.fixture(scope="session")
def settings():
    return {"MACROCHAT_MODELS": ",".join(MODELS), "MACROCHAT_MAX_STREAMS_PER_USER": 50}


@pytest.fixture(scope="session")
def site(shared_server, settings):
    return shared_server(**settings)


@pytest.fixture(scope="session")
def account(site):
    return site.client()


@pytest.fixture
def person(browse, site, account):
    return browse(site, account=account)


@pytest.fixture
def newcomer(browse, site):
    return browse(site)


@pytest.fixture
def holding(scripted):
    """The provider, for replies of `scripted-hold`, which wait for `holding.release()`: no machine is too slow to look."""
    scripted.reset()
    yield scripted
    scripted.release()


@pytest.fixture
def on_proxy(browse, site, account, proxy):
    return browse(site, account=account, url=proxy.url)
