"""Debian's nginx in front of two workers, with the very text of docs/deploy.md."""

import json

import httpx2
import pytest

from macrochat.providers.scripted import expected_text
from tests.deploy.nginx import Nginx, documented
from tests.support.answers import data_of

MODELS = "scripted-words:20:80,scripted-words:180:100,scripted-cut:6,scripted-echo"
TOKEN = "the-token-of-the-monitoring"
BAD = """
server {
    listen 80;
    location / { proxy_pass http://127.0.0.1:8000; proxy_ignore_headers X-Accel-Buffering; }
}
"""


@pytest.fixture(scope="module")
def site(_new_server):
    site = _new_server(workers=2, MACROCHAT_MODELS=MODELS, MACROCHAT_TRUSTED_PROXIES=1, MACROCHAT_METRICS_TOKEN=TOKEN)
    yield site.start()
    site.close()


@pytest.fixture(scope="module")
def nginx(site, tmp_path_factory):
    server = Nginx(tmp_path_factory.mktemp("nginx"), documented(), site.port)
    yield server.start()
    server.stop()


@pytest.fixture
def person(site, nginx):
    return site.client(base_url=nginx.url)


def ask(person, model, text="x", **options):
    chat = data_of(person.post("/api/chats", json={"model": model}), 201)
    body = {"messages": [{"role": "user", "content": text}]}
    return person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body, **options)


def test_tokens_arrive_as_they_are_written(person):
    """Six arrivals before the end: of 180 words in 18 s, more than a busy machine makes lumps of."""
    with ask(person, "scripted-words:180:100") as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        pieces = answer.iter_raw()
        seen = b"".join(next(pieces) for _ in range(6))
        status = data_of(person.get(f"/api/replies/{answer.headers['X-Reply-Id']}"))
    assert status["status"] == "streaming"
    assert expected_text("scripted-words:180:100", []).startswith(seen.decode())


def test_a_cut_body_is_seen_as_cut_and_its_reply_goes_on_by_offset(person):
    got, cut = b"", None
    with ask(person, "scripted-cut:6") as answer:
        try:
            for piece in answer.iter_raw():
                got += piece
        except httpx2.RemoteProtocolError as error:
            cut = error
    assert cut
    reply = answer.headers["X-Reply-Id"]
    status = data_of(person.get(f"/api/replies/{reply}"))
    assert (status["status"], status["bytes"]) == ("failed", len(got))
    with person.stream("POST", f"/api/replies/{reply}/continue") as answer:
        assert answer.headers["X-Reply-Offset"] == str(len(got))
        rest = answer.read()
    assert data_of(person.get(f"/api/replies/{reply}"))["bytes"] == len(got) + len(rest)


def test_a_reader_who_left_comes_back_at_their_byte_on_any_worker(person):
    with ask(person, "scripted-words:20:80") as answer:
        pieces = answer.iter_raw()
        start = next(pieces) + next(pieces)
    reply = answer.headers["X-Reply-Id"]
    ranged = person.get(f"/api/replies/{reply}/stream", headers={"Range": f"bytes={len(start)}-"})
    assert ranged.status_code == 206
    assert (start + ranged.content).split() == [f"w{k}".encode() for k in range(20)]
    for _ in range(4):  # both workers
        assert person.get(f"/api/replies/{reply}/stream?offset={len(start)}").content == ranged.content


def test_long_conversations_come_through(person):
    chat = data_of(person.post("/api/chats", json={"model": "scripted-echo"}), 201)
    history = [{"role": "user", "content": "x" * 1000}] * 3000
    body = {"messages": [*history, {"role": "user", "content": "the last"}]}
    assert person.post(f"/api/chats/{chat['id']}/stream", json=body).text == "the last"


def test_what_clients_say_about_proxies_is_overwritten(site, nginx, person):
    person.post(
        "/api/auth/login", json={"email": person.email, "password": "wrong"}, headers={"X-Forwarded-For": "6.6.6.6"}
    )
    login = {"email": person.email, "password": "correct horse battery staple"}
    person.post("/api/auth/login", json=login, headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"})
    assert "6.6.6.6" not in person.get("/api/sessions").text
    assert "6.6.6.6" not in site.process.output()


def test_the_documented_target_of_prometheus_answers_to_the_token_and_to_nobody_else(person):
    assert person.get("/metrics").status_code == 401
    told = person.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert told.status_code == 200
    assert "macrochat_build_info{" in told.text


@pytest.fixture
def doctor(make_app, site):
    def run(url):
        provider = {name: str(site.settings[name]) for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY")}
        app = make_app(site.database_url, **provider)
        result = app.test_cli_runner().invoke(args=["doctor", "--url", url, "--json"])
        return result.exit_code, {finding["what"]: finding for finding in json.loads(result.stdout)}

    return run


def test_the_doctor_finds_the_documented_way_good(nginx, doctor):
    code, found = doctor(nginx.url)
    assert (found["streaming"]["state"], found["cut bodies"]["state"], code) == ("ok", "ok", 0), found


def test_the_doctor_names_what_is_wrong_with_a_proxy_that_buffers(site, doctor, tmp_path):
    bad = Nginx(tmp_path, BAD, site.port).start()
    try:
        code, found = doctor(bad.url)
    finally:
        bad.stop()
    assert (found["streaming"]["state"], code) == ("fail", 1)
    assert "proxy_http_version 1.1; proxy_buffering off" in found["streaming"]["advice"]
    assert found["cut bodies"]["state"] == "warn"
