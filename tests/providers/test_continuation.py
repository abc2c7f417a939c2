"""Going on with a text: what is sent, and what is dropped from an answer that repeats the end of it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from macrochat.providers.base import CompletionRequest
from macrochat.providers.continuation import CONTINUE_INSTRUCTION, OverlapTrimmer, conversation, overlap
from tests.providers.conftest import unhurried

QUESTION = {"role": "user", "content": "Tell me"}


def test_a_fresh_answer_needs_nothing_more():
    assert conversation(CompletionRequest("m", [QUESTION]), "none") == [QUESTION]


def test_prefill_ends_with_what_was_said():
    assert conversation(CompletionRequest("m", [QUESTION], "Once"), "prefill") == [
        QUESTION,
        {"role": "assistant", "content": "Once"},
    ]


def test_prompt_asks_for_more():
    assert conversation(CompletionRequest("m", [QUESTION], "Once"), "prompt") == [
        QUESTION,
        {"role": "assistant", "content": "Once"},
        {"role": "user", "content": CONTINUE_INSTRUCTION},
    ]


def test_a_provider_that_cannot_go_on_is_not_asked_to():
    with pytest.raises(ValueError, match="cannot go on"):
        conversation(CompletionRequest("m", [QUESTION], "Once"), "none")


@pytest.mark.parametrize(
    ("prefix", "answer", "dropped"),
    [
        ("Once upon a time", " there was", ""),
        ("Once upon a time", "upon a time there was", "upon a time"),
        ("Once upon a time", "Once upon a time there was", "Once upon a time"),
        ("Once upon a ti", "time there was", ""),
        ("Once upon a tim", "time there was", "tim"),
        ("hel", "lo", ""),
        ("hello", "ello", ""),
        ("so it was very very", " very good", ""),
        ("a b", "b", ""),
        ("一二三四五六七八九十", "三四五六七八九十百", "三四五六七八九十"),
        ("ends with a line\n\n", "\n\nand goes on", ""),
        ("I", "I think so", "I"),
        ("", "anything", ""),
        ("anything", "", ""),
    ],
)
def test_only_a_repetition_that_is_no_accident_counts(prefix, answer, dropped):
    assert answer[: overlap(prefix, answer)] == dropped


@unhurried
@given(st.text(), st.text(), st.lists(st.integers(1, 60), max_size=20))
def test_trimming_does_not_depend_on_the_pieces(prefix, answer, lengths):
    trimmer, kept, rest = OverlapTrimmer(prefix), [], answer
    for length in lengths:
        kept.append(trimmer.feed(rest[:length].encode()))
        rest = rest[length:]
    kept += [trimmer.feed(rest.encode()), trimmer.flush()]
    window = answer if len(answer) < 200 else None
    if window is not None:
        assert b"".join(kept).decode() == answer[overlap(prefix[-200:], answer) :]
    assert answer.endswith(b"".join(kept).decode())


@unhurried
@given(st.text(min_size=8, max_size=150), st.text(max_size=300), st.text(max_size=50))
def test_a_long_repetition_is_always_found(repeated, new, before):
    prefix = before + repeated
    assume(overlap(prefix, repeated + new) == len(repeated))  # not a longer one by the examples' accident
    trimmer = OverlapTrimmer(prefix)
    assert (trimmer.feed((repeated + new).encode()) + trimmer.flush()).decode() == new


@unhurried
@given(st.text(min_size=8, max_size=150), st.text(max_size=300), st.text(max_size=50))
def test_what_is_found_is_at_least_the_repetition(repeated, new, before):
    assert overlap(before + repeated, repeated + new) >= len(repeated)
