"""What a server does not take is left out after its refusal, and not tried again."""

import pytest

from macrochat.providers.base import CompletionRequest
from macrochat.providers.complaints import read_complaint
from macrochat.providers.concessions import LAST_ASSISTANT, SYSTEM_ROLE, USAGE, refused, without_system_role
from macrochat.providers.scripted import expected_text
from tests.providers.conftest import PATIENCE, answer_of

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hello"}
ANSWER = {"role": "assistant", "content": "Hi"}


def test_a_server_without_a_system_role_is_told_the_rules_in_the_user_s_words(scripted_providers, upstream, provider):
    fresh = scripted_providers(timeout=PATIENCE + 3)
    for _ in range(2):
        answer = answer_of(fresh, CompletionRequest("scripted-no-system", [SYSTEM, USER]))
        assert (answer.error, answer.text) == (None, expected_text("scripted-no-system", []))
    asked = [[message["role"] for message in request["messages"]] for request in upstream.requests]
    assert asked == [["system", "user"], ["user"], ["user"]]
    assert upstream.requests[-1]["messages"][0]["content"] == "Be brief.\n\nHello"


def test_a_server_that_refuses_a_last_assistant_message_is_asked_to_go_on(scripted_providers, upstream, provider):
    fresh = scripted_providers(timeout=PATIENCE + 4)
    whole = expected_text("scripted-no-prefill", [])
    for _ in range(2):
        answer = answer_of(fresh, CompletionRequest("scripted-no-prefill", [USER], whole[:12]))
        assert (answer.error, whole[:12] + answer.text) == (None, whole)
    asked = [request["messages"][-1]["role"] for request in upstream.requests]
    assert asked == ["assistant", "user", "user"]
    assert "continue_final_message" not in upstream.requests[-1]["body"]


REFUSALS = {
    "openai": (USAGE, 400, "Unrecognized request argument supplied: stream_options"),
    "mistral": (USAGE, 422, "Extra inputs are not permitted: stream_options"),
    "gemma": (SYSTEM_ROLE, 400, "System role not supported"),  # huggingface/chat-ui#1386
    "llama.cpp": (SYSTEM_ROLE, 500, "Value is not callable: raise_exception: System role not supported"),
    "o1-preview": (
        SYSTEM_ROLE,
        400,
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    ),
    "google": (SYSTEM_ROLE, 400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    "enumeration": (SYSTEM_ROLE, 400, "'system' is not one of ['user', 'assistant'] - 'messages.0.role'"),
    # microsoft/autogen#1037
    "alternation": (SYSTEM_ROLE, 400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    # smallmain/vscode-unify-chat-provider#249
    "anthropic": (LAST_ASSISTANT, 400, "This model does not support assistant message prefill."),
    # langchain-ai/langchain#23703
    "mistral-2": (
        LAST_ASSISTANT,
        400,
        "Expected last role User or Tool (or Assistant with prefix True) but got assistant",
    ),
    "vllm": (
        LAST_ASSISTANT,
        400,
        "Cannot set `add_generation_prompt` to True when the last message is from the assistant",
    ),
    # ggml-org/llama.cpp#20861
    "qwen": (LAST_ASSISTANT, 400, "Assistant response prefill is incompatible with enable_thinking."),
}


@pytest.mark.parametrize("vendor", REFUSALS)
def test_what_is_refused_is_known_by_the_words_of(vendor):
    what, status, words = REFUSALS[vendor]
    body = {"messages": [SYSTEM, USER, ANSWER], "stream_options": {"include_usage": True}}
    assert refused(body, status, read_complaint({"error": {"message": words}})) == [what]
    assert refused({"messages": [USER]}, status, read_complaint({"error": {"message": words}})) == []
    assert refused(body, 401, read_complaint({"error": {"message": words}})) == []


@pytest.mark.parametrize(
    "words", ["The model `x` does not exist", "Not enough system memory", "maximum context length", ""]
)
def test_other_refusals_are_not_asked_again(words):
    body = {"messages": [SYSTEM, USER, ANSWER], "stream_options": {}}
    assert refused(body, 400, read_complaint({"error": {"message": words}})) == []


def test_rules_without_a_question_become_one():
    assert without_system_role([SYSTEM]) == [{"role": "user", "content": "Be brief."}]
    assert without_system_role([SYSTEM, ANSWER, USER]) == [ANSWER, {"role": "user", "content": "Be brief.\n\nHello"}]


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("/v1?api-version=2024-10-21", "/v1/chat/completions?api-version=2024-10-21"),  # openclaw/openclaw#48107
        ("/openai/deployments/x/?api-version=1&empty=", "/openai/deployments/x/chat/completions?api-version=1&empty="),
        ("/v1/chat/completions?a=b", "/v1/chat/completions?a=b"),
        ("/v1/#fragment", "/v1/chat/completions"),
        ("", "/chat/completions"),
    ],
)
def test_an_address_keeps_its_query_where_it_belongs(scripted, scripted_providers, upstream, provider, address, asked):
    there = scripted_providers(url=f"http://127.0.0.1:{scripted.port}{address}")
    assert answer_of(there, CompletionRequest("scripted-words:2", [USER])).text == "w0 w1 "
    assert upstream.requests[-1]["address"] == asked
    assert "?" not in there.base_url
    if "/v1" in address:
        assert there.check().usable
