"""A stock `useChat()` of the AI SDK's newest two majors, against the routes that it asks by itself."""

import json
import uuid

import httpx2
import pytest

from macrochat.providers.scripted import expected_text, expected_thought
from tests.clients.driver import Conversation
from tests.replies.asking import SCRIPTED, asked, messages_of, status_of, unique, when_final
from tests.support.answers import data_of
from tests.support.processes import wait_until

MODEL = "scripted-thinks:5:0:5"
THINKS = {"model": MODEL}
SLOW = "scripted-thinks:40:50:40:50"


@pytest.fixture(params=[6, 7])
def version(request):
    return request.param


@pytest.fixture
def sdk(version, packages, launch, site, key):
    def start(**options):
        given = {"url": site.url, "headers": {"X-API-KEY": key}} | options
        return launch(packages(f"ai-sdk-{version}") / "ui-chat.mjs", Conversation, **given)

    return start


def parts(conversation):
    return [(kind, text) for kind, text, _state in conversation.messages[-1]["parts"]]


def chat_of(conversation):
    return conversation.messages[-1]["metadata"]["chatId"]


def test_a_chat_is_made_with_its_first_message_and_thoughts_are_reasoning_parts(sdk, ann, provider):
    conversation = sdk()
    conversation.run("send", text="hello", body=THINKS)
    assert conversation.statuses == ["ready", "submitted", "streaming", "ready"]
    expected = [("reasoning", expected_thought(MODEL)), ("text", expected_text(MODEL, []))]
    assert parts(conversation) == expected
    assert {state for _kind, _text, state in conversation.messages[-1]["parts"]} == {"done"}
    told = conversation.messages[-1]["metadata"]
    assert (told["model"], told["status"], told["finishReason"]) == (MODEL, "complete", "stop")
    question, answer = messages_of(ann, chat_of(conversation))
    assert (question["content"], answer["id"]) == ("hello", conversation.messages[-1]["id"])
    assert [(part["type"], part["text"]) for part in answer["parts"]] == expected
    assert conversation.requests[0]["asked"] == "POST /api/chat"


def test_the_next_messages_go_into_the_same_chat(sdk, ann, provider):
    conversation = sdk()
    for text in ("one", "two"):
        conversation.run("send", text=text, body={"model": "scripted-echo"})
    said = [("user", "one"), ("assistant", "one"), ("user", "two"), ("assistant", "two")]
    assert [(message["role"], message["content"]) for message in messages_of(ann, chat_of(conversation))] == said
    assert conversation.texts == said


def test_regenerate_and_edit(sdk, ann, provider):
    conversation = sdk()
    conversation.run("send", text="hallo", body={"model": "scripted-echo"})
    conversation.run("regenerate", body={"model": "scripted-words:3"})
    assert conversation.texts == [("user", "hallo"), ("assistant", "w0 w1 w2 ")]
    conversation.run("edit", text="hello", messageId=conversation.messages[0]["id"], body={"model": "scripted-echo"})
    assert conversation.texts == [("user", "hello"), ("assistant", "hello")]
    stored = [(message["role"], message["content"]) for message in messages_of(ann, chat_of(conversation))]
    assert stored == conversation.texts


def test_stop_ends_it_here_and_a_word_to_us_at_the_provider(sdk, ann, provider):
    conversation, text = sdk(), unique()
    conversation.do("send", text=text, body={"model": "scripted-hold:3"})
    conversation.shows("w0 w1 w2 ")
    conversation.run("stop")
    assert conversation.states[-1]["status"] == "ready"
    name = conversation.states[-1]["chat"]
    assert data_of(ann.post(f"/api/chat/{name}/stop"))["status"] == "stopped"
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 10, "the provider's connection closed")


def test_a_page_that_comes_back_resumes_the_reply_with_its_thoughts(sdk, ann, provider):
    first = sdk()
    first.do("send", text="hello", body={"model": SLOW})
    first.wait(lambda: first.messages and first.messages[-1]["role"] == "assistant", "a thought")
    name, [question, _answer] = first.states[-1]["chat"], first.messages
    first.close()
    shown = {"id": question["id"], "role": "user", "parts": [{"type": "text", "text": "hello"}]}
    again = sdk(chatId=name, messages=[shown])
    again.run("resume")
    assert again.requests[0]["asked"] == f"GET /api/chat/{name}/stream"
    assert parts(again) == [("reasoning", expected_thought(SLOW)), ("text", expected_text(SLOW, []))]


def test_nothing_to_resume(sdk, ann):
    conversation = sdk()
    conversation.run("resume")
    assert [request["status"] for request in conversation.requests] == [204]
    assert not conversation.all("thrown")


