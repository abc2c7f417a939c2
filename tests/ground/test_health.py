"""What probes are told: alive whatever else is broken; ready only when a reply could be written."""

import pytest
import sqlalchemy as sa

from macrochat.extensions import db
from macrochat.ops import health
from macrochat.providers import condition


@pytest.fixture
def ready(app, monkeypatch):
    """A client of an application with a provider that can be switched off: `ready.provider.answers = False`."""

    class Provider:
        name = "fake"
        answers = True
        asked = 0

        def check(self, timeout=5.0):
            self.asked += 1
            return condition.OK if self.answers else condition.UNREACHABLE

    class Registry:
        providers = (Provider(),)

    monkeypatch.setitem(app.extensions, "macrochat.registry", Registry)
    client = app.test_client()
    client.provider = Registry.providers[0]
    return client


def checks(client):
    return client.get("/readyz").get_json()["checks"]


def test_api_health_is_what_it_always_was(client):
    answer = client.get("/api/health")
    assert answer.status_code == 200
    assert answer.get_json()["message"] == "Api Health Status: OK"


def test_all_is_well(ready):
    answer = ready.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "checks": {"worker": "ok", "database": "ok", "schema": "ok", "provider": "ok"},
    }


def test_a_provider_that_does_not_answer(ready):
    ready.provider.answers = False
    answer = ready.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["provider"] == "No model's server answers"


def test_the_provider_is_asked_at_most_every_ten_seconds(ready, monkeypatch):
    for _ in range(5):
        ready.get("/readyz")
    assert ready.provider.asked == 1
    monkeypatch.setattr(health, "PROVIDER_SECONDS", -1)
    health.probes.keep(ready.application, health.ProviderProbe())
    ready.get("/readyz")
    ready.get("/readyz")
    assert ready.provider.asked == 3


@pytest.fixture
def schema(ready):
    """Sets the revision that the database says it has."""

    def set_revision(revision):
        with ready.application.app_context():
            db.session.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
            db.session.commit()

    return set_revision


def test_an_older_schema(ready, schema, monkeypatch):
    monkeypatch.setattr(health, "OLDER", {"0000"})
    schema("0000")
    assert ready.get("/readyz").status_code == 503
    assert "flask db upgrade" in checks(ready)["schema"]


def test_a_newer_schema_is_what_a_deploy_meets(ready, schema):
    schema("9999")
    assert ready.get("/readyz").status_code == 200


def test_an_empty_database(make_app, databases):
    client = make_app(databases("sqlite").empty()).test_client()
    assert checks(client)["database"] == "ok"
    assert "flask db upgrade" in checks(client)["schema"]
    assert client.get("/healthz").status_code == 200


def test_w53_a_database_that_is_gone(server, fragile_postgres):
    one = server(database=fragile_postgres.database_url, MACROCHAT_DATABASE_POOL=2)
    with one.anonymous() as probe:
        assert probe.get("/readyz").json()["checks"]["database"] == "ok"
        fragile_postgres.stop()
        answer = probe.get("/readyz", timeout=20)
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"] == "The database cannot be reached"
        assert probe.get("/healthz").status_code == 200
        fragile_postgres.start()
        assert probe.get("/readyz", timeout=20).json()["checks"]["database"] == "ok"


def test_a_worker_that_is_shutting_down(ready, monkeypatch):
    monkeypatch.setattr(ready.application.extensions["macrochat"], "draining", True)
    assert ready.get("/readyz").status_code == 503
    assert checks(ready)["worker"] == "This worker is shutting down"
