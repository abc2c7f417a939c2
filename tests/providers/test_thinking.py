"""Thoughts, wherever a server puts them: a row for each (`scripted/thinking.py` plays them)."""

import random

import pytest

from macrochat.errors import UpstreamEmpty
from macrochat.providers.base import CompletionRequest, Opaque, Reasoning
from macrochat.providers.chunks import ChunkReader
from macrochat.providers.scripted import expected_text, expected_thought
from macrochat.providers.scripted.thinking import ANSWER, DIALECTS, THOUGHT
from macrochat.providers.thoughts import TagSplitter
from tests.providers.conftest import QUESTION, answer_of
from tests.providers.test_chunks import event

FINAL = "<|start|>assistant<|channel|>final<|message|>"

# What a row says, if it is not THOUGHT and then ANSWER.
OTHERS = {
    "think-tags-at-once": ("\n" + THOUGHT, ANSWER),
    "think-tags-unopened": ("", f"{THOUGHT}\n{ANSWER}"),  # the first time; see below
    "think-tags-unclosed": (THOUGHT, ""),
    "think-tags-in-code": ("", "```html\n<think>no</think>\n```\nand `</think>` "),
    "think-tags-later": ("", "Say <think> and </think> aloud "),
    "thinks-nul": ("let\ufffdme \ufffdthink", ANSWER),
    "thinks-only": (THOUGHT, ""),
    "thinks-only-length": (THOUGHT, ""),
}


@pytest.mark.parametrize("row", DIALECTS)
def test_the_thought_is_told_from_the_answer(ask, row):
    answer = ask(row)
    assert answer.error is None
    assert (answer.thought, answer.text) == OTHERS.get(row, (THOUGHT, ANSWER))
    assert answer.finish_reason == ("length" if row == "thinks-only-length" else "stop")


@pytest.mark.parametrize("row", sorted(DIALECTS.keys() - {"thinks-after", "think-tags-unopened"}))
def test_the_thought_comes_first(ask, row):
    kinds = [type(piece) for piece in ask(row).pieces if not isinstance(piece, Opaque)]
    assert kinds == sorted(kinds, key=lambda kind: kind is bytes)


def test_a_thought_after_text_keeps_its_place(ask):
    said = [piece.text if isinstance(piece, Reasoning) else piece.decode() for piece in ask("thinks-after").pieces]
    assert said == ["the ", THOUGHT, "answer "]


def test_a_model_whose_template_opens_the_thought_is_known_from_its_second_answer_on(scripted_providers):
    with_habits = scripted_providers(connect_timeout=21)  # one of this test's own
    request = CompletionRequest("scripted-think-tags-unopened", QUESTION)
    assert answer_of(with_habits, request).thought == ""
    for _ in range(2):
        answer = answer_of(with_habits, request)
        assert (answer.thought, answer.text) == (THOUGHT + "\n", ANSWER)


def test_an_answer_that_was_taken_for_a_thought_is_an_answer_all_the_same():
    splitter = TagSplitter(begins_in_thought=True)
    assert splitter.feed("Just words") == [("thought", "Just words")]
    assert splitter.flush() == [("text", "Just words")]
    assert splitter.bare_closing is False


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (" \n<think>a < b </th></think> Hi <think>x</think>", ("a < b </th>", "Hi <think>x</think>")),
        ("<thinking>hm</thinking>yes", ("hm", "yes")),
        ("<thi", ("", "<thi")),
        ("a<b", ("", "a<b")),
        ("hm\n</think>\n\nyes", ("", "hm\nyes")),
        ("hm</think>yes", ("", "hmyes")),
        ("```\n</think>\n```", ("", "```\n</think>\n```")),
        ("the </think>. Then", ("", "the </think>. Then")),
        (f"<|channel|>analysis<|message|>hm <b> x<|end|>{FINAL}yes<|return|>", ("hm <b> x", "yes")),
        ("<|channel|>commentary to=x <|constrain|>json<|message|>{}<|call|>", ("{}", "")),
        ("", ("", "")),
    ],
)
def test_tags_may_be_cut_anywhere(said, expected):
    for seed in range(60):
        cuts, splitter, pieces, position = random.Random(seed), TagSplitter(), [], 0
        while position < len(said):
            size = cuts.choice([1, 1, 2, 3, 5, 8, 50])
            pieces += splitter.feed(said[position : position + size])
            position += size
        pieces += splitter.flush()
        assert all(text for _kind, text in pieces)
        told = tuple("".join(text for kind, text in pieces if kind == wanted) for wanted in ("thought", "text"))
        assert told == expected, seed


