"""`admin` is a client signed in as an administrator; `lines` is what the application logs from here on."""

import pytest
import sqlalchemy as sa
import structlog

from macrochat.accounts.models import User
from macrochat.extensions import db
from tests.support.servers import register


@pytest.fixture
def admin(app):
    client = register(app.test_client(), "root@example.org")
    with app.app_context():
        db.session.execute(sa.update(User).where(User.email == "root@example.org").values(is_admin=True))
        db.session.commit()
    return client


@pytest.fixture
def lines(app):
    with structlog.testing.capture_logs() as captured:
        yield captured
