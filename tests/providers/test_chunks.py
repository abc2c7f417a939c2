"""Text, finish_reason and usage out of events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macrochat.errors import ContextTooLong, UpstreamAuth, UpstreamBadResponse, UpstreamBusy, UpstreamRefused
from macrochat.providers.base import Reasoning, Usage
from macrochat.providers.chunks import ChunkReader
from macrochat.providers.clean_text import TextCleaner
from macrochat.providers.event_stream import Event
from macrochat.replies.trace import Line, encode
from tests.providers.conftest import unhurried


def event(chunk, name=b""):
    return Event(json.dumps(chunk).encode() if isinstance(chunk, dict) else chunk, name)


def delta(content, **choice):
    return event({"choices": [{"index": 0, "delta": {"content": content}, **choice}]})


def feed(reader, events, **options):
    """The text of what comes of them, which is all of it."""
    pieces = reader.feed(events, **options)
    assert all(isinstance(piece, bytes) for piece in pieces)
    assert len(pieces) <= 1
    return b"".join(pieces)


def test_all_events_of_one_read_become_one_piece():
    reader = ChunkReader()
    assert feed(reader, [delta("a"), delta("ä"), delta("😀")]) == "aä😀".encode()


def test_the_usage_and_the_finish_reason_are_kept():
    reader = ChunkReader()
    reader.feed([delta("a", finish_reason=""), delta("b", finish_reason="stop")])
    reader.feed([event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}), event(b"[DONE]")])
    assert (reader.finish_reason, reader.usage, reader.done, reader.error) == ("stop", Usage(3, 2), True, None)


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [{"index": 0}]},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
        {"choices": [{"index": 0, "delta": {"content": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": []}}]},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "", "reasoning": None, "reasoning_details": []}}]},
        {"choices": [{"index": 1, "delta": {"content": "another choice"}, "finish_reason": "stop"}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{}"}}]}}], "usage": None, "error": None},
    ],
)
def test_chunks_without_text_are_nothing_special(chunk):
    reader = ChunkReader()
    assert feed(reader, [event(chunk), delta("text")]) == b"text"
    assert reader.error is None
    assert reader.finish_reason is None


@pytest.mark.parametrize(
    "data",
    [
        b"{oops",
        b'"text"',
        b'{"choices": 3}',
        b'{"choices":[{"delta":{"content":3}}]}',
        b'{"choices":[{"delta":{"content":"\\ud83d","refusal":3}}]}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"\\u0041":' + b"[" * 100_000,
    ],
)
def test_what_is_no_chunk_ends_the_reading_after_the_text_before_it(data):
    reader = ChunkReader()
    assert feed(reader, [delta("before"), event(data), delta("after")]) == b"before"
    assert isinstance(reader.error, UpstreamBadResponse)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "no", "code": 401}, UpstreamAuth),
        ({"message": "no", "code": "403"}, UpstreamAuth),
        ({"message": "no", "code": "invalid_api_key"}, UpstreamAuth),
        ({"message": "no", "status": 429}, UpstreamBusy),
        ({"message": "no", "type": "overloaded_error"}, UpstreamBusy),
        ({"message": "no", "code": "rate_limit_exceeded"}, UpstreamBusy),
        ({"message": "no", "code": 400, "type": "exceed_context_size_error"}, ContextTooLong),
        ({"message": "no", "code": "context_length_exceeded"}, ContextTooLong),
        ({"message": "no", "code": 500}, UpstreamRefused),
        ({}, UpstreamRefused),
        ("just words", UpstreamRefused),
        (["a", "list"], UpstreamRefused),
        (17, UpstreamRefused),
    ],
)
def test_an_error_event_becomes_our_error(error, kind):
    reader = ChunkReader()
    assert feed(reader, [delta("before"), event({"error": error})]) == b"before"
    assert type(reader.error) is kind


def test_an_event_named_error_is_one():
    reader = ChunkReader()
    reader.feed([event({"message": "no", "code": 429}, name=b"error")])
    assert isinstance(reader.error, UpstreamBusy)


def test_nul_becomes_a_replacement_character():
    assert TextCleaner().feed("a\0b") == "a\ufffdb".encode()


def test_a_half_character_that_stays_alone_becomes_a_replacement_character_at_the_end():
    reader = ChunkReader()
    assert feed(reader, [event(b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}')]) == b"a"
    assert feed(reader, [event(b"[DONE]")]) == b""
    assert reader.flush() == ["\ufffd".encode()]


UTF16_UNITS = st.lists(st.integers(0, 0xFFFF) | st.integers(0xD800, 0xDFFF), max_size=12)


@unhurried
@given(UTF16_UNITS, st.data())
def test_text_cut_anywhere_in_utf_16_comes_out_as_if_whole(units, data):
    text = b"".join(unit.to_bytes(2, "little") for unit in units)
    expected = text.decode("utf-16-le", "replace").replace("\0", "\ufffd")
    cleaner, pieces, start = TextCleaner(), [], 0
    while start < len(units):
        end = data.draw(st.integers(start + 1, len(units)))
        piece = b"".join(unit.to_bytes(2, "little") for unit in units[start:end])
        pieces.append(cleaner.feed(piece.decode("utf-16-le", "surrogatepass")))
        start = end
    pieces.append(cleaner.flush())
    assert b"".join(pieces).decode() == expected
    for piece in pieces:
        piece.decode()


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "stop", "\ud83d", "0", "\0", "x" * 99])
)
NAMES = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "text",
        "content",
        "refusal",
        "index",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "error",
        "type",
        "code",
        "detail",
        "reasoning_content",
        "reasoning_details",
        "thinking_blocks",
        "extra_content",
        "google",
        "thought_signature",
        "thinking",
        "object",
        "x_groq",
        "value",
        "reason",
        "status",
    ]
)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
CHUNKS = st.dictionaries(NAMES, ANYTHING, max_size=3) | st.fixed_dictionaries(
    {"choices": st.lists(st.dictionaries(NAMES, ANYTHING, max_size=4), max_size=2)}, optional={"usage": ANYTHING}
)


def vars_of(piece):
    return (piece.text, None) if isinstance(piece, Reasoning) else ("", piece.value)


@unhurried
@given(st.lists(CHUNKS | ANYTHING, max_size=4), st.booleans())
def test_whatever_json_comes_what_leaves_is_clean(values, cut):
    reader = ChunkReader()
    for piece in reader.feed([event(json.dumps(value).encode()) for value in values], cut=cut) + reader.flush():
        data = piece if isinstance(piece, bytes) else encode([Line(0, 0.0, "x", *vars_of(piece))])
        assert b"\0" not in data
        assert b"\\u0000" not in data
        data.decode()
    reason = reader.finish_reason
    assert reason is None or (0 < len(reason) <= 64 and reason.isascii() and reason.isprintable())
    for count in (reader.usage and reader.usage.prompt_tokens, reader.usage and reader.usage.completion_tokens):
        assert count is None or (isinstance(count, int) and 0 <= count < 2**31)
