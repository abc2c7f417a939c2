"""The shape of a conversation that every model's template takes: after the system prompt the user speaks first, then
both in turn, and nobody says nothing. (Templates of Gemma, Mistral and others refuse anything else with a 400.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ChatMessages = list[dict[str, Any]]  # {"role", "content"}, and "trace" of some answers; oldest first

BETWEEN = "\n\n"  # between two messages of one speaker that become one


def in_turn(said: Iterable[dict[str, Any]]) -> ChatMessages:
    """Without what holds no words, and with what one speaker said in a row as one message."""
    turns: ChatMessages = []
    for message in said:
        if not message["content"].strip():
            continue
        if turns and turns[-1]["role"] == message["role"]:
            joined = turns[-1]["content"] + BETWEEN + message["content"]
            turns[-1] = turns[-1] | message | {"content": joined}
        else:
            turns.append(message)
    return turns


def newest(turns: ChatMessages, most: int) -> ChatMessages:
    """At most so many of the last turns, from one of the user's on."""
    window = turns[-most:]
    first = next((k for k, message in enumerate(window) if message["role"] == "user"), len(window))
    return window[first:]


def newer_half(messages: ChatMessages) -> ChatMessages:
    """The system prompt and the newer half of the rest; as long as before when only the question is left."""
    prompt = [message for message in messages if message["role"] == "system"]
    said = [message for message in messages if message["role"] != "system"]
    return prompt + newest(said, len(said) - len(said) // 2)
