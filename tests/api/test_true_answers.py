"""Real answers are what the description says, and hold no field that it does not have."""

from __future__ import annotations

import copy
import json

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.api.caller import CUT, ECHO, SLOW, THINKING
from tests.support.servers import PASSWORD

UNKNOWN = "00000000-0000-7000-8000-000000000000"


class Truth:
    """Holds answers against the description, which is made to allow no field but its own."""

    def __init__(self, document):
        self.document = closed(document)
        self.seen = set()

    def check(self, method, path, answer):
        """The answer, if the operation at `path` (as in the description) may give it."""
        operation = self.document["paths"][path][method.lower()]
        described = operation["responses"].get(str(answer.status_code))
        assert described, f"{operation['operationId']}: {answer.status_code} {answer.text}"
        self.seen.add((operation["operationId"], answer.status_code))
        for name in described["headers"]:
            if self.document["components"]["headers"][name]["required"]:
                assert name in answer.headers, (operation["operationId"], name)
        media = answer.headers.get("Content-Type", "").partition(";")[0]
        assert media in (described.get("content") or {"": None}), (operation["operationId"], media)
        if media == "application/json":
            self.hold(described["content"][media]["schema"], answer.json())
        return answer

    def hold(self, schema, value):
        whole = {**schema, "components": self.document["components"]}
        problems = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
        assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []

    def hold_shape(self, name, value):
        self.hold({"$ref": f"#/components/schemas/{name}"}, value)


def closed(document):
    """The same with objects that have the properties they name and no others."""
    if isinstance(document, list):
        return [closed(item) for item in document]
    if not isinstance(document, dict):
        return document
    result = {key: closed(value) for key, value in document.items()}
    if result.get("type") == "object" and "properties" in result and "allOf" not in result:
        result["additionalProperties"] = False
    return result


@pytest.fixture(scope="module")
def truth(description):
    return Truth(copy.deepcopy(description))


@pytest.fixture
def ask(truth, caller):
    """Asks as the caller and checks: `ask("GET", "/api/chats/{chatId}", chatId=…, json=…)` is the answer."""

    def send(method, path, *, who=caller, json=None, headers=None, params=None, **ids):
        answer = who.person.request(method, path.format(**ids), json=json, headers=headers, params=params)
        return truth.check(method, path, answer)

    return send


def test_chats(ask):
    chat = ask("POST", "/api/chats", json={"title": "One", "systemPrompt": "Be kind"}).json()["data"]["id"]
    ask("POST", "/api/chats")
    etag = ask("GET", "/api/chats", params={"q": "One"}).headers["ETag"]
    ask("GET", "/api/chats", params={"q": "One"}, headers={"If-None-Match": etag})
    cursor = ask("GET", "/api/chats", params={"limit": 1}).json()["meta"]["nextCursor"]
    ask("GET", "/api/chats", params={"limit": 1, "cursor": cursor})
    ask("GET", "/api/chats", params={"cursor": "next"})
    ask("GET", "/api/chats", params={"limit": 0})
    ask("GET", "/api/chats/{chatId}", chatId=chat)
    ask("PATCH", "/api/chats/{chatId}", chatId=chat, json={"title": "Two"})
    ask("PUT", "/api/chats/{chatId}", chatId=chat, json={"model": None})
    ask("PATCH", "/api/chats/{chatId}", chatId=chat, json={"model": "nobody's"})
    ask("PATCH", "/api/chats/{chatId}", chatId=chat, json={"title": 3})
    ask("DELETE", "/api/chats/{chatId}", chatId=chat)
    ask("GET", "/api/chats/{chatId}", chatId=chat)
    ask("GET", "/api/models")


