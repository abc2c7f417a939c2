"""The Vercel AI SDK as its makers publish it, with its text transport: the state machine is theirs, not ours."""

import json

import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import asked, begin, messages_of, status_of, unique, when_final
from tests.support.processes import wait_until

EVERY_VERSION = pytest.mark.parametrize("version", [4, 5, 6, 7])
SINCE_5 = pytest.mark.parametrize("version", [5, 6, 7])


@pytest.fixture(params=[4, 7])  # what is not ours to tell apart is tried with the oldest and the newest
def version(request):
    return request.param


def model(name):
    """What a page sends along to choose the model of an answer."""
    return {"model": name}


def stored(person, chat):
    return [(message["role"], message["content"]) for message in messages_of(person, chat)]


@EVERY_VERSION
def test_an_answer_arrives_byte_for_byte_and_is_stored_so(sdk, ann, chat):
    conversation = sdk()
    question = "Grüße 👋🏽 “x” \r\n\t\u202e中"
    conversation.run("send", text=question, body=model("scripted-unicode"))
    text = expected_text("scripted-unicode", [])
    assert conversation.texts == [("user", question), ("assistant", text)]
    assert stored(ann, chat) == conversation.texts
    assert conversation.statuses == ["ready", "submitted", "streaming", "ready"]
    assert len(conversation.all("finished")) == 1


def test_words_are_shown_while_the_model_still_writes(sdk, chat, provider):
    conversation = sdk()
    conversation.do("send", text="hello", body=model("scripted-hold:3"))
    conversation.shows("w0 w1 w2 ")
    assert conversation.statuses[-1] == "streaming"
    provider.release()
    conversation.until("done")
    conversation.at_rest()
    assert conversation.texts[-1] == ("assistant", expected_text("scripted-hold:3", []))


def test_every_word_is_a_change_of_its_own(sdk):
    conversation = sdk()
    conversation.run("send", text="hello", body=model("scripted-words:20:20"))
    answers = {state["messages"][-1]["text"] for state in conversation.states if len(state["messages"]) == 2}
    assert len(answers) >= 10
    assert max(answers, key=len) == expected_text("scripted-words:20:20", [])


def test_the_next_question_comes_after_what_was_said_before(sdk, ann, chat, provider):
    conversation = sdk()
    for text in ("one", "two", "three"):
        conversation.run("send", text=text)
    said = [("user", "one"), ("assistant", "one"), ("user", "two"), ("assistant", "two")]
    assert [(m["role"], m["content"]) for m in provider.requests[-1]["messages"]] == [*said, ("user", "three")]
    assert stored(ann, chat) == [*said, ("user", "three"), ("assistant", "three")] == conversation.texts


@EVERY_VERSION
def test_an_answer_is_written_anew_in_the_place_of_the_old_one(sdk, ann, chat):
    conversation = sdk()
    conversation.run("send", text="hello")
    first = messages_of(ann, chat)
    conversation.run("regenerate", body=model("scripted-words:3"))
    assert conversation.requests[-1]["body"]["trigger"] == "regenerate-message"
    assert conversation.texts == [("user", "hello"), ("assistant", "w0 w1 w2 ")] == stored(ann, chat)
    assert messages_of(ann, chat)[0]["id"] == first[0]["id"], "the question is asked once"
    assert status_of(ann, first[1]["id"])["bytes"] == 5, "the old answer is kept"


@pytest.mark.parametrize("version", [5, 7])
def test_an_earlier_answer_is_written_anew_by_its_id(sdk, ann, chat, provider):
    conversation = sdk()
    for text in ("one", "two"):
        conversation.run("send", text=text)
    first_answer = conversation.messages[1]["id"]
    conversation.run("regenerate", messageId=first_answer, body=model("scripted-words:3"))
    assert conversation.requests[-1]["body"]["messageId"] == first_answer
    assert [m["content"] for m in provider.requests[-1]["messages"]] == ["one"]
    assert conversation.texts == [("user", "one"), ("assistant", "w0 w1 w2 ")] == stored(ann, chat)


