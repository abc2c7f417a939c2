"""What a chat completion chunk says, whatever shape its server gave it.

The quick way for the shape that nearly all have is in chunks.py; this is the way that understands the others. Nothing
here is trusted: finish_reason and usage leave as text and numbers that every header, log line and database can take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from macrochat.errors import UpstreamBadResponse
from macrochat.providers.base import Usage
from macrochat.providers.keepsakes import found_in, google_says
from macrochat.providers.thoughts import Piece

MAX_FINISH_CHARACTERS = 64
MAX_TOKENS = 2**31  # what a column holds

# The OpenAI API's words for what other servers call otherwise.
_FINISHES = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "safety": "content_filter",
}
_NO_FINISH = ("", "null", "none")
_TROUBLES = ("detail", "errors", "message", "msg", "error_msg")  # of an object without choices
_THOUGHTS = ("thinking", "reasoning", "reasoning_text")  # parts of a content that are no answer
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "reasoning_text")  # of a delta; what stands in two is said once
_THOUGHT_LISTS = ("reasoning_details", "thinking_blocks")  # the same once more, with what the server wants back


@dataclass(frozen=True, slots=True)
class Said:
    """`pieces` are words and thoughts, in order; `whole` stands in `message`, where some servers repeat all they said.

    `nameless_finish`: there is a finish_reason, but no word ("" as some servers say all along, a number).
    `trouble` is what complaints.read_complaint takes, None if all is well. `is_tally`: it holds a usage and no choice,
    which the OpenAI API sends last.
    """

    pieces: Sequence[Piece] = ()
    whole: Sequence[Piece] = ()
    keepsakes: dict[str, Any] | None = None
    finish_reason: str | None = None
    nameless_finish: bool = False
    usage: Usage | None = None
    trouble: Any = None
    is_tally: bool = False


NOTHING = Said()


def read_chunk(value: Any) -> Said:
    """`value` is JSON's. Raises UpstreamBadResponse where there may be text that cannot be found."""
    try:
        return _read_chunk(value)
    except RecursionError:
        raise UpstreamBadResponse(detail="the event is too deep") from None


def _read_chunk(value: Any) -> Said:
    if value is None or value in ("", []):
        return NOTHING
    if not isinstance(value, dict):
        raise _odd("the event", value)
    choices = _choices(value)
    usage = _usage(value, choices)
    finish_reason = next(filter(None, (_finish(choice) for choice in choices)), None)
    return Said(
        pieces=[piece for choice in choices for piece in _pieces_of_choice(choice)],
        whole=[piece for choice in choices for piece in _pieces(choice.get("message"), "message")],
        keepsakes=_keepsakes(choices),
        finish_reason=finish_reason,
        nameless_finish=finish_reason is None and any(_is_nameless(choice.get("finish_reason")) for choice in choices),
        usage=usage,
        trouble=_trouble(value, choices),
        is_tally=usage is not None and not choices,
    )


def clean_finish_reason(value: Any) -> str | None:
    """As text that every header, log line and database can take; None for what says that the answer goes on."""
    if isinstance(value, dict):
        value = value.get("type") or value.get("reason")
    if not isinstance(value, str) or value.strip().lower() in _NO_FINISH:
        return None
    clean = "".join(c if c.isprintable() and c.isascii() else "?" for c in value[:MAX_FINISH_CHARACTERS])
    return _FINISHES.get(clean.lower(), clean)


def clean_usage(value: Any) -> Usage | None:
    """Whole numbers within what a column holds; what is none is left out. None if nothing is left."""
    if not isinstance(value, dict):
        return None
    counts = {field: _first_count(value, places) for field, places in _COUNTS.items()}
    cost = _cost(value.get("cost"))
    return None if cost is None and not any(n is not None for n in counts.values()) else Usage(**counts, cost=cost)


# Where servers write a count: the first place that holds one.
_COUNTS = {
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
    "cached_tokens": (
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",  # DeepSeek
        "cached_tokens",  # Moonshot
    ),
    "reasoning_tokens": (
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "reasoning_tokens",  # xAI, SGLang
    ),
}


def _first_count(usage: dict[str, Any], places: Sequence[str]) -> int | None:
    for place in places:
        outer, _, inner = place.partition(".")
        value = usage.get(outer)
        if inner:
            value = value.get(inner) if isinstance(value, dict) else None
        if (count := _count(value)) is not None:
            return count
    return None


def _cost(value: Any) -> float | None:
    cost = _number(value)
    return cost if cost is not None and 0 <= cost < math.inf else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < MAX_TOKENS else None  # NaN is in no range


