"""What some servers do not take, known by how they refuse it; asked once more without, and not again for that model.

A refusal comes before anything was generated, so the second request is the only one that is answered and paid.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from macrochat.providers.complaints import Complaint
from macrochat.providers.keepsakes import FIELDS as KEPT_FIELDS

Body = dict[str, Any]
Messages = list[dict[str, Any]]
EFFORT_FIELDS = ("reasoning_effort", "reasoning", "chat_template_kwargs")

# With these statuses a server says that it does not like a request; llama.cpp's and vLLM's templates raise a 500.
STATUSES = (400, 404, 415, 422, 500, 501)


@dataclass(frozen=True, slots=True)
class Concession:
    """`asked` says whether a request's body has it, `refusal` matches the words in which servers refuse it."""

    name: str
    asked: Callable[[Body], bool]
    refusal: re.Pattern[str]


USAGE = Concession(
    "usage figures",
    lambda body: "stream_options" in body,
    re.compile(r"stream_options|include_usage", re.IGNORECASE),
)
SYSTEM_ROLE = Concession(
    "a system role",
    lambda body: any(message["role"] == "system" for message in body["messages"]),
    re.compile(
        # Gemma's template, o1-preview, Google's Gemma, and those that list the roles they take
        r"system (role|message|prompt|instruction)s? [^.]{0,60}\b(not|unsupported)\b"
        r"|(not|n't|unsupported|invalid|unknown|unexpected)\b[^.]{0,60}"
        r"('(system|developer)'|\b(system|developer) (role|message|prompt|instruction))"
        r"|'system' is not|(developer|system) instruction is not enabled|roles must alternate"
        r"|only user and assistant roles|should be 'user' or 'assistant'",
        re.IGNORECASE,
    ),
)
LAST_ASSISTANT = Concession(
    "a last message of the assistant's",
    lambda body: body["messages"][-1]["role"] == "assistant",
    re.compile(
        # Anthropic, vLLM, Mistral, and templates in their own words
        r"prefill|continue_final_message|add_generation_prompt"
        r"|(last|final) (message|role|turn)[^.]{0,60}\b(user|assistant)\b|(end|ends) with a user|last role",
        re.IGNORECASE,
    ),
)
EFFORT = Concession(
    "an effort",
    lambda body: any(name in body for name in EFFORT_FIELDS),
    re.compile(r"reasoning|effort|chat_template_kwargs|enable_thinking|\bthinking\b", re.IGNORECASE),
)
MEMORIES = Concession(
    "earlier thoughts",
    lambda body: any(name in message for message in body["messages"] for name in KEPT_FIELDS),
    re.compile("|".join((*KEPT_FIELDS, "thought_signature", "signature", "extra inputs|unknown field")), re.IGNORECASE),
)
CONCESSIONS = (USAGE, MEMORIES, EFFORT, SYSTEM_ROLE, LAST_ASSISTANT)


def refused(body: Body, status: int, complaint: Complaint) -> list[Concession]:
    """What of this request the server says that it does not take: the first that fits, or nothing."""
    if status not in STATUSES:
        return []
    words = f"{complaint.words} {' '.join(complaint.codes)}"
    return [one for one in CONCESSIONS if one.asked(body) and one.refusal.search(words)][:1]


def without_system_role(messages: Messages) -> Messages:
    """What the system would have said stands before the user's first words."""
    rules = [message["content"] for message in messages if message["role"] == "system"]
    rest = [message for message in messages if message["role"] != "system"]
    first = next((k for k, message in enumerate(rest) if message["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": "\n\n".join(rules)}, *rest]
    asked = {"role": "user", "content": "\n\n".join([*rules, rest[first]["content"]])}
    return [*rest[:first], asked, *rest[first + 1 :]]
