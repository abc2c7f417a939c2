"""Models that think before they answer, each as its server says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

from macrochat.providers.scripted.script import Script
from macrochat.providers.scripted.stream import Broken
from macrochat.providers.scripted.texts import thought

THOUGHT = "let me think"
ANSWER = "the answer "


def _think(script: Script, ms: float, place: int = 0) -> None:
    """All the thoughts, one every ms; none when somebody asked for none, or for an answer that is begun already."""
    asked = script.body
    off = asked.get("reasoning_effort") == "none" or False in (asked.get("chat_template_kwargs") or {}).values()
    if off or script.words_begun > 0:
        return
    script.stream.begin()
    for k, piece in enumerate(thought(script.number(place))):
        if k and ms:
            gevent.sleep(ms / 1000)
        script.stream.delta({"reasoning_content": piece})


def _thinks(script: Script) -> None:
    _think(script, script.number(1))
    script.say(script.left, script.number(3))
    script.end()


def _echo_thinks(script: Script) -> None:
    _think(script, script.number(0), place=1)
    script.say(script.left, script.number(0))
    script.end()


def _thinks_hold(script: Script) -> None:
    _think(script, 0)
    if script.words_begun <= 0:
        script.state.released.wait()
    script.say(script.left)
    script.end()


def _thinks_cut(script: Script) -> None:
    _think(script, 0)
    raise Broken


def _deltas(*deltas: dict[str, Any], finish: str = "stop") -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.stream.begin(role=False)
        for delta in deltas:
            script.stream.delta(delta)
        script.end(finish)

    return behaviour


def _content(*pieces: str) -> Callable[[Script], None]:
    return _deltas(*({"content": piece} for piece in pieces))


_DETAILS = (
    {"type": "reasoning.text", "text": "let me ", "index": 0, "format": "anthropic-claude-v1"},
    {"type": "reasoning.text", "text": "think", "index": 0, "signature": "c2ln"},
    {"type": "reasoning.encrypted", "data": "ZW5j", "index": 1, "id": "rs_1"},
)
_BLOCKS = (
    {"type": "thinking", "thinking": "let me ", "signature": ""},
    {"type": "thinking", "thinking": "think", "signature": "c2ln"},
)
_MISTRAL = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}

# By the server, or what it runs.
DIALECTS: dict[str, Callable[[Script], None]] = {
    "deepseek": _deltas({"reasoning_content": "let me "}, {"reasoning_content": "think"}, {"content": ANSWER}),
    "vllm": _deltas({"reasoning": "let me "}, {"reasoning": "think"}, {"content": ANSWER}),
    "both-fields": _deltas({"reasoning": THOUGHT, "reasoning_content": THOUGHT}, {"content": ANSWER}),
    "openrouter": _deltas(
        {"reasoning": "let me ", "reasoning_details": [_DETAILS[0]], "content": ""},
        {"reasoning": "think", "reasoning_details": [_DETAILS[1]], "content": ""},
        {"reasoning_details": [_DETAILS[2]], "content": ANSWER},
    ),
    "openrouter-summary": _deltas(
        {"reasoning_details": [{"type": "reasoning.summary", "summary": THOUGHT, "index": 0}]}, {"content": ANSWER}
    ),
    "litellm": _deltas(
        {"reasoning_content": "let me ", "thinking_blocks": [_BLOCKS[0]]},
        {"reasoning_content": "think", "thinking_blocks": [_BLOCKS[1]]},
        {"content": ANSWER},
    ),
    "mistral": _deltas({"content": [_MISTRAL]}, {"content": [{"type": "text", "text": ANSWER}]}),
    "mistral-mixed": _deltas({"content": [_MISTRAL, {"type": "text", "text": ANSWER}]}),
    "gemini": _deltas(
        {"content": "<thought>let me ", "extra_content": {"google": {"thought": True}}},
        {"content": "think", "extra_content": {"google": {"thought": True}}},
        {"content": "</thought>" + ANSWER, "extra_content": {"google": {"thought_signature": "c2ln"}}},
    ),
    "think-tags": _content("<th", "ink>", "let me ", "think", "</", "think>", "\n\n", ANSWER),
    "think-tags-at-once": _content(f"<think>\n{THOUGHT}</think>{ANSWER}"),
    "magistral": _content(f"[THINK]{THOUGHT}[/THI", f"NK]{ANSWER}"),
    "think-tags-unopened": _content("let me ", "think", "\n</think>\n\n", ANSWER),
    "think-tags-unclosed": _content("<think>", "let me ", "think"),
    "think-tags-in-code": _content("```html\n<think>no</think>\n```\n", "and `</think>` "),
    "think-tags-later": _content("Say <think> ", "and </think> ", "aloud "),
    "gpt-oss": _content(
        "<|channel|>analysis<|mess", f"age|>{THOUGHT}<|end|><|start|>assistant", f"<|channel|>final<|message|>{ANSWER}"
    ),
    "thinks-after": _deltas({"content": "the "}, {"reasoning_content": THOUGHT}, {"content": "answer "}),
    "thinks-nul": _deltas({"reasoning_content": "let\0me \ud83d"}, {"reasoning_content": "think"}, {"content": ANSWER}),
    "thinks-only": _deltas({"reasoning_content": THOUGHT}),
    "thinks-only-length": _deltas({"reasoning_content": THOUGHT}, finish="length"),
}

THINKING_BEHAVIOURS: dict[str, Callable[[Script], None]] = {
    "thinks": _thinks,
    "echo-thinks": _echo_thinks,
    "thinks-hold": _thinks_hold,
    "thinks-cut": _thinks_cut,
    **DIALECTS,
}