@pytest.mark.parametrize("version", [5, 7])
def test_an_edited_message_takes_the_place_of_the_old_one(sdk, ann, chat):
    conversation = sdk()
    for text in ("hallo", "what came after"):
        conversation.run("send", text=text)
    conversation.run("edit", text="hello", messageId=conversation.messages[0]["id"])
    assert conversation.states[-1]["status"] == "ready"
    assert conversation.texts == [("user", "hello"), ("assistant", "hello")] == stored(ann, chat)
    conversation.run("regenerate", body=model("scripted-words:3"))
    assert conversation.texts == [("user", "hello"), ("assistant", "w0 w1 w2 ")] == stored(ann, chat)


@EVERY_VERSION
def test_stop_ends_the_answer_here_and_at_the_provider(sdk, ann, chat, provider):
    conversation, text = sdk(), unique()
    conversation.do("send", text=text, body=model("scripted-hold:3"))
    conversation.shows("w0 w1 w2 ")
    conversation.run("stop")
    assert conversation.states[-1]["status"] == "ready"
    assert conversation.states[-1]["error"] is None
    assert ann.post(f"/api/chats/{chat}/stop").json()["data"]["status"] == "stopped"
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 10, "the provider's connection closed")
    assert stored(ann, chat) == [("user", text), ("assistant", "w0 w1 w2 ")] == conversation.texts
    conversation.run("send", text="and now?")
    assert conversation.texts[-1] == ("assistant", "and now?") == stored(ann, chat)[-1]


def test_leaving_without_a_stop_leaves_the_answer_running(sdk, ann, chat, provider):
    conversation = sdk()
    conversation.do("send", text="hello", body=model("scripted-hold:3"))
    conversation.shows("w0 w1 w2 ")
    conversation.run("stop")
    provider.release()
    final = when_final(ann, conversation.requests[0]["replyId"])
    assert (final["status"], final["bytes"]) == ("complete", len(expected_text("scripted-hold:3", [])))


@SINCE_5
def test_a_page_that_is_opened_while_nothing_runs_gets_a_204(sdk, chat):
    conversation = sdk(addresses="ofAllChats")
    conversation.run("resume")
    assert [(one["asked"], one["status"]) for one in conversation.requests] == [(f"GET /api/chats/{chat}/stream", 204)]
    assert (conversation.states[-1:] or [{"status": "ready"}])[0]["status"] == "ready"
    assert not conversation.all("thrown")


@pytest.mark.parametrize("version", [4])
def test_version_4_takes_a_204_for_an_empty_body(sdk, chat):
    """Its own way: a page asks it to resume only when it knows that a reply runs."""
    conversation = sdk()
    conversation.run("resume")
    conversation.wait(lambda: conversation.states[-1]["status"] == "error", "error")
    assert conversation.requests[0]["status"] == 204
    assert conversation.states[-1]["error"] == "The response body is empty."


@EVERY_VERSION
def test_a_page_that_is_opened_while_an_answer_runs_shows_it_whole_and_live(sdk, ann, chat, provider):
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    conversation = sdk(
        messages=[{"id": "q", "role": "user", "content": "hello", "parts": [{"type": "text", "text": "hello"}]}]
    )
    conversation.do("resume")
    conversation.shows("w0 w1 w2 ")
    assert conversation.statuses[-1] == "streaming"
    provider.release()
    conversation.at_rest()
    assert conversation.texts == [("user", "hello"), ("assistant", expected_text("scripted-hold:3", []))]
    [request] = conversation.requests
    assert request["asked"].partition("?")[0] == f"GET /api/chats/{chat}/stream"
    assert request["replyId"] == reply_id


@pytest.mark.parametrize("version", [7])
@pytest.mark.parametrize("addresses", ["ofTheChat", "ofAllChats"])
def test_it_finds_us_by_either_kind_of_address(sdk, chat, addresses, provider):
    conversation = sdk(addresses=addresses)
    conversation.do("send", text="hello", body=model("scripted-hold:3"))
    conversation.shows("w0 w1 w2 ")
    conversation.do("stop")
    conversation.until("done", 2)
    conversation.do("resume")
    wait_until(lambda: len(conversation.requests) == 2, 10, "resumed")
    provider.release()
    conversation.until("done", 3)
    path = f"/api/chats/{chat}/stream"
    assert [one["asked"] for one in conversation.requests] == [f"POST {path}", f"GET {path}"]
    assert conversation.texts[-1] == ("assistant", expected_text("scripted-hold:3", []))


