"""What only administrators learn, and how little others do."""

import pytest

from tests.support.answers import data_of, refusal, without_request_id

DOORS = [
    ("GET", "/api/ops/health"),
    ("GET", "/api/ops/overview"),
    ("POST", "/api/ops/replies/01890a5d-ac96-774b-bcce-b302099a8057/stop"),
]


def test_an_administrator_sees_checks_workers_and_providers(admin):
    data = data_of(admin.get("/api/ops/health"))
    assert data["checks"]["database"] == data["checks"]["schema"] == "ok"
    assert data["database"]["kind"] == "sqlite"
    assert data["database"]["durability"].startswith("Messages and ends of replies are on the disk")
    assert data["revision"]
    assert data["providers"] == []
    assert "secret" not in str(data).lower()


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_to_others_these_addresses_do_not_exist(alice, method, path):
    found = without_request_id(alice.open(path, method=method))
    assert found == without_request_id(alice.open("/api/nothing", method="GET"))


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_strangers_are_asked_who_they_are(client, method, path):
    refusal(client.open(path, method=method), 401, "UNAUTHENTICATED")


def test_the_page_is_for_administrators(admin, alice, client):
    page = admin.get("/admin")
    assert page.status_code == 200
    assert "running text within a second" in page.text
    assert alice.get("/admin").status_code == 404
    assert client.get("/admin").status_code == 302


def test_stopping_what_is_not_there(admin):
    refusal(admin.post("/api/ops/replies/nothing/stop"), 404, "REPLY_NOT_FOUND")
    refusal(admin.post("/api/ops/replies/01890a5d-ac96-774b-bcce-b302099a8057/stop"), 404, "REPLY_NOT_FOUND")
