"""Open bodies on a real server: the limit on their time, and clients that go away without a word (S10, W7, W9)."""

import re
import socket
import time

import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import SCRIPTED, asked, begin, follow, new_chat, send, status_of, unique, when_final
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

LIMIT = 2
MODEL = "scripted-words:120:50"  # 6 s: it still runs when a busy machine has noticed the cut


@pytest.fixture
def here(shared_server, provider):
    return shared_server(MACROCHAT_STREAM_TIMEOUT=str(LIMIT), MACROCHAT_LOG_LEVEL="debug", **SCRIPTED)


def closings(server, reply_id):
    """Why bodies of this reply were closed so far, from the log."""
    lines = [line for line in server.process.output().splitlines() if "streaming_connection_closed" in line]
    return [re.search(r"reason=(\w+)", line)[1] for line in lines if reply_id in line]


def test_w18_a_body_is_cut_at_the_limit_and_the_reply_goes_on(ann, here, provider):
    chat, text = new_chat(ann), expected_text(MODEL, []).encode()
    watch = Stopwatch()
    with send(ann, chat, "hello", MODEL) as body:
        body.to_end()
    took = watch.seconds
    assert body.cut
    assert took < LIMIT + 0.9
    assert watch.wall_seconds > LIMIT - 0.1
    assert 0 < len(body.data) < len(text)
    assert status_of(ann, body.reply_id)["status"] == "streaming"
    seen, cut, bodies = body.data, True, 1
    while cut:
        with follow(ann, f"/replies/{body.reply_id}/stream?offset={len(seen)}") as more:
            seen, cut, bodies = seen + more.to_end(), more.cut, bodies + 1
    assert seen == text
    assert closings(here, body.reply_id) == ["timeout"] * (bodies - 1) + ["finished"]


def test_a_silent_body_is_cut_at_the_limit_too(ann, here, provider):
    text = unique()
    watch = Stopwatch()
    with send(ann, new_chat(ann), text, "scripted-hold:3") as body:
        body.to_end()
    assert watch.seconds < LIMIT + 0.9
    assert watch.wall_seconds > LIMIT - 0.1
    assert (body.data, body.cut) == (b"w0 w1 w2 ", True)
    assert asked(provider, text)[0]["how"] is None, "the generation does not mind"
    provider.release()
    assert when_final(ann, body.reply_id)["status"] == "complete"


def request_line(ann, server, reply_id):
    cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
    return (
        f"GET /api/replies/{reply_id}/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nCookie: {cookie}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("farewell", ["FIN", "RST"])
def test_w07_a_client_that_goes_away_in_silence_is_noticed_within_a_second(ann, here, provider, farewell):
    text = unique()
    reply_id = begin(ann, new_chat(ann), text, "scripted-hold:3", size=9)
    wait_until(lambda: closings(here, reply_id) == ["disconnected"], 2, "the sender's end is noticed")
    with socket.create_connection(("127.0.0.1", here.port)) as raw:
        raw.sendall(request_line(ann, here, reply_id))
        seen = b""
        while b"w2 " not in seen:
            seen += raw.recv(4096)
        if farewell == "RST":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raw.close()
        wait_until(lambda: len(closings(here, reply_id)) == 2, 1, "noticed")
    assert closings(here, reply_id) == ["disconnected", "disconnected"]
    assert asked(provider, text)[0]["how"] is None, "a gone reader ends its body, never the generation"
    provider.release()
    assert when_final(ann, reply_id)["bytes"] == len(expected_text("scripted-hold:3", []))


def test_a_client_that_asks_for_more_while_it_reads_is_not_taken_for_gone(ann, here, provider):
    """HTTP/1.1 pipelining: the next request waits in the socket of a body that is still being written."""
    reply_id = begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)
    request = request_line(ann, here, reply_id)
    with socket.create_connection(("127.0.0.1", here.port), timeout=60) as raw:
        raw.sendall(request)
        seen = b""
        while b"w2 " not in seen:
            seen += raw.recv(4096)
        raw.sendall(request)
        time.sleep(0.3)
        provider.release()
        while seen.count(b"0\r\n\r\n") < 2:
            read = raw.recv(4096)
            assert read, "the connection ended"
            seen += read
    assert seen.count(b"HTTP/1.1 200 OK") == 2