def test_an_answer_that_breaks_is_an_error_with_its_beginning_kept(sdk, ann, provider):
    conversation = sdk()
    conversation.run("send", text="hello", body={"model": "scripted-cut:3"})
    assert conversation.states[-1]["status"] == "error"
    assert conversation.states[-1]["error"]
    assert not conversation.states[-1]["error"].startswith("{")
    assert conversation.texts[-1] == ("assistant", "w0 w1 w2 ")


def test_a_refusal_is_an_error_in_our_words(sdk, ann, provider):
    conversation = sdk()
    conversation.run("send", text="hello", body={"model": "scripted-status:401"})
    assert json.loads(conversation.states[-1]["error"])["code"] == "UPSTREAM_AUTH"
    conversation = sdk(headers={"X-API-KEY": "mck_wrong"})
    conversation.run("send", text="hello")
    assert json.loads(conversation.states[-1]["error"])["code"] == "INVALID_API_KEY"


@pytest.fixture
def crew(shared_server, provider):
    """One gunicorn of two workers, which tests may kill."""
    return shared_server(database="sqlite", workers=2, GUNICORN_CMD_ARGS="--name=use-chat", **SCRIPTED)


def test_after_a_kill_the_reply_is_resumed_whole(version, packages, launch, crew, provider):
    eve = crew.client(limits=httpx2.Limits(max_keepalive_connections=0))
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in eve.cookies.items())}
    program, text = packages(f"ai-sdk-{version}") / "ui-chat.mjs", unique()
    first = launch(program, Conversation, url=crew.url, headers=cookies)
    first.do("send", text=text, body={"model": SLOW})
    first.wait(lambda: first.messages and first.messages[-1]["role"] == "assistant", "a thought")
    name, [question, answer] = first.states[-1]["chat"], first.messages
    crew.kill()
    first.at_rest()
    assert first.states[-1]["status"] == "error"
    crew.start()
    shown = {"id": question["id"], "role": "user", "parts": [{"type": "text", "text": text}]}
    again = launch(program, Conversation, url=crew.url, headers=cookies, chatId=name, messages=[shown])
    again.run("resume")
    when_final(eve, again.requests[0]["replyId"], 60)
    kinds = [kind for kind, _text in parts(again)]
    assert kinds in (["reasoning", "reasoning", "text"], ["reasoning", "text"])
    assert parts(again)[-1] == ("text", expected_text(SLOW, []))
    assert parts(again)[-2] == ("reasoning", expected_thought(SLOW))
    assert again.messages[-1]["id"] == again.requests[0]["replyId"] == answer["id"]
    assert len(asked(provider, text)) == 2


# The routes themselves


def send(person, name, text="hello", **more):
    body = {
        "id": name,
        "messages": [{"id": str(uuid.uuid4()), "role": "user", "parts": [{"type": "text", "text": text}]}],
    }
    return person.post("/api/chat", json=body | {"model": "scripted-echo"} | more)


def test_the_stream_is_what_the_sdk_s_version_1_says(ann, provider):
    answer = send(ann, str(uuid.uuid4()))
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert [chunk["type"] for chunk in chunks] == ["start", "text-start", "text-delta", "text-end", "finish"]
    assert chunks[0]["messageId"] == answer.headers["X-Reply-Id"]


def test_a_name_is_its_owner_s_only(site, ann, provider):
    ben, name = site.client(), "mine"
    first = send(ann, name).headers["X-Chat-Id"]
    second = send(ben, name).headers["X-Chat-Id"]
    assert first != second
    assert send(ann, name, "again").headers["X-Chat-Id"] == first
    assert send(ben, first).headers["X-Chat-Id"] not in (first, second), "an id of hers is a name like any other"
    assert ben.get(f"/api/chat/{first}/stream").status_code == 204


def test_our_own_id_of_a_chat_is_a_name_of_it(ann, provider):
    chat = data_of(ann.post("/api/chats", json={}), 201)["id"]
    assert send(ann, chat).headers["X-Chat-Id"] == chat


@pytest.mark.parametrize("name", [None, "", 7, "x" * 256, "a\0b", ["x"]])
def test_a_name_that_is_none_is_refused(ann, name):
    answer = send(ann, name)
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, "id")


def test_no_chat_is_made_for_a_model_that_is_not_here(ann):
    before = ann.get("/api/chats").json()["meta"]["total"]
    assert send(ann, str(uuid.uuid4()), model="nobody").status_code == 400
    assert ann.get("/api/chats").json()["meta"]["total"] == before


def test_a_repeat_of_a_request_is_the_same_reply(ann, provider):
    name, text = str(uuid.uuid4()), unique()
    body = {"id": name, "messages": [{"id": "m1", "role": "user", "content": text}], "model": "scripted-echo"}
    first, second = ann.post("/api/chat", json=body), ann.post("/api/chat", json=body)
    assert second.headers["X-Reply-Id"] == first.headers["X-Reply-Id"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(asked(provider, text)) == 1
    assert status_of(ann, first.headers["X-Reply-Id"])["status"] == "complete"
