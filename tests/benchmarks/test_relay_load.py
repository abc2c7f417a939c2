"""The fake upstream and the load client: the bytes are as said, and the client notices every kind of wrong one."""

from __future__ import annotations

import json

import pytest

from benchmarks.relay import texts
from benchmarks.relay.check import EventCheck, TextCheck
from benchmarks.relay.client import Request
from benchmarks.relay.http1 import Body, Malformed
from benchmarks.relay.load import Load
from benchmarks.relay.peers.base import completion, post

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def load():
    load = Load(rate=50)
    yield load
    load.close()


def requests(load, streams, kind, cells=0):
    port = load.upstream.port
    path = "/v1/chat/completions"
    return [Request(port, n, post(port, path, completion(n, kind, cells))) for n in range(1, streams + 1)]


# --- The upstream ---


def test_a_short_reply_is_a_role_some_content_a_finish_reason_usage_and_done(load):
    load.one_by_one(requests(load, 1, "once", 3), EventCheck)
    frames = texts.FIRST_FRAME + b"".join(
        texts.FRAME_HEAD + texts.NO_STAMP + texts.FRAME_TAILS[texts.first_word(1) + n] for n in range(3)
    )
    body = Body()
    *events, done, rest = body.feed(HEAD + frames + texts.LAST_FRAMES).decode().split("\n\n")
    assert body.ended
    assert (done, rest) == ("data: [DONE]", "")
    first, *content, finish, usage = [json.loads(event.removeprefix("data: ")) for event in events]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = "".join(event["choices"][0]["delta"]["content"] for event in content)
    assert said.encode() == texts.text(1, 3)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["total_tokens"] == 110


def test_all_words_have_four_bytes_and_no_two_are_equal():
    assert {len(word) for word in texts.WORDS} == {texts.WORD_BYTES}
    assert len(set(texts.WORDS)) == texts.PERIOD


def test_paced_streams_get_their_chunks_at_their_rate_and_every_byte_is_right(load):
    load.open(requests(load, 20, "paced"), EventCheck)
    load.start(warm_up=0.1)
    window = load.window(1.0)
    ending = load.end()
    assert window.cells == pytest.approx(20 * 50, rel=0.2)
    assert 0 < window.age_ms(0.5) < 100
    assert (ending.wrong_bytes, dict(ending.errors)) == (0, {})


def test_a_flood_is_right_too(load):
    load.open(requests(load, 3, "flood"), EventCheck)
    load.start(warm_up=0)
    window = load.window(0.3)
    ending = load.end()
    assert window.cells > 10_000
    assert (ending.wrong_bytes, dict(ending.errors)) == (0, {})


def test_a_short_reply_tells_when_its_request_arrived_and_when_its_first_byte_came_back(load):
    answered = load.one_by_one(requests(load, 5, "once", 2), EventCheck)
    assert len(answered.times) == 5
    assert all(0 < there < 1_000_000 and 0 < back < 1_000_000 for there, back in answered.times)


# --- The client ---


def test_a_reader_that_is_cut_off_is_an_error(load):
    client_requests = requests(load, 2, "paced")
    load.open(client_requests, EventCheck)
    load.upstream.hang_up()
    load.loop.run(0.2)
    assert dict(load.end().errors) == {"cut": 2}


def test_a_refusal_is_an_error_with_its_status(load):
    port = load.upstream.port
    load.open([Request(port, 1, post(port, "/v1/chat/completions", {"messages": []}))], TextCheck)
    assert dict(load.end().errors) == {"status 400: ": 1}


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (lambda text: text, 0),
        (lambda text: text[:20] + b"#" + text[21:], 12),  # a byte of a word
        (lambda text: text[:13] + b"x" + text[14:], 12),  # a byte of a stamp
        (lambda text: text[:-1], 23),  # cut within a cell: 11 bytes that are no cell, and one cell too few
        (lambda text: text[:24] + text[36:], 7 * 12 + 12),  # a cell lost, all after it are others
        (lambda text: text[:24] + text[12:], 9 * 12 + 12),  # a cell doubled
        (lambda text: texts.text(2, 10), 120),  # another stream's
    ],
)
def test_text_that_is_not_what_was_sent_is_counted(damage, wrong):
    check = TextCheck(1, lambda age: None)
    damaged = damage(texts.text(1, 10))
    for at in range(0, len(damaged), 7):  # whatever the pieces
        check.feed(damaged[at : at + 7], 0)
    check.end(10)
    assert check.wrong == wrong


def test_a_relay_of_bytes_must_keep_every_byte_of_every_event():
    def events(stream, count):
        cells = texts.text(stream, count)
        parts = [cells[at : at + texts.CELL_BYTES] for at in range(0, len(cells), texts.CELL_BYTES)]
        return b"".join(texts.EVENT_HEAD + part + texts.EVENT_TAIL for part in parts)

    def wrong(data):
        check = EventCheck(1, lambda age: None)
        check.feed(data[:100], 0)
        check.feed(data[100:], 0)
        check.end(4)
        return check.wrong

    right = texts.FIRST_EVENT + events(1, 4) + texts.LAST_EVENTS
    assert wrong(right) == 0
    for at in range(0, len(right), 9):
        assert wrong(right[:at] + b"#" + right[at + 1 :]) > 0, at
    assert wrong(right[:-14]) > 0  # no [DONE]


def test_a_chunk_tells_how_long_it_was_under_way():
    ages = []
    check = TextCheck(1, ages.append)
    word = texts.text(1, 1)[texts.STAMP_BYTES :]
    check.feed(b"00001000" + word, now=2_500)
    assert ages == [1_500]
    check.feed(b"99999900" + texts.WORDS[texts.first_word(1) + 1], now=100_000_100)  # the clock's digits began anew
    assert ages == [1_500, 200]


# --- HTTP ---


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_a_chunked_body_is_read_however_it_is_cut(size):
    data = HEAD + b"5\r\nhello\r\n1;x=y\r\n \r\n" + texts.framed(b"w" * 300) + b"0\r\n\r\n"
    body = Body()
    assert b"".join(body.feed(data[at : at + size]) for at in range(0, len(data), size)) == b"hello " + b"w" * 300
    assert body.ended


def test_a_body_without_its_last_chunk_has_not_ended():
    body = Body()
    body.feed(HEAD + b"5\r\nhello\r\n")
    body.closed()
    assert not body.ended


def test_a_body_of_known_length_ends_with_it_and_one_without_with_its_connection():
    body = Body()
    assert body.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") == b"hello"
    assert body.ended
    body = Body()
    assert body.feed(b"HTTP/1.1 200 OK\r\n\r\nhello") == b"hello"
    assert not body.ended
    body.closed()
    assert body.ended


@pytest.mark.parametrize("data", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 503 No\r\n\r\n", HEAD + b"zz\r\n"])
def test_what_is_no_good_answer_is_refused(data):
    with pytest.raises(Malformed):
        Body().feed(data)
