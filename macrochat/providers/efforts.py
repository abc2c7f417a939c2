"""How a model is asked to think long, or not at all: a table per kind of server, and one per family of models."""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

from macrochat.providers.base import EFFORTS, Effort

LOW_TO_HIGH: tuple[Effort, ...] = ("low", "medium", "high")
ON_OR_OFF: tuple[Effort, ...] = ("none", "high")


class Family(NamedTuple):
    """Models by their names, the efforts they take, and the option of their chat template that turns thinking off."""

    name: re.Pattern[str]
    efforts: tuple[Effort, ...]
    switch: str | None = None


def _family(name: str, *efforts: Effort, switch: str | None = None) -> Family:
    return Family(re.compile(rf"(?:^|[/_.:-])(?:{name})", re.IGNORECASE), efforts, switch)


# The first that fits.
FAMILIES = (
    _family(r"gpt-5[^/]*-chat|gpt-4|gpt-3"),
    _family(r"gpt-oss", *LOW_TO_HIGH),
    _family(r"gpt-5\.[2-9]", "none", *LOW_TO_HIGH, "xhigh"),
    _family(r"gpt-5\.1", "none", *LOW_TO_HIGH),
    _family(r"gpt-5", "minimal", *LOW_TO_HIGH),
    _family(r"o[134](?:-|$)", *LOW_TO_HIGH),
    _family(r"grok-3-mini", "low", "high"),
    _family(r"gemini-2\.5-flash", "none", *LOW_TO_HIGH),
    _family(r"gemini-(?:2\.5|3)", *LOW_TO_HIGH),
    _family(r"claude-(?:3[.-]7|(?:opus|sonnet|haiku)-[4-9])", "none", *LOW_TO_HIGH),
    _family(r"qwen3[^/]*(?:instruct|coder|thinking)"),
    _family(r"qwen3|qwen-?plus|smollm3", *ON_OR_OFF, switch="enable_thinking"),
    _family(r"glm-(?:4\.[5-9]|[5-9])", *ON_OR_OFF, switch="enable_thinking"),
    _family(r"deepseek-(?:v3\.[1-9]|v[4-9])", *ON_OR_OFF, switch="thinking"),
)


def efforts_of(model: str) -> tuple[Effort, ...]:
    """What a model of this name takes, the least first; none for one that is not known to think, or to be asked."""
    family = _family_of(model)
    return family.efforts if family else ()


def options(model: str, effort: Effort | None, *, hurried: bool, is_openrouter: bool) -> dict[str, Any]:
    """The fields of a request that ask for an effort. `hurried`: the least that the model takes."""
    family = _family_of(model)
    taken = family.efforts if family else ()
    if hurried and taken:
        effort = taken[0]
    if effort is None:
        return {}
    if taken:
        effort = nearest(effort, taken)
    if is_openrouter:
        return {"reasoning": {"effort": effort}}
    if family and family.switch:
        return {"chat_template_kwargs": {family.switch: effort != "none"}}
    return {"reasoning_effort": effort}


def nearest(effort: Effort, taken: tuple[Effort, ...]) -> Effort:
    """The one of `taken` that is no further from `effort` than any other; of two, the longer."""
    place = EFFORTS.index(effort)
    return min(taken, key=lambda one: (abs(EFFORTS.index(one) - place), -EFFORTS.index(one)))


@functools.lru_cache(maxsize=1024)
def _family_of(model: str) -> Family | None:
    return next((family for family in FAMILIES if family.name.search(model)), None)
