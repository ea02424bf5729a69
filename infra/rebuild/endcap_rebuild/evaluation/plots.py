"""Plots as inline SVG: no script, no outside file; colours come from the page, so they suit light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 760
_LABEL: Final = 190
_ROW: Final = 26
_RIGHT: Final = 70
_PLOT_HEIGHT: Final = 260
_BOTTOM: Final = 44
_LEFT: Final = 60
_TOP: Final = 14
COLOURS: Final = ("accent", "second", "third", "fourth", "fifth")
"""CSS variables of the page, in the order in which series take them."""


@dataclass(frozen=True)
class Bar:
    """One bar; `low` and `high` are the ends of its interval, `strong` sets it apart."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """One line through (x label, value) points."""

    label: str
    points: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Dot:
    """One labelled point."""

    label: str
    x: float
    y: float
    strong: bool = False


def bars(rows: Sequence[Bar], title: str, spec: str = ".4f") -> str:
    """Horizontal bars, each with its number, and whiskers where an interval is known."""
    ends = [row.high if row.high is not None else row.value for row in rows]
    lows = [row.low if row.low is not None else row.value for row in rows]
    most, least = max([*ends, 0.0]), min([*lows, 0.0])
    span = (most - least) or 1.0
    inner = WIDTH - _LABEL - _RIGHT

    def x(value: float) -> float:
        return _LABEL + (value - least) / span * inner

    parts = []
    for number, row in enumerate(rows):
        y = _TOP + number * _ROW
        left, right = sorted((x(0.0), x(row.value)))
        colour = "accent" if row.strong else "muted"
        parts.append(_text(_LABEL - 8, y + 16, row.label, anchor="end", strong=row.strong))
        parts.append(
            f'<rect x="{left:.1f}" y="{y + 4}" width="{max(right - left, 1):.1f}" height="{_ROW - 10}" rx="2" '
            f'fill="var(--{colour})"/>'
        )
        if row.low is not None and row.high is not None:
            middle = y + _ROW / 2 - 1
            parts.append(_segment(x(row.low), middle, x(row.high), middle, "ink"))
            parts += [_segment(x(end), middle - 4, x(end), middle + 4, "ink") for end in (row.low, row.high)]
        parts.append(
            _text(max(x(row.high if row.high is not None else row.value), right) + 6, y + 16, f"{row.value:{spec}}")
        )
    return _svg(parts, 2 * _TOP + len(rows) * _ROW, title)


def grouped_bars(rows: Sequence[tuple[str, Sequence[float | None]]], series: Sequence[str], title: str) -> str:
    """Horizontal bars side by side, one colour per series; None leaves a bar out."""
    most = max((value for _, values in rows for value in values if value is not None), default=1.0) or 1.0
    inner = WIDTH - _LABEL - _RIGHT
    thick = 11
    height = thick * len(series) + 10
    parts = _legend(series)
    for number, (label, values) in enumerate(rows):
        y = 2 * _TOP + 12 + number * height
        parts.append(_text(_LABEL - 8, y + height / 2, label, anchor="end"))
        for place, value in enumerate(values):
            if value is None:
                continue
            width = max(value / most * inner, 1)
            top = y + place * thick
            parts.append(
                f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="{thick - 2}" rx="2" '
                f'fill="var(--{COLOURS[place]})"/>'
            )
            parts.append(_text(_LABEL + width + 6, top + thick - 2, f"{value:.4f}", small=True))
    return _svg(parts, 3 * _TOP + 12 + len(rows) * height, title)


def lines(series: Sequence[Line], title: str, x_title: str) -> str:
    """Lines over shared, evenly spaced x labels; a line may lack some of them."""
    labels = list(dict.fromkeys(label for line in series for label, _ in line.points))
    most = max((value for line in series for _, value in line.points), default=1.0) or 1.0
    inner = WIDTH - _LEFT - _RIGHT
    base = 2 * _TOP + 12 + _PLOT_HEIGHT
    at = {label: _LEFT + inner * (k + 0.5) / max(len(labels), 1) for k, label in enumerate(labels)}
    shown = labels[:: math.ceil(len(labels) / 12)] if labels else []
    parts = [*_legend([line.label for line in series]), *_y_axis(most, base)]
    parts += [_text(at[label], base + 18, label, anchor="middle", small=True) for label in shown]
    parts.append(_text(_LEFT + inner / 2, base + 36, x_title, anchor="middle", small=True))
    for place, line in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        spots = [(at[label], base - value / most * _PLOT_HEIGHT) for label, value in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="var(--{colour})" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="var(--{colour})"/>' for x, y in spots]
    return _svg(parts, base + _BOTTOM, title)


def scatter(dots: Sequence[Dot], title: str, x_title: str, y_title: str) -> str:
    """Labelled points; both axes start at zero."""
    most_x, most_y = (max((getattr(dot, axis) for dot in dots), default=1.0) or 1.0 for axis in ("x", "y"))
    inner = WIDTH - _LEFT - 2 * _RIGHT
    base = 2 * _TOP + _PLOT_HEIGHT
    parts = _y_axis(most_y, base)
    parts += [
        _text(_LEFT + inner * share, base + 18, f"{most_x * share:.2g}", anchor="middle", small=True)
        for share in (0.0, 0.5, 1.0)
    ]
    parts.append(_text(_LEFT + inner / 2, base + 36, x_title, anchor="middle", small=True))
    parts.append(_text(_LEFT, _TOP, y_title, small=True))
    spots = [(_LEFT + dot.x / most_x * inner, base - dot.y / most_y * _PLOT_HEIGHT) for dot in dots]
    taken: list[tuple[float, float, float]] = []  # left end, right end and base line of the labels so far
    for (x, y), dot in sorted(zip(spots, dots, strict=True), key=lambda pair: (pair[0][1], pair[0][0])):
        colour = "accent" if dot.strong else "muted"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="var(--{colour})"/>')
        left, right, label_y = x + 9, x + 15 + 6.4 * len(dot.label), y + 4
        while any(left < end and start < right and abs(label_y - line) < 12 for start, end, line in taken) or any(
            left - 3 < spot_x < right and abs(label_y - 4 - spot_y) < 9 for spot_x, spot_y in spots
        ):
            label_y += 3
        taken.append((left, right, label_y))
        parts.append(_text(left, label_y, dot.label, small=True, strong=dot.strong))
    lowest = max([base, *(line for _, _, line in taken)])
    return _svg(parts, lowest + _BOTTOM, title)


def _y_axis(most: float, base: float) -> list[str]:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = base - share * _PLOT_HEIGHT
        parts.append(_segment(_LEFT, y, WIDTH - _RIGHT, y, "grid"))
        parts.append(_text(_LEFT - 8, y + 4, f"{most * share:.3g}", anchor="end", small=True))
    return parts


def _legend(labels: Sequence[str]) -> list[str]:
    parts, x = [], float(_LEFT)
    for place, label in enumerate(labels):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<rect x="{x:.0f}" y="4" width="10" height="10" rx="2" fill="var(--{colour})"/>')
        parts.append(_text(x + 15, 13, label, small=True))
        x += 30 + 6.4 * len(label)
    return parts


def _segment(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="var(--{colour})"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", small: bool = False, strong: bool = False) -> str:
    weight = ' font-weight="600"' if strong else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{11 if small else 13}"{weight} '
        f'fill="var(--ink)">{escape(text)}</text>'
    )


def _svg(parts: Sequence[str], height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
