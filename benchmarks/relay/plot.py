"""Line and bar charts as SVG, for a page that may be light or dark. No library: a chart is a few lines and words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 50
BAR_HEIGHT, BAR_LEFT = 34, 370
# Told apart by people who see colours differently, and on both backgrounds (Okabe and Ito's palette).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#555}.title{font-weight:600;font-size:15px}"
    ".grid{stroke:#888;stroke-opacity:.25}.range{stroke:#888;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
)


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """`low` and `high` are the range over rounds."""

    name: str
    value: float
    low: float
    high: float


def lines(title: str, x_name: str, y_name: str, drawn: Sequence[Line], *, log_x: bool = False) -> str:
    """Points joined by lines, from zero upwards. `log_x` for steps that double: a straight line looks bent then."""
    points = [point for line in drawn for point in line.points]
    across = _scale([x for x, _ in points], LEFT, WIDTH - RIGHT, log=log_x)
    ticks = _ticks(max((y for _, y in points), default=1.0))
    up = _linear(0, ticks[-1], HEIGHT - BOTTOM, TOP)
    x_name += " (logarithmic)" if log_x else ""
    parts = [_text(LEFT, 18, title, "title"), _text(WIDTH - RIGHT, HEIGHT - 10, x_name, anchor="end")]
    parts.append(_text(LEFT, TOP - 10, y_name))
    for value in ticks:
        y = up(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, _short(value), anchor="end"))
    parts += [
        _text(across(value), HEIGHT - BOTTOM + 20, _short(value), anchor="middle")
        for value in _marks({x for x, _ in points}, across)
    ]
    for number, line in enumerate(drawn):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across(x), up(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        if len(drawn) > 1:
            parts.append(_legend(LEFT + 12, TOP + 16 + 18 * number, line.name, colour))
    return _svg(HEIGHT, parts)


def bars(title: str, drawn: Sequence[Bar], unit: str = "") -> str:
    """One bar a name, longest values to the right, the range over rounds as a thin line."""
    height = TOP + BAR_HEIGHT * len(drawn) + 12
    along = _linear(0, max((bar.high for bar in drawn), default=1.0) or 1.0, BAR_LEFT, WIDTH - 90)
    parts = [_text(12, 22, title, "title")]
    for number, bar in enumerate(drawn):
        y = TOP + BAR_HEIGHT * number
        colour = COLOURS[1] if "Macrochat" in bar.name else COLOURS[0]
        middle = y + BAR_HEIGHT / 2
        parts.append(_text(BAR_LEFT - 10, middle, bar.name, anchor="end"))
        width = along(bar.value) - BAR_LEFT
        parts.append(
            f'<rect x="{BAR_LEFT}" y="{y + 6}" width="{width:.1f}" height="{BAR_HEIGHT - 16}" fill="{colour}"/>'
        )
        if bar.high > bar.low:
            parts.append(
                f'<line class="range" x1="{along(bar.low):.1f}" x2="{along(bar.high):.1f}" y1="{middle - 2}" y2="{middle - 2}"/>'
            )
        parts.append(_text(along(bar.high) + 8, middle, f"{_short(bar.value)}{unit}"))
    return _svg(height, parts)


def _svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _text(x: float, y: float, text: str, name: str = "", anchor: str = "start") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _legend(x: float, y: float, name: str, colour: str) -> str:
    return f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>' + _text(x + 16, y, name)


def _linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _scale(values: Sequence[float], start: float, end: float, *, log: bool) -> Callable[[float], float]:
    if not values:
        return lambda _: start
    if not log:
        return _linear(min(0.0, *values), max(values), start, end)
    place = _linear(math.log(min(values)), math.log(max(values)), start + 20, end - 20)
    return lambda value: place(math.log(value))


def _ticks(most: float) -> list[float]:
    """From 0 to at least `most`, four to eight of them, in steps of 1, 2 or 5 times a power of ten."""
    step = 10 ** math.floor(math.log10(most)) if most > 0 else 1.0
    step = next(candidate for candidate in (step / 10, step / 5, step / 2, step, step * 2) if most / candidate <= 7)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def _marks(values: set[float], across: Callable[[float], float]) -> list[float]:
    """Those of the values that have room for their name."""
    found: list[float] = []
    for value in sorted(values):
        if not found or across(value) - across(found[-1]) > 38:
            found.append(value)
    return found


def _short(value: float) -> str:
    """1234567 → 1.2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
