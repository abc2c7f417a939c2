"""What `flask doctor` adds up and says about an installation that works."""

import json

import pytest

OPEN = "Anybody may register and use the model at your expense"
SECRET = "a secret of production, which is long enough"


@pytest.fixture
def doctor(make_app, scripted):
    def run(url, **settings):
        app = make_app(url, **scripted.settings | {name: str(value) for name, value in settings.items()})
        result = app.test_cli_runner().invoke(args=["doctor", "--json"])
        return result.exit_code, {finding["what"]: finding for finding in json.loads(result.stdout)}

    return run


@pytest.mark.parametrize(("workers", "state", "code"), [(2, "ok", 0), (12, "warn", 0), (64, "fail", 1)])
def test_connections_of_all_workers_are_held_against_what_postgresql_allows(doctor, postgres_url, workers, state, code):
    ended, found = doctor(postgres_url, WEB_CONCURRENCY=workers)
    assert (found["connections"]["state"], ended) == (state, code), found
    assert f"{workers} workers × 10 connections × 2" in found["connections"]["says"]
    assert f"= {workers * 20}, of 197" in found["connections"]["says"]  # 200 less those of superusers
    assert ("max_connections" in found["connections"]["advice"]) == (state != "ok")


def test_a_role_may_have_a_limit_of_its_own(doctor, postgres, postgres_url):
    postgres.execute("CREATE ROLE macrochat_few LOGIN SUPERUSER CONNECTION LIMIT 12")
    _code, found = doctor(postgres_url.replace("macrochat@", "macrochat_few@"))
    assert found["connections"]["state"] == "warn"
    assert "of 12" in found["connections"]["says"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_write_is_tried(doctor, databases, kind):
    _code, found = doctor(databases(kind).create())
    assert found["writes"]["state"] == "ok"


@pytest.mark.parametrize(("registration", "said"), [("open", True), ("closed", False)])
def test_an_open_registration_is_said_in_production(doctor, sqlite_url, registration, said):
    _code, found = doctor(
        sqlite_url, MACROCHAT_ENV="production", SECRET_KEY=SECRET, MACROCHAT_REGISTRATION=registration
    )
    assert ("registration" in found) == said


def test_the_log_says_once_that_anybody_may_register(server):
    one = server(workers=2, MACROCHAT_ENV="production", HOST="127.0.0.1")
    assert one.process.output().count(OPEN) == 1
