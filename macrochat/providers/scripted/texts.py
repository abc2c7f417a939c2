"""What each scripted model says: deterministic, whole texts."""

from __future__ import annotations

import re

from macrochat.providers.continuation import CONTINUE_INSTRUCTION

Messages = list[dict[str, str]]

UNICODE = (
    "Grüße 👋🏽 from 👩‍👩‍👧‍👦 and 🏳️‍🌈! Combining: e\u0301 n\u0303 "
    "a\u0323\u0307. 中文，日本語、한국어。 עברית العربية \u202edlrow\u202c 𝒳 𐍈 "
    "\U0010ffff \u200b\ufeff end.\r\n\tTab 🎉"
)

MARKDOWN = """# A heading

Some *emphasis*, **strength**, `code`, and a [link](https://example.org/a?b=c&d=e "title").

1. first
2. second
   - nested with ~~strike~~

| name | value |
|:-----|------:|
| a    |     1 |
| b    | 2 \\| 3 |

> a quote
> > in a quote

```python
def greet(name: str) -> str:
    return f"Hello, {name} <&>"
```

<script>alert("no")</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![remote](https://example.org/pixel.png)

---

Done. `unclosed
"""

ODD_TEXT = {
    "null-content": "null is not text ",
    "list-content": "parts of a list ",
    "nul": "before\ufffdafter ",
    "lone-surrogate": "half \ufffd and \ufffd whole 😀 ",
    "two-choices": "only the first choice ",
    "refusal": "I would rather not ",
    "reasoning": "the answer ",
    "crlf": "w0 w1 w2 w3 w4 ",
}

DEFAULT_WORDS = 10
WORDS_BEFORE_TROUBLE = 3
# Long enough for every test, short enough to keep in memory once.
ENDLESS_WORDS = 200_000


def name_and_arguments(model: str) -> tuple[str, list[str]]:
    """`scripted-words:10:5` → ("words", ["10", "5"]); so is `qwen3/scripted-words:10:5`."""
    name, *arguments = model.rpartition("scripted-")[2].split(":")
    return name, arguments


def thought(count: int) -> list[str]:
    """What a model thinks, piece by piece: sentences, now and then a heading."""
    return [(f"\n\n**Step {k // 10}**\n\n" if k % 10 == 0 else "") + f"Thought {k}. " for k in range(count)]


def expected_thought(model: str) -> str:
    """The whole thought of `model`, if it is one that thinks in thoughts of its own making."""
    name, arguments = name_and_arguments(model)
    return "".join(thought(int(arguments[THINKING[name]]))) if name in THINKING else ""


# Models that do, and which of their arguments says how many thoughts they have.
THINKING = {"thinks": 0, "thinks-hold": 0, "thinks-cut": 0, "echo-thinks": 1}


def words(count: int) -> str:
    return "".join(f"w{k} " for k in range(count))


def in_words(text: str) -> list[str]:
    """`text` cut before each word; joined again it is `text`."""
    return re.findall(r"\S+\s*|^\s+", text)


def expected_text(model: str, messages: Messages) -> str:
    """The whole answer of `model` to `messages`, prefix included, if nothing stops it (endless: 200,000 words)."""
    name, arguments = name_and_arguments(model)
    numbers = [int(a) if a.isdigit() else 0 for a in arguments]
    first = numbers[0] if numbers else 0
    if name in ("echo", "echo-thinks", "fail-then-ok", "context"):
        return _last_question(messages)
    if name == "words":
        return words(first)
    if name == "bytes":
        return ("0123456789" * (first // 10 + 1))[:first]
    if name == "unicode":
        return UNICODE
    if name == "markdown":
        return MARKDOWN
    if name == "endless":
        return words(ENDLESS_WORDS)
    if name in ("cut", "length", "reset", "stall", "error-event"):
        total = numbers[1] if len(numbers) > 1 and name in ("cut", "length", "reset") else 2 * first
        return words(total)
    if name in THINKING:
        place = 2 if name == "thinks" else 1  # of the number of words
        return words(numbers[place] if len(numbers) > place else DEFAULT_WORDS)
    if name == "hold":
        return words(numbers[1] if len(numbers) > 1 else first + DEFAULT_WORDS)
    if name == "bad-utf8":
        return words(WORDS_BEFORE_TROUBLE) + "\ufffd\ufffd"
    if name == "json":
        return "not a stream"
    if name in ("garbage", "huge-line", "no-finish"):
        return words(WORDS_BEFORE_TROUBLE)
    return ODD_TEXT.get(name, words(DEFAULT_WORDS))


def begun_text(messages: Messages) -> tuple[str, bool]:
    """The text that the request wants continued ("" if none), and whether it asks in words rather than by prefill."""
    if messages and messages[-1].get("role") == "assistant":
        return messages[-1]["content"], False
    if len(messages) > 1 and messages[-1].get("content") == CONTINUE_INSTRUCTION:
        return messages[-2]["content"], True
    return "", False


def _last_question(messages: Messages) -> str:
    return next(
        (m["content"] for m in reversed(messages) if m["role"] == "user" and m["content"] != CONTINUE_INSTRUCTION), ""
    )
