"""Server-sent events come out the same however the bytes were cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macrochat.providers.event_stream import Event, EventStream
from tests.providers.conftest import unhurried

LINE_ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20).map(str.encode)
FIELDS = st.one_of(
    VALUES.map(lambda value: b"data: " + value),
    VALUES.map(lambda value: b"data:" + value),
    VALUES.map(lambda value: b": " + value),
    st.sampled_from([b"data", b"data:", b"event: error", b"event:", b"id: 7", b"retry: 10", b"nonsense", b"datax: 1"]),
    st.just(b""),
)
STREAMS = st.builds(
    lambda bom, lines: bom + b"".join(field + end for field, end in lines),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(FIELDS, LINE_ENDS), max_size=20),
)


def events_of(*reads, **limits):
    stream = EventStream(**limits)
    events = [event for read in reads for event in stream.feed(read)]
    return events, stream.error


@unhurried
@given(STREAMS, st.lists(st.integers(0, 400), max_size=10))
def test_cuts_make_no_difference(stream, cuts):
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    reads = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert events_of(*reads) == events_of(stream)


@unhurried
@given(STREAMS)
def test_single_bytes_make_no_difference(stream):
    assert events_of(*(stream[k : k + 1] for k in range(len(stream)))) == events_of(stream)


@unhurried
@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), max_size=5), LINE_ENDS)
def test_what_was_sent_arrives(events, end):
    stream = b"".join(b"".join(b"data: " + line + end for line in event) + end for event in events)
    assert [event.data for event in events_of(stream)[0]] == [b"\n".join(event) for event in events]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [Event(b"a", b"")]),
        (b"data:a\n\n", [Event(b"a", b"")]),
        (b"data:  a\n\n", [Event(b" a", b"")]),
        (b"data: a\ndata: b\n\n", [Event(b"a\nb", b"")]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [Event(b"a", b"error"), Event(b"b", b"")]),
        (b"event: error\n\ndata: b\n\n", [Event(b"b", b"")]),
        (b": comment\n\n", []),
        (b"data\n\n", [Event(b"", b"")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event(b"a", b"")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event(b"a", b"")]),
        (b"data: a\n\ndata: never ended\n", [Event(b"a", b"")]),
    ],
)
def test_the_standard_is_kept(stream, expected):
    assert events_of(stream)[0] == expected


@pytest.mark.parametrize("reads", [[b"data: " + b"x" * 200], [b"data: "] + [b"x"] * 200, [b"data: 0123456789\n"] * 20])
def test_a_line_or_an_event_over_the_limit_is_refused_after_what_came_before(reads):
    events, error = events_of(b"data: first\n\n", *reads, b"\n\ndata: after\n\n", max_line_bytes=100)
    assert events == [Event(b"first", b"")]
    assert error.code == "UPSTREAM_BAD_RESPONSE"