def test_what_comes_once_in_two_fields_is_said_once(ask):
    assert ask("both-fields").thought == THOUGHT


def test_what_the_server_wants_back_is_kept_whole(ask):
    [details] = [piece.value for piece in ask("openrouter").pieces if isinstance(piece, Opaque)]
    assert details == {
        "reasoning_details": [
            {"type": "reasoning.text", "text": THOUGHT, "index": 0, "format": "anthropic-claude-v1"}
            | {"signature": "c2ln"},
            {"type": "reasoning.encrypted", "data": "ZW5j", "index": 1, "id": "rs_1"},
        ]
    }
    [blocks] = [piece.value for piece in ask("litellm").pieces if isinstance(piece, Opaque)]
    assert blocks == {"thinking_blocks": [{"type": "thinking", "thinking": THOUGHT, "signature": "c2ln"}]}
    [google] = [piece.value for piece in ask("gemini").pieces if isinstance(piece, Opaque)]
    assert google == {"extra_content": {"google": {"thought_signature": "c2ln"}}}


def test_more_than_a_megabyte_for_the_server_is_not_kept():
    reader = ChunkReader()
    for _ in range(3):
        reader.feed([event({"choices": [{"delta": {"reasoning_details": [{"type": "x", "data": "y" * 500_000}]}}]})])
    assert reader.flush() == []


def test_an_answer_with_neither_word_nor_thought_is_none(ask):
    assert isinstance(ask("words:0").error, UpstreamEmpty)


def test_a_million_thoughts_are_one_text():
    reader, thoughts = ChunkReader(), []
    deltas = [event({"choices": [{"index": 0, "delta": {"reasoning_content": "hm "}}]})] * 1000
    for _ in range(1000):
        [thought] = reader.feed(deltas)
        thoughts.append(thought.text)
    assert "".join(thoughts) == "hm " * 1_000_000


def test_a_thought_of_eight_megabytes(play_pieces):
    thought = "x" * (8 << 20)
    assert "".join(piece.text for piece in play_pieces({"reasoning_content": thought})) == thought


@pytest.fixture
def play_pieces():
    def play(delta):
        return ChunkReader().feed([event({"choices": [{"index": 0, "delta": delta}]})])

    return play


def test_the_test_model_thinks_and_speaks(ask):
    answer = ask("thinks:3:0:4")
    assert answer.thought == expected_thought("scripted-thinks:3:0:4") != ""
    assert answer.text == expected_text("scripted-thinks:3:0:4", QUESTION) == "w0 w1 w2 w3 "


# usage


@pytest.mark.parametrize(
    ("usage", "cached", "reasoning", "cost"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 5}}, 5, None, None),
        ({"prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 1}, 5, None, None),  # DeepSeek
        ({"completion_tokens_details": {"reasoning_tokens": 7.0}}, None, 7, None),
        ({"output_tokens_details": {"reasoning_tokens": "7"}}, None, 7, None),
        ({"cost": 0.0125, "prompt_tokens_details": None, "completion_tokens_details": "x"}, None, None, 0.0125),
        ({"cost": "0.5"}, None, None, 0.5),
        ({"cost": -1, "reasoning_tokens": 3}, None, 3, None),
        ({"cost": float("inf"), "cached_tokens": True}, None, None, None),
    ],
)
def test_what_was_cached_what_was_thought_and_what_it_cost(usage, cached, reasoning, cost):
    reader = ChunkReader()
    reader.feed([event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9} | usage})])
    told = reader.usage
    assert (told.prompt_tokens, told.completion_tokens) == (9, 9)
    assert (told.cached_tokens, told.reasoning_tokens, told.cost) == (cached, reasoning, cost)