def test_replies_in_every_state(ask, truth, caller):
    chat, body = caller.new("chatId"), {"messages": [{"role": "user", "content": "Tell me"}]}
    assert ask("POST", "/api/chats/{chatId}/stop", chatId=chat).json()["data"] is None
    key = {"Idempotency-Key": "one"}
    reply = ask("POST", "/api/chats/{chatId}/stream", chatId=chat, json=body, headers=key).headers["X-Reply-Id"]
    ask("POST", "/api/chats/{chatId}/stream", chatId=chat, json=body, headers=key)
    ask("POST", "/api/chats/{chatId}/stream", chatId=chat, json={"messages": []})
    ask("GET", "/api/replies/{replyId}", replyId=reply)
    ask("GET", "/api/replies/{replyId}/stream", replyId=reply, params={"offset": 2})
    ask("GET", "/api/replies/{replyId}/stream", replyId=reply, params={"offset": 2000})
    ask("GET", "/api/replies/{replyId}/stream", replyId=reply, params={"offset": "two"})
    ask("GET", "/api/replies/{replyId}/stream", replyId=reply, headers={"Range": "bytes=2-"})
    ask("GET", "/api/replies/{replyId}/stream", replyId=reply, headers={"Accept": "text/event-stream"})
    assert ask("GET", "/api/chats/{chatId}/stream", chatId=chat).status_code == 204
    assert ask("GET", "/api/chats/{chatId}/stream", chatId=chat, params={"offset": "two"}).status_code == 400
    ask("POST", "/api/replies/{replyId}/stop", replyId=reply)
    ask("POST", "/api/replies/{replyId}/continue", replyId=reply)
    ask("POST", "/api/chats/{chatId}/stop", chatId=chat)

    slow = f"/api/chats/{chat}/stream"
    with caller.person.stream("POST", slow, json=body | {"model": SLOW}) as running:
        busy = ask("POST", "/api/chats/{chatId}/stream", chatId=chat, json=body)
        assert busy.status_code == 409
        ask("GET", "/api/chats/{chatId}/stream", chatId=chat)
        assert running.status_code == 200

    broken = caller.new_broken_reply()
    shown = ask("GET", "/api/replies/{replyId}", replyId=broken).json()["data"]
    assert shown["error"]
    assert ask("POST", "/api/replies/{replyId}/continue", replyId=broken).text.endswith("w5 ")
    ask("GET", "/api/replies/{replyId}", replyId=UNKNOWN)
    for found in ask("GET", "/api/chats/{chatId}", chatId=shown["chatId"]).json()["data"]["messages"]:
        if found["role"] == "assistant":
            truth.hold_shape("ReplyMetadata", found["metadata"])
    assert CUT in shown["model"]


def test_a_reply_that_thinks(ask, truth, caller):
    reply = caller._new_reply(THINKING)
    while not caller.person.get(f"/api/replies/{reply}").json()["data"]["trace"]["bytes"]:
        pass
    assert ask("POST", "/api/replies/{replyId}/answer-now", replyId=reply).status_code == 200
    events = events_of(caller, reply)
    assert {event["event"] for event in events} == {"reasoning", "restart", "delta", "done"}
    shapes = {"reasoning": "ReasoningEvent", "restart": "RestartEvent", "delta": "Delta", "done": "Reply"}
    for event in events:
        truth.hold_shape("Event", event)
        truth.hold_shape(shapes[event["event"]], json.loads(event["data"]))
    status = ask("GET", "/api/replies/{replyId}", replyId=reply).json()["data"]
    assert status["trace"]["bytes"] > 0
    assert ask("POST", "/api/replies/{replyId}/answer-now", replyId=reply).status_code == 409
    assert ask("GET", "/api/replies/{replyId}/trace", replyId=reply, params={"offset": 0}).text.count("\n") > 1
    ask("GET", "/api/replies/{replyId}/trace", replyId=reply, params={"offset": "two"})
    ask("GET", "/api/replies/{replyId}/trace", replyId=reply, params={"offset": 1 << 30})
    [_question, answer] = ask("GET", "/api/chats/{chatId}", chatId=status["chatId"]).json()["data"]["messages"]
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "restart", "reasoning", "text"]
    ask("GET", "/api/chats/{chatId}", chatId=status["chatId"], params={"parts": 0})


def events_of(caller, reply):
    text = caller.person.get(f"/api/replies/{reply}/stream", headers={"Accept": "text/event-stream"}).text
    whole = "\n".join(line for line in text.splitlines() if not line.startswith(":"))
    return [dict(line.split(": ", 1) for line in event.splitlines()) for event in whole.strip().split("\n\n")]


def test_a_chat_of_the_ai_sdk(ask, caller):
    body = {"id": "a-chat-of-mine", "messages": [{"role": "user", "content": "Tell me"}], "model": SLOW}
    assert ask("GET", "/api/chat/{chatId}/stream", chatId="nobody-s").status_code == 204
    with caller.person.stream("POST", "/api/chat", json=body) as running:
        assert running.status_code == 200
        assert ask("POST", "/api/chat", json=body).status_code == 409
        assert "text-delta" in ask("GET", "/api/chat/{chatId}/stream", chatId="a-chat-of-mine").text
    ask("POST", "/api/chat/{chatId}/stop", chatId="a-chat-of-mine")
    assert ask("POST", "/api/chat/{chatId}/stop", chatId="nobody-s").json()["data"] is None
    assert "finish" in ask("POST", "/api/chat", json=body | {"model": ECHO}).text
    assert ask("POST", "/api/chat", json={"messages": []}).status_code == 400