@EVERY_VERSION
def test_a_body_that_is_cut_on_the_way_is_an_error(sdk, proxy):
    proxy.cut(80)
    conversation = sdk(url=proxy.url)
    conversation.run("send", text="hello", body=model("scripted-words:60:50"))
    assert conversation.statuses == ["ready", "submitted", "streaming", "error"]
    assert conversation.states[-1]["error"]
    assert expected_text("scripted-words:60:50", []).startswith(conversation.texts[-1][1])


def test_an_answer_that_breaks_at_the_provider_is_an_error_with_its_beginning_kept(sdk, ann, chat):
    conversation = sdk()
    conversation.run("send", text="hello", body=model("scripted-cut:3"))
    assert conversation.states[-1]["status"] == "error"
    assert conversation.texts[-1] == ("assistant", "w0 w1 w2 ") == stored(ann, chat)[-1]
    assert status_of(ann, conversation.requests[0]["replyId"])["status"] == "failed"


def test_after_an_error_the_answer_is_written_anew(sdk, ann, chat):
    conversation = sdk()
    conversation.run("send", text="hello", body=model("scripted-cut:3"))
    conversation.run("regenerate")
    assert conversation.states[-1]["status"] == "ready"
    assert conversation.texts == [("user", "hello"), ("assistant", "hello")] == stored(ann, chat)


@EVERY_VERSION
def test_a_provider_s_refusal_is_an_error_in_our_words(sdk, ann, chat):
    conversation = sdk()
    conversation.run("send", text="hello", body=model("scripted-status:401"))
    assert conversation.states[-1]["status"] == "error"
    assert conversation.requests[0]["status"] == 502
    refusal = json.loads(conversation.states[-1]["error"])
    assert (refusal["success"], refusal["code"]) == (False, "UPSTREAM_AUTH")
    assert refusal["error"]
    assert stored(ann, chat) == [("user", "hello"), ("assistant", "")], "the question is kept for another try"


def test_a_wrong_key_is_an_error_in_our_words(sdk, ann, chat):
    conversation = sdk(headers={"Authorization": "Bearer mck_wrong"})
    conversation.run("send", text="hello")
    assert conversation.requests[0]["status"] == 401
    assert json.loads(conversation.states[-1]["error"])["code"] == "INVALID_API_KEY"
    assert stored(ann, chat) == []


def test_a_key_is_taken_from_the_authorization_header_too(sdk, ann, chat, key):
    conversation = sdk(headers={"Authorization": f"Bearer {key}"})
    conversation.run("send", text="hello")
    assert conversation.texts == [("user", "hello"), ("assistant", "hello")] == stored(ann, chat)


def test_the_same_message_sent_again_is_not_posted_twice(sdk, ann, chat, provider):
    """What a page does that does not know whether its message got through."""
    conversation, text = sdk(withIds=True), unique()
    conversation.run("send", text=text, id="from-the-page")
    conversation.run("resend", text=text, id="from-the-page")
    first, second = conversation.requests
    assert second["replyId"] == first["replyId"]
    assert (first["replayed"], second["replayed"]) == (None, "true")
    assert conversation.texts == [("user", text), ("assistant", text)] == stored(ann, chat)
    assert len(asked(provider, text)) == 1


def test_the_same_message_sent_again_after_a_cut_shows_the_whole_answer(sdk, ann, chat, proxy, provider):
    proxy.cut(60)
    conversation, text = sdk(url=proxy.url, withIds=True), unique()
    conversation.run("send", text=text, id="from-the-page", body=model("scripted-words:40:25"))
    assert conversation.states[-1]["status"] == "error"
    conversation.run("resend", text=text, id="from-the-page", body=model("scripted-words:40:25"))
    assert conversation.states[-1]["status"] == "ready"
    assert conversation.texts == [("user", text), ("assistant", expected_text("scripted-words:40:25", []))]
    assert stored(ann, chat) == conversation.texts
    assert len(asked(provider, text)) == 1


def test_a_message_while_another_answer_runs_is_refused_by_name(sdk, ann, chat):
    begin(ann, chat, "hello", "scripted-hold:3", size=9)
    conversation = sdk()
    conversation.run("send", text="me too")
    assert conversation.requests[0]["status"] == 409
    assert json.loads(conversation.states[-1]["error"])["code"] == "CHAT_BUSY"
    assert stored(ann, chat) == [("user", "hello"), ("assistant", "w0 w1 w2 ")]
