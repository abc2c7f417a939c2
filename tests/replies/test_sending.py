"""POST /api/chats/<id>/stream over the wire: what stands in the answer, and when (S1, S2, S3, S8, S9)."""

import gevent
import httpx2
import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import asked, messages_of, new_chat, say, send, status_of, unique
from tests.support.processes import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def test_the_body_is_the_text_and_nothing_else(ann):
    body = say(ann, new_chat(ann), "Grüße 👋🏽, twice:  two spaces\r\nand a line", "scripted-echo")
    assert body.data.decode() == "Grüße 👋🏽, twice:  two spaces\r\nand a line"
    assert not body.cut


def test_the_headers_are_those_of_the_contract(ann):
    body = say(ann, new_chat(ann), "hello", "scripted-echo")
    reply_id = body.reply_id
    assert body.status_code == 200
    assert body.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert body.headers["Cache-Control"] == "no-cache, no-store, no-transform"
    assert body.headers["X-Accel-Buffering"] == "no"
    assert body.headers["Transfer-Encoding"] == "chunked"
    assert body.headers["Location"] == f"/api/replies/{reply_id}"
    assert "X-Request-Id" in body.headers
    assert "Access-Control-Allow-Origin" not in body.headers
    assert body.headers.get("Connection", "keep-alive").lower() == "keep-alive"
    assert "Idempotent-Replayed" not in body.headers


def test_the_headers_name_the_two_messages(ann):
    chat = new_chat(ann)
    body = say(ann, chat, "hello", "scripted-echo")
    user, assistant = messages_of(ann, chat)
    assert body.headers["X-User-Message-Id"] == user["id"]
    assert body.headers["X-Reply-Id"] == assistant["id"]


def test_a_connection_serves_the_next_request_after_a_reply(here, sign_up):
    person = sign_up(here, limits=httpx2.Limits(max_connections=1))
    chat = new_chat(person)
    ports = set()
    for text in ("one", "two"):
        with send(person, chat, text, "scripted-echo") as body:
            assert body.to_end() == text.encode()
            stream = body.response.extensions["network_stream"]
            ports.add(stream.get_extra_info("client_addr"))
    assert len(ports) == 1


def test_words_arrive_while_the_model_is_still_writing(ann):
    """Of 60 words in three seconds the first eight are enough: a busy machine has time to show more than one lump."""
    with send(ann, new_chat(ann), "go on", "scripted-words:60:50") as body:
        for _ in range(8):
            body.until(len(body.data) + 1)
        assert body.cut is None, "the words came in lumps"
        assert status_of(ann, body.reply_id)["status"] == "streaming"
    assert expected_text("scripted-words:60:50", []).startswith(body.data.decode())


def test_the_first_words_arrive_before_the_reply_is_complete(ann):
    with send(ann, new_chat(ann), "wait", "scripted-hold:3") as body:
        assert body.until(9) == b"w0 w1 w2 "
        status = status_of(ann, body.reply_id)
        assert (status["status"], status["bytes"], status["finishReason"]) == ("streaming", 9, None)


def test_the_message_is_stored_before_the_provider_is_asked(ann, provider):
    chat, text = new_chat(ann), unique()
    sending = gevent.spawn(say, ann, chat, text, "scripted-hold")
    wait_until(lambda: asked(provider, text))
    user, assistant = messages_of(ann, chat)
    assert (user["role"], user["content"]) == ("user", text)
    assert (assistant["role"], assistant["content"], assistant["metadata"]["status"]) == ("assistant", "", "streaming")
    provider.release()
    assert not sending.get(timeout=60).cut
