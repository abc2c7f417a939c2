"""The scripted server keeps its own promises, or no test that uses it means anything."""

import signal
import subprocess
import sys

import gevent
import pytest
from openai import OpenAI

from macrochat.providers.base import CompletionRequest
from macrochat.providers.scripted import expected_text
from tests.providers.conftest import QUESTION, ROOM_ONLY, answer_of
from tests.support.patience import Stopwatch
from tests.support.processes import ROOT


def test_the_sdk_of_openai_understands_it(scripted):
    with OpenAI(api_key="k", base_url=scripted.url) as client:
        stream = client.chat.completions.create(model="scripted-echo", messages=QUESTION, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == QUESTION[0]["content"]
        whole = client.chat.completions.create(model="scripted-echo", messages=QUESTION)
        assert whole.choices[0].message.content == QUESTION[0]["content"]


def test_words_come_at_their_pace(scripted_providers, provider):
    watch = Stopwatch()
    list(provider.open(CompletionRequest("scripted-words:20:20", QUESTION)))
    assert watch.seconds < 1.5
    assert watch.wall_seconds > 0.35


def test_two_hundred_paced_answers_are_no_burden(scripted_providers, provider):
    request = CompletionRequest("scripted-words:20:100", QUESTION)
    with gevent.Timeout(50):
        watch = Stopwatch()
        readers = [gevent.spawn(answer_of, provider, request) for _ in range(200)]
        texts = {reader.get().text for reader in readers}
    assert texts == {expected_text("scripted-words:20", QUESTION)}
    assert watch.seconds < 15  # 1.9 s of pace; the rest is 200 requests


def test_it_notices_a_client_that_goes_while_it_is_silent(provider, upstream):
    completion = provider.open(CompletionRequest("scripted-stall:1", QUESTION))
    watch = Stopwatch()
    completion.close()
    upstream.expect_closed()
    assert watch.seconds < 0.5


def test_it_keeps_a_record_of_each_request(ask, upstream):
    ask("words:3")
    ask("cut:1")
    words, cut = upstream.requests
    assert (words["model"], words["messages"], words["how"]) == ("scripted-words:3", QUESTION, "finished")
    assert words["body"] == {"stream": True, "stream_options": {"include_usage": True}}
    assert words["started"] <= words["ended"]
    assert words["bytes_sent"] > 100
    assert cut["how"] == "broken"


def test_what_is_held_goes_on_when_released(ask, upstream):
    held = gevent.spawn(ask, "hold:2:5")
    upstream.wait_for_request()
    upstream.control("POST", "release")
    assert held.get(timeout=30).text == "w0 w1 w2 w3 w4 "
    assert ask("hold").text == expected_text("scripted-hold", QUESTION)  # released until the next reset


def test_failing_first_is_counted_until_the_reset(ask, upstream):
    assert [ask("fail-then-ok:2").error is None for _ in range(3)] == [False, False, True]
    upstream.control("POST", "reset")
    assert ask("fail-then-ok:2").error is not None


def test_a_prefix_that_is_not_its_text_is_refused(ask):
    assert "prefix_mismatch" in ask("words:5", prefix="w0 w2 ").error.detail


RUN = f"""{ROOM_ONLY}
import runpy
runpy.run_module("macrochat.providers.scripted", run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_takes_a_free_port_and_ends_when_told(number):
    server = subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout.readline().startswith("scripted provider on http://127.0.0.1:")
        server.send_signal(number)
        assert server.wait(30) == 0
