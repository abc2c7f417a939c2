"""GET /api/replies/<id>/stream: from any byte, live or final, from the server that writes and from any other."""

import gevent
import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import begin, follow, new_chat, say, send, status_of, when_final
from tests.support.answers import without_request_id

UNICODE = expected_text("scripted-unicode", []).encode()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def read_from(person, reply_id, offset, at=""):
    with follow(person, f"/replies/{reply_id}/stream?offset={offset}", at=at) as body:
        body.to_end()
        return body


def test_a_final_reply_is_read_from_every_byte_inside_characters_too(ann):
    reply_id = say(ann, new_chat(ann), "hello", "scripted-unicode").reply_id
    for offset in range(len(UNICODE) + 1):
        body = read_from(ann, reply_id, offset)
        assert (body.status_code, body.data, body.cut) == (200, UNICODE[offset:], False)
        assert body.headers["X-Reply-Offset"] == str(offset)


def test_a_running_reply_is_read_from_every_byte_live_here_and_there(ann, here, there, provider):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:40:80", size=150)
    committed = status_of(ann, reply_id)["bytes"]
    offsets = range(0, committed + 1, 7)
    readers = [gevent.spawn(read_from, ann, reply_id, offset, at) for offset in offsets for at in (here.url, there.url)]
    gevent.sleep(0.2)
    provider.release()
    text = expected_text("scripted-hold:40:80", []).encode()
    for reader, offset in zip(readers, (offset for offset in offsets for _ in range(2)), strict=True):
        body = reader.get(timeout=60)
        assert (body.data, body.cut) == (text[offset:], False)


def test_words_reach_another_server_while_they_are_written(ann, there, provider):
    with send(ann, new_chat(ann), "hello", "scripted-hold:3") as body:
        body.until(9)
        with follow(ann, f"/replies/{body.reply_id}/stream", at=there.url) as other:
            assert other.until(9) == b"w0 w1 w2 "
            assert status_of(ann, body.reply_id, at=there.url)["status"] == "streaming"
            provider.release()
            assert other.to_end() == body.to_end()
            assert not other.cut


def test_a_fast_reply_of_300_kb_is_the_same_everywhere(ann, there):
    chat, text = new_chat(ann), expected_text("scripted-bytes:300000", []).encode()
    with send(ann, chat, "hello", "scripted-bytes:300000") as body:
        other = gevent.spawn(read_from, ann, body.reply_id, 0, there.url)
        assert body.to_end() == text
    assert other.get(timeout=60).data == text
    for offset in (0, 65_535, 65_536, 299_999, 300_000):
        assert read_from(ann, body.reply_id, offset, there.url).data == text[offset:]


def test_a_running_chat_is_followed_without_knowing_the_reply(ann, there, provider):
    chat = new_chat(ann)
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    with (
        follow(ann, f"/chats/{chat}/stream") as whole,
        follow(ann, f"/chats/{chat}/stream?offset=3", at=there.url) as rest,
    ):
        assert whole.status_code == rest.status_code == 200
        assert whole.reply_id == rest.reply_id == reply_id
        provider.release()
        assert whole.to_end()[3:] == rest.to_end()
        assert (len(whole.data), whole.cut, rest.cut) == (len(expected_text("scripted-hold:3", [])), False, False)


def test_a_chat_in_which_nothing_runs_has_nothing_to_follow(ann):
    chat = new_chat(ann)
    for text in (None, "hello"):
        if text:
            say(ann, chat, text, "scripted-echo")
        answer = ann.get(f"/api/chats/{chat}/stream")
        assert (answer.status_code, answer.content) == (204, b"")


def test_a_failed_reply_is_cut_for_whoever_reads_it_later_too(ann):
    reply_id = say(ann, new_chat(ann), "hello", "scripted-cut:3").reply_id
    for offset, rest in ((0, b"w0 w1 w2 "), (5, b" w2 "), (9, b"")):
        body = read_from(ann, reply_id, offset)
        assert (body.status_code, body.data, body.cut) == (200, rest, True)


def test_the_generation_outlives_all_its_readers(ann):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-words:20:20", size=3)
    status = when_final(ann, reply_id)
    assert (status["status"], status["bytes"]) == ("complete", len(expected_text("scripted-words:20:20", [])))


def test_a_stranger_reads_nothing_and_learns_nothing(ann, ben, provider):
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    for path in ("", "/stream", "/stream?offset=3", "/stream?offset=99999"):
        theirs = ben.get(f"/api/replies/{reply_id}{path}")
        unknown = ben.get(f"/api/replies/01890a5d-ac96-774b-bcce-b302099a8057{path}")
        assert without_request_id(theirs) == without_request_id(unknown)
        assert (theirs.status_code, theirs.json()["code"]) == (404, "REPLY_NOT_FOUND")


def test_fifty_readers_of_one_reply_read_the_same_bytes(ann, here, there):
    chat, text = new_chat(ann), expected_text("scripted-words:400:5", []).encode()
    with send(ann, chat, "hello", "scripted-words:400:5") as body:
        readers = [gevent.spawn(read_from, ann, body.reply_id, 0, at) for at in [here.url, there.url] * 25]
        assert body.to_end() == text
    for reader in readers:
        found = reader.get(timeout=60)
        assert (found.data, found.cut) == (text, False)
