"""Streams that strangers' servers send (`scripted-play`), and what each means. Names are the reports' inputs.

A public report of a row or a test stands beside it (repository#number).
"""

import gzip
import json
import zlib

import pytest

from macrochat.errors import (
    ContextTooLong,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamBusy,
    UpstreamEmpty,
    UpstreamQuota,
    UpstreamRefused,
    UpstreamTimeout,
)
from macrochat.providers.base import Usage

DONE = "data: [DONE]\n\n"


def delta(text, **choice):
    return {"event": {"choices": [{"index": 0, "delta": {"content": text}, **choice}]}}


def finish(reason="stop"):
    return {"event": {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}}


def choice(**fields):
    return {"event": {"choices": [fields]}}


ROLE = {"event": {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}}
HELLO, WORLD, STOP = delta("Hello"), delta(" world"), finish()
TALLY = {"event": {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}}


@pytest.fixture
def play(ask, scripted_providers):
    def play(*steps, timeout=20, prefix="", **answer):
        script = json.dumps({"body": list(steps), **answer})
        question = [{"role": "user", "content": script}]
        return ask("play", messages=question, of=scripted_providers(timeout=timeout), prefix=prefix)

    return play


WHOLE = {
    # Growth-Circle/cadis#2329
    "an event with empty data": [HELLO, "data:\n\n", "data: \n\n", WORLD, STOP, DONE],
    "an event that is null": [HELLO, "data: null\n\n", 'data: ""\n\n', "data: []\n\n", WORLD, STOP, DONE],
    # openai/openai-node#2725, both rows
    "one newline after the finish, then the end": [HELLO, WORLD, 'data: {"choices":[{"finish_reason":"stop"}]}\n'],
    "no newline after the finish, then the end": [HELLO, WORLD, 'data: {"choices":[{"finish_reason":"stop"}]}'],
    "half of [DONE] at the end": [HELLO, WORLD, STOP, "data: [DO"],
    "data without a space": [
        'data:{"choices":[{"delta":{"content":"Hello world"}}]}\n\ndata:{"choices":[{"finish_reason":"stop"}]}\n\n',
        "data:[DONE]\n\n",
    ],
    # openai/openai-python#3833
    "a BOM, ids and retries": ["\ufeffid: 1\nretry: 3\n\n", HELLO, "id: 7\nretry: 1\n: hi\n\n", WORLD, STOP, DONE],
    "CRLF": [
        'data: {"choices":[{"delta":{"content":"Hello world"}}]}\r\n\r\n',
        'data: {"choices":[{"finish_reason":"stop"}]}\r\n\r\n',
    ],
    # BerriAI/litellm#2195
    "a finish on every chunk": [delta("Hello", finish_reason="stop"), delta(" world", finish_reason="stop"), DONE],
    "a finish on every chunk, with usage": [
        {"event": {"choices": [{"delta": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}}
        for text in ("Hello", " world")
    ],
    "a finish before the role": [STOP, ROLE, HELLO, WORLD, DONE],  # open-webui/open-webui#23921
    "two finishes": [HELLO, WORLD, finish("length"), STOP, DONE],
    "empty finishes before the true one": [
        delta("Hello", finish_reason=""),
        delta(" world", finish_reason="null"),
        STOP,
        DONE,
    ],
    "a finish that ends in other words": [HELLO, WORLD, finish("end_turn"), DONE],
    "a finish in capitals": [HELLO, WORLD, finish("STOP"), DONE],
    # CherryHQ/cherry-studio#8065
    "text in message": [choice(message={"role": "assistant", "content": "Hello world"}), STOP, DONE],
    "text in message that repeats the deltas": [
        choice(delta={"content": "Hello"}, message={"content": "Hello"}),
        choice(delta={"content": " world"}, message={"content": "Hello world"}),
        choice(delta={"content": ""}, message={"content": "Hello world"}, finish_reason="stop"),
        DONE,
    ],
    "text in text": [choice(text="Hello", finish_reason=None), choice(text=" world"), STOP, DONE],
    "text in the delta's text": [choice(delta={"text": "Hello world"}), STOP, DONE],
    "a delta that is text": [choice(delta="Hello world"), STOP, DONE],
    "one choice without a list": [{"event": {"choices": {"delta": {"content": "Hello world"}}}}, STOP, DONE],
    "choices that are no choices": [
        HELLO,
        {"event": {"choices": {}}},
        {"event": {"choices": [None]}},
        {"event": {"choices": None, "usage": {"prompt_tokens": 1}}},
        WORLD,
        STOP,
        DONE,
    ],
    "an index that is text": [choice(index="0", delta={"content": "Hello world"}), STOP, DONE],
    "content in parts of unknown types": [
        delta([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hello"}]),
        delta([{"type": "reference", "reference_ids": [1]}, {"text": {"value": " world"}}, None]),
        STOP,
        DONE,
    ],
    "content that is one part": [delta({"type": "text", "text": "Hello world"}), STOP, DONE],
    "errors that are none": [
        *({"event": {"choices": [{"delta": {"content": ""}}], "error": none}} for none in (None, "", {}, [], False)),
        HELLO,
        WORLD,
        STOP,
        DONE,
    ],
    "pings": [
        HELLO,
        "event: ping\ndata: ping\n\n",
        "event: ping\ndata: {}\n\n",
        "event: ping\ndata: 17\n\n",
        WORLD,
        STOP,
        DONE,
    ],
    "a good-bye of its own": [HELLO, WORLD, STOP, "data: [END]\n\n"],
    "[DONE] in quotes": [HELLO, WORLD, STOP, 'data: "[DONE]"\n\n', "!hang"],
    # meilisearch/meilisearch#6477
    "Azure's filter results first": [{"event": {"choices": [], "prompt_filter_results": []}}, HELLO, WORLD, STOP, DONE],
    # brainlid/langchain#569
    "a web server's comments": [": OPENROUTER PROCESSING\n\n", HELLO, ":\n\n", WORLD, STOP, DONE],
    "JSON instead of a stream": [
        '{"choices":[{"message":{"content":"Hello world"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
    ],
    "JSON without a finish_reason, which is whole": ['{"choices":[{"message":{"content":"Hello world"}}]}'],
    "pretty JSON with a BOM": [
        "\ufeff\n"
        + json.dumps({"choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}]}, indent=2)
    ],
    "a line of JSON each": [
        '{"choices":[{"delta":{"content":"Hello"}}]}\n{"choices":[{"delta":{"content":" world"}}]}\n',
        '{"choices":[{"delta":{},"finish_reason":"stop"}]}\n',
    ],
    "two BOMs": ["\ufeff\ufeff", HELLO, WORLD, STOP, DONE],
    "no blank lines between events": [
        'data: {"choices":[{"delta":{"content":"Hello"}}]}\ndata: {"choices":[{"delta":{"content":" world"}}]}\n',
        'data: {"choices":[{"finish_reason":"stop"}]}\ndata: [DONE]\n',
    ],
    "a list of chunks": [{"event": [HELLO["event"], WORLD["event"]]}, STOP, DONE],
    "a JSON list of chunks": [json.dumps([HELLO["event"], WORLD["event"], STOP["event"]])],
    "an index below 0": [choice(index=-1, delta={"content": "Hello world"}), STOP, DONE],
    "data without a colon": ["data\n\n", HELLO, WORLD, STOP, DONE],
    "control characters in JSON": ['data: {"choices":[{"delta":{"content":"Hello world"},"x":"\t"}]}\n\n', STOP, DONE],
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_whole_with(play, name):
    answer = play(*WHOLE[name])
    reason = None if "without a finish_reason" in name else "stop"
    assert (answer.error, answer.text, answer.finish_reason) == (None, "Hello world", reason)


@pytest.mark.parametrize(
    "steps",
    [
        [delta("Hello", finish_reason="stop"), 2.1, WORLD, DONE],
        [delta("Hello", finish_reason="stop"), 2.1, delta(" world", finish_reason="stop")],
        [delta("Hello"), STOP, 1.1, ": ping\n\n", 1.1, WORLD, STOP, TALLY, DONE],
    ],
)
# PawanOsman/OpenCursor#88
def test_words_after_a_finish_and_a_pause_are_kept(play, steps):
    answer = play(*steps)
    assert (answer.error, answer.text, answer.finish_reason) == (None, "Hello world", "stop")


def test_words_after_a_finish_come_as_they_are_said(play):
    pieces = play(delta("Hello", finish_reason="stop"), 0.3, WORLD, 0.3, DONE).pieces
    assert pieces == [b"Hello", b" world"]


@pytest.mark.parametrize("life", [[], [": ping\n\n", 0.3] * 20, ["data: null\n\n", 0.3] * 20])
def test_a_finish_and_then_nothing_but_signs_of_life_ends_it(play, monkeypatch, life):
    monkeypatch.setattr("macrochat.providers.completion.FINISH_SILENCE", 1.0)
    answer = play(HELLO, WORLD, STOP, *life, "!hang")
    assert (answer.error, answer.text, answer.finish_reason) == (None, "Hello world", "stop")
    assert answer.wall_seconds > 0.9


# can1357/oh-my-pi#6524
def test_forty_seconds_of_silence_are_patience_not_the_end(play):
    """In small: longer than nothing, shorter than the time-out."""
    answer = play(ROLE, 2, HELLO, WORLD, STOP, DONE, timeout=10)
    assert (answer.error, answer.text) == (None, "Hello world")


@pytest.mark.parametrize("reason", ["", 17, True, ["stop"], {}, 0.5])
def test_done_after_a_finish_reason_that_is_no_word_is_an_end_without_a_name(play, reason):
    answer = play(HELLO, delta(" world", finish_reason=reason), DONE)
    assert (answer.error, answer.text, answer.finish_reason) == (None, "Hello world", None)
    assert play(HELLO, delta(" world", finish_reason=reason)).error.code == "UPSTREAM_INTERRUPTED"


def test_invalid_utf_8_in_mid_stream_is_a_replacement_character_each(play):
    answer = play(HELLO, {"bytes": 'data: {"choices":[{"delta":{"content":"\xff \xc3"}}]}\n\n'}, WORLD, STOP, DONE)
    assert (answer.error, answer.text) == (None, "Hello\ufffd \ufffd world")


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_compressed_stream_is_unpacked(play, kind):
    text = b'data: {"choices":[{"delta":{"content":"Hello world"},"finish_reason":"stop"}]}\n\n' + DONE.encode()
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[kind](text).decode("latin-1")
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": kind}
    answer = play({"bytes": packed[:20]}, {"bytes": packed[20:]}, headers=headers)
    assert (answer.error, answer.text) == (None, "Hello world")
    assert play({"bytes": "no " + packed}, headers=headers).error.code == "UPSTREAM_BAD_RESPONSE"


BROKEN = {
    "half an event": [HELLO, 'data: {"choices":[{"delta":{"content":" wor'],
    "half an event without a blank line before it": [
        'data: {"choices":[{"delta":{"content":"Hello"}}]}\ndata: {"choices":[{"delta":{"content":" wor'
    ],
    "half an event after a finish": [delta("Hello", finish_reason="stop"), 'data: {"choices":[{"delta":{"cont'],
    "the end without a word about it": [HELLO],  # dotflow-io/pycodeloop#64
    "[DONE] without a finish_reason": [HELLO, DONE],
    "[DONE] with a finish_reason that says null": [delta("Hello", finish_reason="null"), DONE],
    "a cut after text that followed a finish": [STOP, HELLO, "!cut"],
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_has_broken_off_with(play, name):
    answer = play(*BROKEN[name])
    assert answer.text == "Hello"
    assert answer.error.code == "UPSTREAM_INTERRUPTED"


def test_a_cut_after_the_finish_is_an_end(play):
    assert play(HELLO, STOP, "!cut").error is None
    assert play(HELLO, STOP, "!reset").error is None


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ({"event": {"error": {"message": "no", "code": 529}}}, UpstreamBusy),
        ({"event": {"error": {"message": "no", "code": 504}}}, UpstreamTimeout),
        ({"event": {"error": {"message": "no", "code": 524}}}, UpstreamTimeout),
        ({"event": {"error": {"message": "no", "code": 408}}}, UpstreamTimeout),
        ({"event": {"error": {"message": "no", "code": 402}}}, UpstreamQuota),
        ({"event": {"error": {"error": {"type": "overloaded_error"}}}}, UpstreamBusy),
        ({"event": {"object": "error", "message": "maximum context length", "code": 400}}, ContextTooLong),
        ({"event": {"detail": "Too many requests"}}, UpstreamBusy),
        ({"event": {"message": "Insufficient Balance"}}, UpstreamQuota),
        ({"event": {"error": "unauthorized"}}, UpstreamAuth),
        ({"event": {"error": {}}}, UpstreamRefused),
        ({"event": {"error": 429}}, UpstreamBusy),
        (delta([[]] * 2 + json.loads("[" * 600 + "]" * 600)), UpstreamBadResponse),
        ({"event": [{"error": {"status": "UNAVAILABLE"}}]}, UpstreamBusy),
        ({"event": {"choices": [{"error": {"code": 429}}]}}, UpstreamBusy),
        ({"event": {"choices": [{"delta": {"content": ""}, "error": {"code": 429}}]}}, UpstreamBusy),
        ("event: error\ndata: Too many requests\n\n", UpstreamBusy),
        ("event: error\ndata: \n\n", UpstreamRefused),
        ('event: error\ndata: {"message":"no","code":529}\n\n', UpstreamBusy),
        (finish("error"), UpstreamRefused),
        (finish("abort"), UpstreamRefused),
        (finish("insufficient_system_resource"), UpstreamBusy),
        ("data: {oops\n\n", UpstreamBadResponse),
        ("data: oops\n\n", UpstreamBadResponse),
        ("event: message\ndata: {oops\n\n", UpstreamBadResponse),
        (delta(17), UpstreamBadResponse),
        ({"event": {"choices": ["text"]}}, UpstreamBadResponse),
    ],
)
def test_trouble_after_text_keeps_the_text(play, broken, kind):
    for steps in ([HELLO, broken, DONE], [delta("Hello", finish_reason="stop"), broken, DONE]):
        answer = play(*steps)
        assert answer.text == "Hello"
        if (
            broken != "data: oops\n\n" or len(steps[0]["event"]["choices"][0]) == 2
        ):  # no JSON after a finish: a good-bye
            assert type(answer.error) is kind
            assert answer.error.detail or kind is UpstreamBadResponse


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error":{"code":429,"message":"no"}}', UpstreamBusy),
        ('{"error":{"code":"context_length_exceeded","message":"no"}}', ContextTooLong),
        ('{"error":{"message":"The input token count exceeds the maximum"}}', ContextTooLong),
        ('{"error":{"type":"authentication_error"}}', UpstreamAuth),
        ('{"error":{"code":"insufficient_quota"}}', UpstreamQuota),
        ('{"detail":"Unauthorized"}', UpstreamAuth),
        ('[{"error":{"status":"RESOURCE_EXHAUSTED"}}]', UpstreamBusy),
        ('{"error":"no"}', UpstreamRefused),
        ('{"hello":"world"}', UpstreamBadResponse),
        ("{oops", UpstreamBadResponse),
        ("[]", UpstreamBadResponse),
        ("<!doctype html><title>Welcome</title>", UpstreamBadResponse),
        ("\n\n<html>", UpstreamBadResponse),
        ("It works!", UpstreamBadResponse),
        ("", UpstreamBadResponse),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/html"])
# xyOz-dev/Saturn#43
def test_a_body_that_is_no_stream_is_refused_by_what_it_says(play, body, kind, content_type):
    answer = play(body, headers={"Content-Type": content_type})
    assert type(answer.error) is kind
    assert answer.text == ""


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        ("stop", "UPSTREAM_EMPTY", "without a word"),  # Idun-Group/idun-agent-platform#687
        ("length", "UPSTREAM_EMPTY", "length limit"),
        ("content_filter", "CONTENT_FILTERED", "filtered"),  # cline/cline#13302
        ("tool_calls", "TOOL_CALLS_UNSUPPORTED", "tool"),
        ("function_call", "TOOL_CALLS_UNSUPPORTED", "tool"),
    ],
)
@pytest.mark.parametrize("words", [[], [delta("")], [delta(" \n")], [delta(None, tool_calls=[])]])
def test_an_end_without_a_word_is_said_to_be_one(play, reason, code, said, words):
    answer = play(ROLE, *words, finish(reason), DONE)
    assert type(answer.error) is UpstreamEmpty
    assert answer.error.code == code
    assert said in answer.error.message


def test_an_end_without_a_word_is_fine_where_a_text_goes_on(play):
    answer = play(STOP, DONE, prefix="w0")
    assert (answer.error, answer.text) == (None, "")


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "length"])
def test_words_before_another_end_are_an_answer(play, reason):
    answer = play(HELLO, WORLD, finish(reason), DONE)
    assert (answer.error, answer.finish_reason) == (None, reason)


@pytest.mark.parametrize(
    ("reason", "clean"),
    [
        ("half \ud83d", "half ?"),
        ("x" * 65, "x" * 64),
        ("nul\0", "nul?"),
        ("line\nbreak", "line?break"),
        ("完成", "??"),
        ({"type": "stop"}, "stop"),
        ("model_length", "length"),
        ("MAX_TOKENS", "length"),
    ],
)
def test_a_finish_reason_is_clean(play, reason, clean):
    assert play(HELLO, finish(reason), DONE).finish_reason == clean


@pytest.mark.parametrize(
    ("usage", "clean"),
    [
        ({"prompt_tokens": 2**63, "completion_tokens": 2}, Usage(None, 2)),
        ({"prompt_tokens": 2**31, "completion_tokens": 2**31 - 1}, Usage(None, 2**31 - 1)),
        ({"prompt_tokens": -1, "completion_tokens": 0}, Usage(None, 0)),
        ({"prompt_tokens": 3.0, "completion_tokens": 2.5}, Usage(3, 2)),
        ({"prompt_tokens": "3", "completion_tokens": "many"}, Usage(3, None)),
        ({"prompt_tokens": None, "completion_tokens": True}, None),
        ({"prompt_tokens": [], "completion_tokens": 1e999}, None),
        ({"input_tokens": 3, "output_tokens": 2}, Usage(3, 2)),
        ({}, None),
        ([], None),
        ("many", None),
    ],
)
def test_a_usage_is_whole_numbers_that_fit_or_left_out(play, usage, clean):
    answer = play(HELLO, STOP, {"event": {"choices": [], "usage": usage}}, DONE)
    assert (answer.error, answer.usage) == (None, clean)


def test_a_usage_is_found_in_the_choice_and_in_groq_s_own_place(play):
    count = {"prompt_tokens": 3, "completion_tokens": 2}
    assert play(HELLO, choice(delta={}, finish_reason="stop", usage=count), DONE).usage == Usage(3, 2)
    assert play(HELLO, STOP, {"event": {"choices": [], "x_groq": {"usage": count}}}, DONE).usage == Usage(3, 2)
    assert play(HELLO, STOP, TALLY, {"event": {"choices": [], "usage": None}}, DONE).usage == Usage(3, 2)


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "-" + "9" * 5000, "1e400", "NaN", "-Infinity"])
def test_a_number_beyond_all_bounds_breaks_nothing_but_itself(play, number):
    usage = f'"usage":{{"prompt_tokens":{number},"completion_tokens":2}}'
    answer = play(HELLO, STOP, f'data: {{"choices":[],"created":{number},{usage}}}\n\n', DONE)
    assert (answer.error, answer.text, answer.usage) == (None, "Hello", Usage(None, 2))


@pytest.mark.parametrize(
    "broken",
    [
        "data: {my secret diary\n\n",
        'data: {"choices":[{"delta":{"content":"my secret diary"}}\n\n',
        'data: {"choices":"my secret diary"}\n\n',
        'data: {"choices":[{"delta":{"content":{"my secret diary":17},"refusal":17}}]}\n\n',
        'data: {"error":{"message":"my secret diary","type":"my secret diary"}}\n\n',
        "event: error\ndata: my secret diary\n\n",
        "data: my secret diary\n\n",
    ],
)
def test_what_a_model_says_reaches_no_log_however_it_is_broken(play, broken):
    for steps in ([HELLO, broken], [broken], [HELLO, broken.rstrip()]):
        error = play(*steps).error
        assert "secret" not in error.detail + error.message + repr(error.__cause__)
