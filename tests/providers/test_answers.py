"""Whole answers from a real HTTP server, straight and odd ones."""

import gevent
import pytest

from macrochat.providers.base import CompletionRequest, Usage
from macrochat.providers.scripted import expected_text
from tests.providers.conftest import PATIENCE, QUESTION, answer_of

WHOLE = [
    "echo",
    "words:30",
    "words:10:5",
    "bytes:300000",
    "unicode",
    "markdown",
    "slow-headers:50",
    "slow-first:50",
    "close-delimited",
    "null-content",
    "list-content",
    "nul",
    "lone-surrogate",
    "two-choices",
    "refusal",
    "reasoning",
    "crlf",
]
ENDED_BADLY_AFTER_THE_FINISH = ["no-done", "cut-after-finish"]


@pytest.mark.parametrize("model", WHOLE + ENDED_BADLY_AFTER_THE_FINISH)
def test_an_answer_arrives_whole(ask, model):
    answer = ask(model)
    assert answer.error is None
    assert answer.text == expected_text(f"scripted-{model}", QUESTION)
    assert answer.finish_reason == "stop"
    assert answer.seconds < 2


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls"])
def test_the_finish_reason_is_the_models(ask, reason):
    assert ask(f"finish:{reason}").finish_reason == reason


def test_the_usage_is_the_servers(ask):
    assert ask("words:20").usage == Usage(prompt_tokens=4, completion_tokens=20)


def test_a_server_that_refuses_to_count_is_asked_once_more_and_then_never_again(scripted_providers, upstream, provider):
    fresh = scripted_providers(timeout=PATIENCE + 1)
    for _ in range(2):
        answer = answer_of(fresh, CompletionRequest("scripted-no-stream-options", QUESTION))
        assert answer.finish_reason == "stop"
        assert answer.usage is None
    assert ["stream_options" in request["body"] for request in upstream.requests] == [True, False, False]


def test_several_answers_that_are_asked_for_at_once_all_learn_it(scripted_providers, provider):
    fresh = scripted_providers(timeout=PATIENCE + 2)
    request = CompletionRequest("scripted-no-stream-options", QUESTION)
    readers = [gevent.spawn(answer_of, fresh, request) for _ in range(5)]
    assert {reader.get().finish_reason for reader in readers} == {"stop"}


def test_a_connection_left_open_after_finish_and_usage_costs_three_seconds(ask, scripted_providers):
    answer = ask("linger", of=scripted_providers(timeout=20))
    assert answer.error is None
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.seconds < 6
    assert answer.wall_seconds > 2.9


def test_open_returns_with_the_first_event_even_if_it_has_no_text(provider):
    completion = provider.open(CompletionRequest("scripted-stall:0", QUESTION))
    completion.close()


def test_comments_keep_an_answer_alive(ask, scripted_providers):
    """Longer than the silence time-out, without an event."""
    answer = ask("comments:20:100", of=scripted_providers(timeout=1.5))
    assert answer.error is None
    assert answer.wall_seconds > 1.5


def test_text_comes_as_it_is_said(provider):
    completion = provider.open(CompletionRequest("scripted-hold:3", QUESTION))
    assert next(iter(completion)).startswith(b"w0 ")
    completion.close()


@pytest.mark.parametrize("prefix", ["", "w0", "w0 ", "w0 w1 w", "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 "])
@pytest.mark.parametrize("mode", ["prefill", "prompt"])
def test_an_answer_goes_on_exactly_where_it_stopped(ask, scripted_providers, prefix, mode):
    answer = ask("words:10", prefix=prefix, of=scripted_providers(continue_mode=mode))
    assert answer.error is None
    assert prefix + answer.text == expected_text("scripted-words:10", QUESTION)


@pytest.mark.parametrize("cut", [1, 20, 57, 100])
@pytest.mark.parametrize("mode", ["prefill", "prompt"])
def test_going_on_works_in_every_script(ask, scripted_providers, cut, mode):
    whole = expected_text("scripted-unicode", QUESTION)
    answer = ask("unicode", prefix=whole[:cut], of=scripted_providers(continue_mode=mode))
    assert whole[:cut] + answer.text == whole


def test_an_answer_that_broke_goes_on_when_the_trouble_is_over(ask):
    first = ask("cut:5:12")
    assert first.error.code == "UPSTREAM_INTERRUPTED"
    second = ask("cut:5:12", prefix=first.text)
    assert second.finish_reason == "stop"
    assert first.text + second.text == expected_text("scripted-cut:5:12", QUESTION)


def test_the_text_held_back_for_its_overlap_is_not_lost_when_the_answer_breaks(ask, scripted_providers):
    answer = ask("cut:9:20", prefix="w0 w1 w2 ", of=scripted_providers(continue_mode="prompt"))
    assert answer.error.code == "UPSTREAM_INTERRUPTED"
    assert answer.text == "w3 w4 w5 w6 w7 w8 "