def _number(value: Any) -> float | None:
    if isinstance(value, str) and value.isascii() and len(value) < MAX_FINISH_CHARACTERS:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _choices(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Only the first of several answers is read; which one that is stands in `index`, if anywhere."""
    choices = value.get("choices")
    if isinstance(choices, dict):
        choices = [choices] if choices else []
    if choices is None and isinstance(value.get("message"), dict):
        choices = [value]
    if not isinstance(choices, list | None):
        raise _odd("choices", choices)
    found = [choice for choice in choices or () if choice is not None]
    for choice in found:
        if not isinstance(choice, dict):
            raise _odd("a choice", choice)
    return [choice for choice in found if not _is_another(choice.get("index"))]


def _is_another(index: Any) -> bool:
    """Only what is plainly a later answer's is left out."""
    if isinstance(index, str):
        index = int(index) if index.isascii() and index.isdigit() and len(index) < 9 else 0
    return isinstance(index, int | float) and index > 0


def _pieces_of_choice(choice: dict[str, Any]) -> list[Piece]:
    delta = choice.get("delta")
    pieces = _pieces(delta, "delta")
    if isinstance(delta, dict) and delta.get("refusal") is not None:
        pieces += _words(_text(delta["refusal"], "refusal"))
    return pieces or _words(_text(choice.get("text"), "text"))


def _pieces(value: Any, where: str) -> list[Piece]:
    """Thoughts and words of a delta or a message, the thoughts of its own fields first."""
    if not isinstance(value, dict):
        return _words(_text(value, where))
    content = value.get("content")
    if isinstance(content, list):
        words = [piece for part in content for piece in _part(part, where)]
    elif isinstance(content, str) and google_says(value, "thought") is True and not content.lstrip().startswith("<"):
        words = [("thought", content)] if content else []
    else:
        words = _words(_text(value, where))
    return _thoughts(value) + words


def _part(part: Any, where: str) -> list[Piece]:
    if isinstance(part, dict) and part.get("type") in _THOUGHTS:
        thought = _thought_text(part)
        return [("thought", thought)] if thought else []
    return _words(_text(part, where))


def _thoughts(value: dict[str, Any]) -> list[Piece]:
    told = [_thought_text(value.get(name)) for name in (*_THOUGHT_FIELDS, *_THOUGHT_LISTS)]
    thought = next(filter(None, told), "")
    return [("thought", thought)] if thought else []


def _thought_text(value: Any) -> str:
    """The text of a thought, in whatever shape; nothing for what is encrypted, or no text at all."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_thought_text(item) for item in value)
    if isinstance(value, dict):
        return next(filter(None, (_thought_text(value.get(name)) for name in _THOUGHT_TEXTS)), "")
    return ""


_THOUGHT_TEXTS = ("thinking", "text", "summary", "content")


def _words(text: str) -> list[Piece]:
    return [("text", text)] if text else []


def _keepsakes(choices: list[dict[str, Any]]) -> dict[str, Any] | None:
    for choice in choices:
        for name in ("delta", "message"):
            if isinstance(choice.get(name), dict) and (found := found_in(choice[name])):
                return found
    return None


def _text(value: Any, where: str) -> str:
    """The text of what may be text, a part with text in it, or a list of those."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(part, where) for part in value)
    if not isinstance(value, dict):
        raise _odd(where, value)
    if value.get("type") in _THOUGHTS:
        return ""  # it is told apart before
    return _text(value.get("content"), where) or _text(value.get("text"), where) or _value(value)


def _value(part: dict[str, Any]) -> str:
    """The text of `{"text": {"value": …}}`, an assistant's way."""
    value = part.get("value")
    return value if isinstance(value, str) else ""


def _finish(choice: dict[str, Any]) -> str | None:
    return clean_finish_reason(choice.get("finish_reason") or choice.get("finishReason"))


def _is_nameless(reason: Any) -> bool:
    return reason is not None and not (isinstance(reason, str) and reason.strip())


def _usage(value: dict[str, Any], choices: list[dict[str, Any]]) -> Usage | None:
    """Moonshot's stands in the choice, Groq's in a field of its own."""
    groq = value.get("x_groq")
    places = [value, groq if isinstance(groq, dict) else {}, *choices]
    return next(filter(None, (clean_usage(place.get("usage")) for place in places)), None)


def _trouble(value: dict[str, Any], choices: list[dict[str, Any]]) -> Any:
    for place in (value, *choices):
        if place.get("error"):
            return place["error"]
    if choices or value.get("choices") is not None:
        return None
    told = value.get("object") == "error" or any(value.get(name) for name in _TROUBLES)
    return value if told or value.get("error") not in (None, "", False) else None


def _odd(where: str, value: Any) -> UpstreamBadResponse:
    return UpstreamBadResponse(detail=f"{where} is a {type(value).__name__}")
