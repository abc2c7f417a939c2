"""What becomes of the figures: the search for the most streams, the table, the pictures."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.relay import plot, report
from benchmarks.relay.load import percentile
from benchmarks.relay.search import LADDER, most


@pytest.mark.parametrize("guess", [1, 60, 1000, 99_999])
@pytest.mark.parametrize("limit", [0, 4, 5, 47, 100, 333, 1050, 2999, 3000, 10_000])
def test_the_search_finds_the_highest_rung_and_asks_none_twice(limit, guess):
    asked = []

    def holds(streams):
        asked.append(streams)
        return streams <= limit

    assert most(holds, guess) == max((rung for rung in LADDER if rung <= limit), default=0)
    assert len(asked) == len(set(asked))
    assert len(asked) <= 13


def test_a_search_that_begins_at_the_answer_asks_twice():
    asked = []
    assert most(lambda streams: asked.append(streams) or streams <= 900, guess=900) == 900
    assert asked == [900, 1000]


def test_a_percentile_of_nothing_is_zero():
    assert percentile([], 0.99) == 0
    assert percentile([1, 2, 3, 4], 0.5) == 3
    assert percentile([7], 0.99) == 7


def a_round(most, cpu=10.0, held=True, at_least=False):
    return {
        "most": most,
        "at_least": at_least,
        "kb_per_stream": 17.04,
        "requests": {"cpu_ms": 0.1234, "there_ms": (0.5, 1.5), "back_ms": (0.2, 0.4)},
        "usual": {"cpu_us_per_chunk": cpu, "held": held, "load_was_late": False, "p50_ms": 1.0, "p99_ms": 9.0},
        "flood": {"chunks_per_second": 558_000},
    }


@pytest.fixture
def results():
    return {
        "machine": "A machine",
        "date": "2026-01-02",
        "titles": {"nginx": "nginx, raw", "macrochat": "**Macrochat**", "flask": "Flask"},
        "rounds": {
            "nginx": [a_round(1000), a_round(800)],
            "macrochat": [a_round(900, 20), a_round(800, 30, at_least=True)],
            "flask": [a_round(40, held=False), a_round(40)],
        },
        "missing": {"ai-sdk": "npm is not installed"},
        "alone": {},
        "wrong_bytes": 0,
    }


def test_the_table_has_medians_ranges_and_ratios_within_a_round(results):
    lines = report.table(results).splitlines()
    assert any(line.startswith("| nginx, raw | 900 (800–1000) | 558 (558–558) | 10 (10–10) | 0.12") for line in lines)
    ours = next(line for line in lines if "Macrochat" in line)
    assert "≥ 850 (800–900) · 0.95×" in ours
    assert "25 (20–30) · 2.5×" in ours
    flask = next(line for line in lines if line.startswith("| Flask"))
    assert "| overload |" in flask
    assert "Left out: ai-sdk – npm is not installed" in lines
    assert "Every byte of every stream was right." in lines


def test_the_table_does_not_hide_wrong_bytes(results):
    assert "12 bytes were wrong." in report.table(results | {"wrong_bytes": 12})


def test_pictures_are_well_formed(results):
    bars = report.picture(results)
    assert len(ElementTree.fromstring(bars).findall(".//{*}rect")) == 3
    drawn = [plot.Line("a < b", [(10, 1), (100, 2.5), (1000, 3)]), plot.Line("none", [])]
    lines = plot.lines("CPU", "streams", "µs", drawn, log_x=True)
    assert len(ElementTree.fromstring(lines).findall(".//{*}circle")) == 3


@pytest.mark.parametrize("most_shown", [0.03, 1, 7, 99, 1234])
def test_an_axis_reaches_over_its_highest_value(most_shown):
    ticks = plot._ticks(most_shown)
    assert ticks[-1] >= most_shown
    assert 3 <= len(ticks) <= 9
