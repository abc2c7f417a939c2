"""The title that a chat gets from its first message: static/js/helpers/titles.js is held against the same examples."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from macrochat.chats.titles import MAX_CHARACTERS, first_cluster, fit, title_from

EXAMPLES = json.loads((Path(__file__).parents[1] / "support" / "titles.json").read_text())
FAMILY = "👨\u200d👩\u200d👧\u200d👦"
# Each is one character to a reader: emoji that are joined, coloured, flags of countries and regions, keycaps, marks, Hangul
# syllables in parts, Devanagari.
CLUSTERS = (
    *(FAMILY, "👩🏽\u200d🚀", "❤️\u200d🔥", "🇩🇪", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"),
    *("1️⃣", "e\u0301", "\u1100\u1161\u11a8", "नि", "ก\u0e33"),
)


@pytest.mark.parametrize(("text", "title"), EXAMPLES)
def test_a_title_is_the_first_line_that_shows_something(text, title):
    assert title_from(text) == title


def test_thirty_family_emoji_are_a_title_of_thirty_families():
    assert title_from(FAMILY * 30) == FAMILY * 30


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("before", ["", "a", "ab "])
# Gitlawb/openclaude#1982
def test_no_cluster_is_cut(cluster, before):
    title = title_from(before + cluster * 200)
    assert len(title) <= MAX_CHARACTERS
    assert title.endswith("…")
    rest = title[len(before) : -1]
    assert rest
    assert rest == cluster * (len(rest) // len(cluster))
    assert fit(before + cluster * 200).removeprefix(before).replace(cluster, "") == ""


def test_a_character_longer_than_any_title_still_makes_one():
    for monster in ("a" + "\u0301" * 100_000, "👩\u200d" * 50_000):
        assert 1 < len(title_from(monster)) <= MAX_CHARACTERS
        assert len(fit(monster)) == MAX_CHARACTERS


def test_titles_of_the_longest_messages_take_no_time():
    began = time.process_time()
    for text in ("🇩" * 100_000, "a" * 100_000, " a" * 50_000, "\u200b\n" * 50_000, "\u0301" * 100_000):
        title_from(text)
        fit(text)
    assert time.process_time() - began < 5  # a row of 100,000 flags took 20 s


def test_the_first_character_of_a_name_is_whole():
    assert [first_cluster(text) for text in ("", "Ann", FAMILY + "x", "🇩🇪🇫🇷")] == ["", "A", FAMILY, "🇩🇪"]
