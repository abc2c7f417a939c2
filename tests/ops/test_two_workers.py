"""Two workers, one answer: figures add up, a dead worker's gauges go, and no log line tells what people wrote."""

import json
import re
from pathlib import Path

import pytest

from tests.support.answers import data_of
from tests.support.processes import wait_until

CANARY = "canary-of-the-text"
PASSWORD_CANARY = "canary-of-the-password"


@pytest.fixture(scope="module")
def site(_new_server):
    """For both tests, in this order: the first counts from zero, the second kills a worker."""
    site = _new_server(
        workers=2,
        MACROCHAT_ENV="production",
        HOST="127.0.0.1",
        MACROCHAT_LOG_LEVEL="debug",
        MACROCHAT_MODELS="scripted-words:40:5,scripted-endless:20",
    )
    yield site.start()
    site.close()


def figures(site):
    answer = site.anonymous().get("/metrics")
    assert answer.status_code == 200, answer.text
    found = re.findall(r"^(macrochat_\w+)(?:\{(.*)\})? (\S+)$", answer.text, re.MULTILINE)
    return {(name, labels): float(value) for name, labels, value in found}


def total(site, name, has=""):
    return sum(value for (found, labels), value in figures(site).items() if found == name and has in labels)


def lines(site):
    """Every line is JSON, gunicorn's own too."""
    return [json.loads(line) for line in site.process.output().split("\n") if line]


def send(person, chat, **options):
    body = {"messages": [{"role": "user", "content": f"Say {CANARY}"}]}
    return person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body, **options)


def test_figures_of_all_workers_and_one_line_per_stream_and_request(site):
    person = site.client()
    chat = data_of(person.post("/api/chats", json={"title": "x", "systemPrompt": CANARY}), 201)
    with send(person, chat, headers={"X-Request-Id": "the-request-of-this-test"}) as answer:
        text = answer.read()
    reply = answer.headers["X-Reply-Id"]
    person.get(f"/api/replies/{reply}/stream?offset=5")
    person.post("/api/auth/login", json={"email": person.email, "password": PASSWORD_CANARY})

    # Ten looks fall on both workers; each must tell the sum.
    seen = {total(site, "macrochat_replies_total", 'status="complete"') for _ in range(10)}
    assert seen == {1}
    assert total(site, "macrochat_commit_bytes_total") == len(text)
    assert total(site, "macrochat_follows_total", "resumed") == 1

    [line] = [line for line in lines(site) if line["event"] == "streaming_session_completed"]
    assert (line["replyId"], line["chatId"], line["userId"]) == (reply, chat["id"], person.user["id"])
    assert (line["success"], line["bytes"], line["request_id"]) == (True, len(text), "the-request-of-this-test")
    assert sum("Booting worker" in line["event"] for line in lines(site)) == 2
    requests = [line for line in lines(site) if line["event"] == "request" and line.get("replyId") == reply]
    assert [(line["bytes"], line["end"], line["user_id"]) for line in requests] == [
        (len(text), "finished", person.user["id"]),
        (len(text) - 5, "finished", person.user["id"]),
    ]
    written = site.process.output()
    for secret in (
        CANARY,
        PASSWORD_CANARY,
        person.cookies["macrochat_session"],
        text.decode()[:40],
        "tests, long enough",
    ):
        assert secret not in written


def test_the_gauges_of_a_dead_worker_go_with_it(site):
    person = site.client()
    chat = data_of(person.post("/api/chats", json={"model": "scripted-endless:20"}), 201)
    with send(person, chat) as answer:
        pieces = answer.iter_raw()  # kept: when it is collected, the connection closes
        next(pieces)
        wait_until(lambda: total(site, "macrochat_followers_active") == 1)
        wait_until(lambda: any(line["event"] == "chunk_processing_metrics" for line in lines(site)), 30)
        assert CANARY not in site.process.output()
        site.kill_worker(wait_until(lambda: _reader(site)))
        wait_until(lambda: total(site, "macrochat_followers_active") == 0)
    wait_until(lambda: total(site, "macrochat_takeovers_total", "continued") == 1)
    wait_until(lambda: total(site, "macrochat_generations_active") == 1)
    data_of(person.post(f"/api/chats/{chat['id']}/stop"))


def _reader(site):
    """The worker in which the open body is, as the workers tell each other."""
    [folder] = Path("/dev/shm").glob(f"macrochat-metrics-{site.pid}-*")
    told = {path: json.loads(path.read_text()) for path in folder.glob("readers_*.json")}
    return next((int(path.stem.partition("_")[2]) for path, readers in told.items() if readers), None)
