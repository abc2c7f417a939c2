"""A database connection that breaks at an awkward moment."""

import psycopg2
import pytest
import sqlalchemy as sa

from macrochat.database import is_outage
from macrochat.extensions import db

TERMINATE = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid")
PID = sa.text("SELECT pg_backend_pid()")


@pytest.fixture
def app(make_app, postgres_url):
    return make_app(postgres_url)


def test_an_answer_survives_the_end_of_its_connection(app, alice, postgres_url):
    """The rollback at a request's end fails then; the next request has another connection."""
    other = sa.create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg2:"), isolation_level="AUTOCOMMIT")

    def break_connection(response):
        pid = db.session.scalar(PID)
        with other.connect() as connection:
            connection.execute(TERMINATE, {"pid": pid})
        return response

    app.after_request_funcs[None].append(break_connection)
    for _ in range(3):
        assert alice.get("/api/chats").status_code == 200
    other.dispose()


@pytest.mark.parametrize("error", [psycopg2.OperationalError("gone"), psycopg2.InterfaceError("closed")])
def test_what_the_driver_says_itself_is_an_outage_too(error):
    assert is_outage(error)
    assert not is_outage(ValueError("no"))
