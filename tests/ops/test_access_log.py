"""One line per request; nothing in it that people wrote."""

import uuid

import pytest


@pytest.fixture
def app(make_app, sqlite_url):
    return make_app(sqlite_url, MACROCHAT_LOG_LEVEL="debug")


def requests(lines):
    return [line for line in lines if line["event"] == "request"]


def test_a_request_is_one_line_with_its_route_and_not_its_path(app, alice, lines):
    chat = alice.post("/api/chats", json={"title": "CANARY"}).get_json()["data"]["id"]
    alice.get(f"/api/chats/{chat}?q=CANARY").close()
    line = requests(lines)[-1]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/chats/<chat_id>", 200)
    assert line["bytes"] > 0
    assert line["durationMs"] >= 0
    assert "CANARY" not in str(lines)


def test_an_unknown_address_is_a_line_too(client, lines):
    client.get("/CANARY").close()
    client.open("/api/chats", method="CANARY").close()
    assert [(line["method"], line["route"], line["status"]) for line in requests(lines)] == [
        ("GET", "none", 404),
        ("OTHER", "none", 405),
    ]


@pytest.mark.parametrize("path", ["/healthz", "/static/images/icon.svg", "/metrics"])
def test_probes_and_files_are_only_for_debugging(client, lines, path):
    client.get(path).close()
    assert [line["log_level"] for line in requests(lines)] == ["debug"]


def test_a_request_id_is_kept_from_door_to_answer(client):
    given = f"from-a-proxy-{uuid.uuid4()}"
    answer = client.get("/api/chats", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == answer.get_json()["requestId"] == given


def test_a_look_that_finds_nothing_new_is_only_for_debugging(alice, lines):
    known = {"If-None-Match": alice.get("/api/chats").headers["ETag"]}
    alice.get("/api/chats", headers=known).close()
    last = requests(lines)[-1]
    assert (last["status"], last["log_level"]) == (304, "debug")
