"""Debian's Caddy in front of two workers, with the very text of docs/deploy.md."""

import hashlib
import json

import httpx2
import pytest

from tests.deploy.test_nginx import ask
from tests.support.answers import data_of
from tests.support.caddy import Caddy, documented

MODELS = "scripted-words:40:100,scripted-cut:6"


@pytest.fixture(scope="module")
def site(_new_server):
    site = _new_server(workers=2, MACROCHAT_MODELS=MODELS, MACROCHAT_TRUSTED_PROXIES=1)
    yield site.start()
    site.close()


@pytest.fixture(scope="module")
def caddy(site, tmp_path_factory):
    server = Caddy(tmp_path_factory.mktemp("caddy"), documented(), site.port)
    yield server.start()
    server.stop()


@pytest.fixture
def person(site, caddy):
    return site.client(base_url=caddy.url)


def test_text_arrives_as_it_is_written(person):
    with ask(person, "scripted-words:40:100") as answer:
        pieces = answer.iter_raw()
        for _ in range(3):
            next(pieces)
        assert data_of(person.get(f"/api/replies/{answer.headers['X-Reply-Id']}"))["status"] == "streaming"


def test_a_cut_text_is_known_by_its_status_whatever_the_body_looks_like(person):
    """Caddy 2.6.2 ends it cleanly; later ones break it."""
    got = b""
    with ask(person, "scripted-cut:6") as answer:
        try:
            for piece in answer.iter_raw():
                got += piece
        except httpx2.TransportError:
            pass
    status = data_of(person.get(f"/api/replies/{answer.headers['X-Reply-Id']}"))
    assert status["status"] == "failed"
    assert (status["bytes"], status["sha256"]) == (len(got), hashlib.sha256(got).hexdigest())


def test_a_cut_reply_read_as_events_says_so_itself(person):
    with ask(person, "scripted-cut:6", headers={"Accept": "text/event-stream"}) as answer:
        events = answer.read().decode()
    assert "event: error\n" in events
    assert "event: done" not in events


def test_the_doctor_names_caddy_and_its_version_when_cuts_look_complete(caddy, site, make_app):
    provider = {name: str(site.settings[name]) for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY")}
    app = make_app(site.database_url, **provider)
    result = app.test_cli_runner().invoke(args=["doctor", "--url", caddy.url, "--json"])
    found = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert found["streaming"]["state"] == "ok"
    if found["cut bodies"]["state"] == "warn":
        assert "Caddy before 2.8" in found["cut bodies"]["advice"]
        assert "text/event-stream" in found["cut bodies"]["advice"]
