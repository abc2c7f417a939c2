"""The API as a running server describes it, and a person to ask it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.api.caller import MODELS, Caller


@pytest.fixture(scope="session")
def site(shared_server):
    return shared_server(MACROCHAT_MODELS=",".join(MODELS), MACROCHAT_MAX_STREAMS_PER_USER=50)


@pytest.fixture
def caller(site):
    return Caller(site)


@pytest.fixture
def operator(site):
    """An administrator."""
    caller = Caller(site)
    engine = sa.create_engine(site.database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE users SET is_admin = true WHERE email = :email"), {"email": caller.email})
    engine.dispose()
    return caller


@pytest.fixture(scope="session")
def description(site):
    """The document itself."""
    answer = site.anonymous().get("/api/openapi.json")
    assert answer.status_code == 200
    return answer.json()
