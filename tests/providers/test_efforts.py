"""How a model is asked to think, what goes back to its server, and what is conceded to one that takes neither."""

import json

import pytest

from macrochat.providers.base import CompletionRequest, Opaque, Reasoning
from macrochat.providers.efforts import efforts_of, nearest, options
from tests.providers.conftest import QUESTION, answer_of


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("gpt-5", ("minimal", "low", "medium", "high")),
        ("openai/gpt-5.1", ("none", "low", "medium", "high")),
        ("gpt-5.6-sol", ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5-chat-latest", ()),
        ("gpt-4o-mini", ()),
        ("o3-mini", ("low", "medium", "high")),
        ("unsloth/gpt-oss-20b-GGUF", ("low", "medium", "high")),
        ("Qwen/Qwen3-8B", ("none", "high")),
        ("qwen3:8b", ("none", "high")),
        ("qwen3-30b-a3b-instruct-2507", ()),
        ("deepseek-ai/DeepSeek-V3.1", ("none", "high")),
        ("zai-org/GLM-4.6", ("none", "high")),
        ("anthropic/claude-sonnet-4.5", ("none", "low", "medium", "high")),
        ("models/gemini-3-pro", ("low", "medium", "high")),
        ("solo1-mini", ()),
        ("smollm2-135m", ()),
    ],
)
def test_what_a_model_takes_is_known_by_its_name(model, efforts):
    assert efforts_of(model) == efforts


@pytest.mark.parametrize(
    ("model", "effort", "hurried", "openrouter", "body"),
    [
        ("gpt-5", None, False, False, {}),
        ("gpt-5", "high", False, False, {"reasoning_effort": "high"}),
        ("gpt-5", "none", False, False, {"reasoning_effort": "minimal"}),
        ("gpt-5", "high", True, False, {"reasoning_effort": "minimal"}),
        ("gpt-5", "high", False, True, {"reasoning": {"effort": "high"}}),
        ("Qwen/Qwen3-8B", "minimal", False, False, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("Qwen/Qwen3-8B", "medium", False, False, {"chat_template_kwargs": {"enable_thinking": True}}),
        ("deepseek-v4", None, True, False, {"chat_template_kwargs": {"thinking": False}}),
        ("who-knows", "high", False, False, {"reasoning_effort": "high"}),
        ("who-knows", None, True, False, {}),
    ],
)
def test_how_it_is_asked(model, effort, hurried, openrouter, body):
    assert options(model, effort, hurried=hurried, is_openrouter=openrouter) == body


def test_an_effort_that_a_model_does_not_know_becomes_the_nearest():
    assert nearest("xhigh", ("low", "medium", "high")) == "high"
    assert nearest("medium", ("low", "high")) == "high"
    assert nearest("minimal", ("none", "low")) == "low"


def test_the_server_is_asked(provider, upstream):
    answer_of(provider, CompletionRequest("qwen3/scripted-thinks:2:0:2", QUESTION, effort="none"))
    answer_of(provider, CompletionRequest("gpt-5/scripted-thinks:2:0:2", QUESTION, effort="high"))
    answer_of(provider, CompletionRequest("gpt-5/scripted-thinks:2:0:2", QUESTION))
    one, other, last = (request["body"] for request in upstream.requests)
    assert one["chat_template_kwargs"] == {"enable_thinking": False}
    assert other["reasoning_effort"] == "high"
    assert {"reasoning_effort", "reasoning", "chat_template_kwargs"}.isdisjoint(last)


def refusing(words):
    """A conversation for `scripted-play`: its server refuses with these words whatever names them."""
    return [{"role": "user", "content": json.dumps({"status": 400, "body": [json.dumps({"error": words})]})}]


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
        "Unrecognized request argument supplied: reasoning_effort",
        'think value "high" is not supported for this model (reasoning)',
        "extra fields not permitted: chat_template_kwargs",
    ],
)
def test_a_server_that_takes_no_effort_is_asked_again_without_and_not_once_more(scripted_providers, upstream, words):
    upstream.control("POST", "reset")
    fresh = scripted_providers(connect_timeout=22 + len(words) / 1000)  # one of this row's own
    model = "gpt-5/scripted-play"
    assert fresh.efforts(model) != ()
    for _ in range(2):
        answer_of(fresh, CompletionRequest(model, refusing(words), effort="high"))
    asked = ["reasoning_effort" in request["body"] for request in upstream.requests]
    assert asked == [True, False, False]
    assert fresh.efforts(model) == ()


KEPT = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "ZW5j"}]}
ANSWERED = [
    *QUESTION,
    {"role": "assistant", "content": "hm", "trace": [Reasoning("let me think"), Opaque(KEPT)]},
    {"role": "user", "content": "And?"},
]


def test_a_server_that_wanted_nothing_back_gets_nothing(provider, upstream):
    assert not provider.wants_thoughts("scripted-words:2")
    answer_of(provider, CompletionRequest("scripted-words:2", ANSWERED))
    assert [set(message) for message in upstream.requests[0]["messages"]] == [{"role", "content"}] * 3


def test_a_server_that_gave_something_to_keep_gets_it_back_as_it_was(scripted_providers, upstream):
    upstream.control("POST", "reset")
    fresh = scripted_providers(connect_timeout=23)
    answer_of(fresh, CompletionRequest("scripted-openrouter", QUESTION))
    assert fresh.wants_thoughts("scripted-openrouter")
    assert not fresh.wants_thoughts("scripted-words:2")
    answer_of(fresh, CompletionRequest("scripted-openrouter", ANSWERED))
    said = upstream.requests[-1]["messages"][1]
    assert said == {"role": "assistant", "content": "hm"} | KEPT