def test_events_hold_what_the_shapes_say(truth, caller):
    events = events_of(caller, caller.new("replyId"))
    assert [event["event"] for event in events] == ["delta"] * (len(events) - 1) + ["done"]
    for event in events:
        truth.hold_shape("Event", event)
        truth.hold_shape("Delta" if event["event"] == "delta" else "Reply", json.loads(event["data"]))


def test_accounts_and_their_keys(ask, caller):
    ask("GET", "/api/users/me")
    ask("PATCH", "/api/users/me", json={"name": "Ada"})
    ask("GET", "/api/sessions")
    ask("DELETE", "/api/sessions/{sessionId}", sessionId=caller.new("sessionId"))
    ask("DELETE", "/api/sessions/{sessionId}", sessionId=UNKNOWN)
    ask("GET", "/api/keys")
    key = ask("POST", "/api/keys", json={"name": "Backup", "expiresInDays": 3, "password": PASSWORD}).json()["data"]
    ask("POST", "/api/keys", json={"name": "\t", "password": PASSWORD})
    ask("POST", "/api/keys", json={"name": "Backup"})
    ask("POST", "/api/keys", json={"name": "Backup", "password": "wrong"})
    ask("GET", "/api/users/me", headers={"X-API-KEY": key["key"]})
    ask("GET", "/api/keys", headers={"X-API-KEY": key["key"]})
    ask("GET", "/api/keys", headers={"X-API-KEY": "mck_wrong"})
    ask("DELETE", "/api/keys/{keyId}", keyId=key["id"])
    ask("DELETE", "/api/keys/{keyId}", keyId=key["id"])
    ask("POST", "/api/auth/password", json={"currentPassword": "not this", "newPassword": "something long"})
    ask("POST", "/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": PASSWORD})
    ask("POST", "/api/auth/register", json={"email": caller.email, "password": PASSWORD})
    ask("POST", "/api/auth/register", json={"email": f"another-{caller.email}", "password": PASSWORD})
    ask("POST", "/api/auth/login", json={"email": caller.email, "password": PASSWORD})
    ask("POST", "/api/auth/register", json={"email": "nobody", "password": "short"})
    ask("POST", "/api/auth/login", json={"email": caller.email, "password": "wrong"})
    ask("POST", "/api/auth/login", json={"email": caller.email, "password": PASSWORD})
    ask("POST", "/api/auth/logout", headers={"Sec-Fetch-Site": "cross-site"})
    ask("POST", "/api/auth/logout")
    ask("POST", "/api/auth/login", json={"email": caller.email, "password": PASSWORD})
    ask("POST", "/api/auth/logout-all")
    ask("GET", "/api/sessions")
    ask("POST", "/api/auth/login", json={"email": caller.email, "password": PASSWORD})
    ask("DELETE", "/api/users/me", json={"password": "wrong"})
    ask("DELETE", "/api/users/me", json={"password": PASSWORD})


def test_what_operators_see(ask, operator):
    ask("GET", "/api/ops/health")
    ask("GET", "/api/ops/overview")
    ask("POST", "/api/ops/replies/{replyId}/stop", replyId=UNKNOWN)
    ask("GET", "/api/ops/health", who=operator)
    ask("GET", "/api/ops/overview", who=operator)
    ask("POST", "/api/ops/replies/{replyId}/stop", who=operator, replyId=operator.new("replyId"))
    ask("POST", "/api/ops/replies/{replyId}/stop", who=operator, replyId=UNKNOWN)


def test_the_server_itself(ask):
    for path in ("/api/health", "/healthz", "/readyz", "/metrics", "/api/openapi.json"):
        ask("GET", path)
    etag = ask("GET", "/api/openapi.json").headers["ETag"]
    ask("GET", "/api/openapi.json", headers={"If-None-Match": etag})


def test_every_good_answer_was_seen(truth, request):
    """After the others: each operation has given each of its good answers."""
    chosen = {item.originalname for item in request.session.items}
    if {name for name in vars(request.module) if name.startswith("test_")} - chosen:
        pytest.skip("Not all tests of this module were chosen")
    described = {
        (operation["operationId"], int(status))
        for item in truth.document["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
        if int(status) < 400
    }
    assert described - truth.seen == set()
