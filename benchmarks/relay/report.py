"""The figures as a Markdown table and as a picture. `results` is what `bench` writes as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.relay.plot import Bar, bars

LIMIT = "nginx"  # what ratios are to
Round = Mapping[str, Any]
COLUMNS: Sequence[tuple[str, Callable[[Round], float | None], bool]] = (
    ("most streams at 50 chunks/s", lambda r: r["most"], True),
    ("unpaced, 1000 chunks/s", lambda r: r["flood"]["chunks_per_second"] / 1000, True),
    ("CPU µs per chunk at 100 streams", lambda r: _cpu(r["usual"]), True),
    ("CPU ms per request", lambda r: r["requests"]["cpu_ms"], False),
    ("KB per open stream", lambda r: r["kb_per_stream"], False),
)
TIMES: Sequence[tuple[str, Callable[[Round], float | None]]] = (
    ("at rest: request → provider, p50 ms", lambda r: r["requests"]["there_ms"][0]),
    ("p95", lambda r: r["requests"]["there_ms"][1]),
    ("at rest: provider's first byte → reader, p50 ms", lambda r: r["requests"]["back_ms"][0]),
    ("p95", lambda r: r["requests"]["back_ms"][1]),
    ("chunk at 100 streams, p50 ms", lambda r: r["usual"]["p50_ms"]),
    ("p99", lambda r: r["usual"]["p99_ms"]),
)


def table(results: Mapping[str, Any]) -> str:
    """Medians over the rounds, (ranges), and · ratios to nginx, each taken within one round."""
    rounds = results["rounds"]
    rule = (
        f"{results['machine']}; {results['date']}. One relay at a time on one core, upstream and client on another. "
        f"Median (range) of {max(map(len, rounds.values()), default=0)} rounds · ratio to nginx in the same round."
    )
    lines = [
        rule,
        "",
        _row(["relay", *(name for name, _, _ in COLUMNS)]),
        _row(["---"] * (len(COLUMNS) + 1)),
    ]
    for name, found in rounds.items():
        limit = rounds.get(LIMIT, []) if name != LIMIT else []
        cells = [_cell(found, limit if compared else [], figure) for _, figure, compared in COLUMNS]
        if any(figures["at_least"] for figures in found):
            cells[0] = f"≥ {cells[0]}"
        lines.append(_row([results["titles"][name], *cells]))
    lines += ["", _row(["how long it takes", *(name for name, _ in TIMES)]), _row(["---"] * (len(TIMES) + 1))]
    for name, found in rounds.items():
        times = [_cell(found, [], figure) for _, figure in TIMES]
        lines.append(_row([results["titles"][name], *times]))
    lines += _notes(results)
    return "\n".join(lines) + "\n"


def picture(results: Mapping[str, Any]) -> str:
    """The first column as bars, SVG."""
    drawn = []
    for name, found in results["rounds"].items():
        values = [figures["most"] for figures in found]
        drawn.append(Bar(results["titles"][name].replace("*", ""), median(values), min(values), max(values)))
    return bars("Most streams at 50 chunks/s on one core, p99 below 100 ms", drawn)


def _notes(results: Mapping[str, Any]) -> list[str]:
    lines = []
    if alone := results.get("alone"):
        flood = alone["flood"]["chunks_per_second"] / 1000
        lines += [
            "",
            f"Upstream and client alone: {alone['most']} streams at 50 chunks/s, unpaced {flood:.0f} thousand chunks/s.",
        ]
    if any(figures["at_least"] for found in results["rounds"].values() for figures in found):
        lines += ["", "≥: the load came to its own limit first, or no more was asked for."]
    lines += (
        ["", *(f"Left out: {name} – {why}" for name, why in results["missing"].items())] if results["missing"] else []
    )
    wrong = results["wrong_bytes"]
    lines += ["", "Every byte of every stream was right." if not wrong else f"{wrong} bytes were wrong."]
    return lines


def _cell(found: Sequence[Round], limit: Sequence[Round], figure: Callable[[Round], float | None]) -> str:
    values = [value for figures in found if (value := figure(figures)) is not None]
    if len(values) < len(found):
        return "overload"
    text = short(median(values))
    if len(values) > 1:
        text += f" ({short(min(values))}–{short(max(values))})"
    ratios = [ours / theirs for ours, theirs in zip(values, map(figure, limit), strict=False) if theirs]
    return f"{text} · {short(median(ratios))}×" if ratios else text


def _cpu(step: Round) -> float | None:
    """None: the relay was overloaded, and what it left undone cost nothing."""
    return step["cpu_us_per_chunk"] if step["held"] or step["load_was_late"] else None


def short(value: float) -> str:
    """Three digits at most, none behind the point from 10 up: more would not be true."""
    if abs(value) >= 10:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
