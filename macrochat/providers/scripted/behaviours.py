"""What each scripted model does. The package's docstring is their manual."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gevent

from macrochat.providers.scripted.play import play_message
from macrochat.providers.scripted.refusals import REFUSALS
from macrochat.providers.scripted.script import Script, refuse
from macrochat.providers.scripted.stream import Broken, Hang
from macrochat.providers.scripted.texts import ODD_TEXT, in_words
from macrochat.providers.scripted.thinking import THINKING_BEHAVIOURS

BYTES_PER_CHUNK = 1000


def play(script: Script) -> None:
    """Does what the script's model does. Raises Refusal, Hang or Broken where the answer is not a finished stream."""
    behaviour = BEHAVIOURS.get(script.name)
    if behaviour is None:
        raise refuse(404, f"The model `{script.model}` does not exist", "model_not_found", "invalid_request_error")
    behaviour(script)


def _echo(script: Script) -> None:
    script.say(script.left, script.number(0))
    script.end()


def _words(script: Script) -> None:
    script.say(script.left, script.number(1))
    script.end()


def _bytes(script: Script) -> None:
    script.stream.begin()
    script.stream.words(script.left[k : k + BYTES_PER_CHUNK] for k in range(0, len(script.left), BYTES_PER_CHUNK))
    script.end()


def _unicode(script: Script) -> None:
    """One UTF-16 unit per delta: what a JavaScript gateway does that slices strings."""
    units = script.left.encode("utf-16-le")
    script.stream.begin()
    script.stream.words(units[k : k + 2].decode("utf-16-le", "surrogatepass") for k in range(0, len(units), 2))
    script.end()


def _endless(script: Script) -> None:
    script.say(script.left, script.number(0, 10))
    raise Hang


def _slow_headers(script: Script) -> None:
    gevent.sleep(script.number(0) / 1000)
    script.say_the_rest()


def _slow_first(script: Script) -> None:
    script.stream.begin(role=False)
    gevent.sleep(script.number(0) / 1000)
    script.say_the_rest()


def _comments(script: Script) -> None:
    script.stream.begin(role=False)
    for _ in range(script.number(0)):
        script.stream.raw(b": still working\n\n")
        gevent.sleep(script.number(1) / 1000)
    script.say_the_rest()


def _silent(script: Script) -> None:
    raise Hang


def _say_until_trouble(script: Script) -> bool:
    """Says the first n words. False if the prefix held them already: then the rest was said, and the answer is over."""
    if 0 < script.words_begun >= script.number(0):
        script.say_the_rest()
        return False
    count = script.words_until(script.number(0))
    units = in_words(script.left)
    script.say("".join(units[:count]))
    script.left = "".join(units[count:])
    return True


def _stall(script: Script) -> None:
    if _say_until_trouble(script):
        raise Hang


def _cut(script: Script) -> None:
    if _say_until_trouble(script):
        raise Broken


def _length(script: Script) -> None:
    if _say_until_trouble(script):
        script.end("length")


def _reset(script: Script) -> None:
    if _say_until_trouble(script):
        gevent.sleep(0.05)  # a reset overtakes what the client has not read yet
        script.stream.reset()


def _error_event(script: Script) -> None:
    if _say_until_trouble(script):
        code = script.arguments[1] if len(script.arguments) > 1 else "500"
        error = {"message": "Something broke", "type": "server_error", "code": int(code) if code.isdigit() else code}
        script.stream.event(json.dumps({"error": error}).encode())
        script.stream.end()


def _hold(script: Script) -> None:
    released = script.state.released
    units, count = in_words(script.left), max(script.words_until(script.number(0)), 0)
    if count:
        script.say("".join(units[:count]))
    released.wait()
    script.say("".join(units[count:]))
    script.end()


def _after_some_words(trouble: Callable[[Script], None]) -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.say(script.left)
        trouble(script)
        script.stream.done()
        script.stream.end()

    return behaviour


def _bad_utf8(script: Script) -> None:
    script.say(script.left.rstrip("\ufffd"))
    script.stream.event(b'{"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}')
    script.end()


def _huge_line(script: Script) -> None:
    script.stream.raw(b'data: {"choices":[{"index":0,"delta":{"content":"')
    left = script.number(0)
    while left > 0:
        script.stream.raw(b"x" * min(left, 65536))
        left -= 65536
    script.stream.raw(b'"}}]}\n\n')


def _finish_then(*, usage: bool = False, trouble: type[Exception] | None = None) -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.say(script.left)
        script.stream.finish()
        if usage:
            script.stream.usage(script.messages)
        if trouble is not None:
            raise trouble
        script.stream.end()

    return behaviour


def _finish(script: Script) -> None:
    script.say(script.left)
    script.end(script.arguments[0])


def _close_delimited(script: Script) -> None:
    script.stream.chunked = False
    script.say_the_rest()


def _odd(*deltas: dict[str, Any]) -> Callable[[Script], None]:
    def behaviour(script: Script) -> None:
        script.stream.begin()
        for delta in deltas:
            script.stream.delta(delta)
        script.end()

    return behaviour


def _two_choices(script: Script) -> None:
    script.stream.begin()
    for unit in in_words(script.left):
        script.stream.delta({"content": "WRONG "}, index=1)
        script.stream.delta({"content": unit})
    script.stream.delta({}, finish_reason="length", index=1)
    script.end()


def _crlf(script: Script) -> None:
    script.stream.line_end = b"\r\n"
    script.say_the_rest()


_LIST = [{"type": "text", "text": "parts "}, {"type": "text", "text": "of a "}, {"type": "image"}]
_HALVES = ({"content": "half \ud83d"}, {"content": " and "}, {"content": "\ude00 whole \ud83d"}, {"content": "\ude00 "})

BEHAVIOURS: dict[str, Callable[[Script], None]] = {
    "echo": _echo,
    "words": _words,
    "bytes": _bytes,
    "unicode": _unicode,
    "markdown": Script.say_the_rest,
    "endless": _endless,
    "slow-headers": _slow_headers,
    "slow-first": _slow_first,
    "comments": _comments,
    "silent": _silent,
    "stall": _stall,
    "hold": _hold,
    "cut": _cut,
    "length": _length,
    "reset": _reset,
    "error-event": _error_event,
    "garbage": _after_some_words(lambda script: script.stream.event(b"{oops")),
    "bad-utf8": _bad_utf8,
    "huge-line": _after_some_words(_huge_line),
    "no-finish": _after_some_words(lambda script: None),
    "no-done": _finish_then(),
    "linger": _finish_then(usage=True, trouble=Hang),
    "cut-after-finish": _finish_then(trouble=Broken),
    "finish": _finish,
    "close-delimited": _close_delimited,
    "null-content": _odd({"content": None}, {"content": ODD_TEXT["null-content"]}, {}, {"content": None}),
    "list-content": _odd({"content": _LIST}, {"content": [{"type": "text", "text": "list "}]}, {"content": []}),
    "nul": _odd({"content": "before\0after "}),
    "lone-surrogate": _odd(*_HALVES),
    "two-choices": _two_choices,
    "refusal": _odd({"refusal": ODD_TEXT["refusal"]}),
    "reasoning": _odd({"reasoning_content": "let me think"}, {"content": ODD_TEXT["reasoning"]}),
    **THINKING_BEHAVIOURS,
    "crlf": _crlf,
    "play": play_message,
    **REFUSALS,
}
