"""The figures as a picture: bars, the shorter the better, drawn as SVG by hand; medians in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from statistics import median

from bench.table import Found, number

_LEFT, _BAR, _WIDTH, _RIGHT = 230, 22, 430, 60
_OURS, _FLOOR, _THEIRS = "#1f7a5c", "#888888", "#7a93ac"


def draw(panels: Sequence[tuple[str, Found, str]]) -> str:
    """Return an SVG with a panel of bars for each title, its figures and the column that is shown.

    The scale is logarithmic: between the fastest and the slowest are two orders of magnitude.
    """
    shown = [(title, _medians(found, column)) for title, found, column in panels]
    values = [value for _, bars in shown for _, value in bars]
    low, high = min(values, default=1) / 2, max(values, default=1)
    parts: list[str] = []
    top = 0
    for title, bars in shown:
        top += 34
        parts.append(f'<text class="title" x="8" y="{top}">{escape(title)}</text>')
        top += 12
        for row, value in bars:
            parts.append(_bar(row, value, top, log10(value / low) / log10(high / low)))
            top += _BAR
    return _frame(parts, top + 12)


def _medians(found: Found, column: str) -> list[tuple[str, float]]:
    bars = [(row, median(figures[column])) for row, figures in found.items() if figures.get(column)]
    return sorted(bars, key=lambda bar: bar[1])


def _bar(row: str, value: float, top: int, part: float) -> str:
    colour = _OURS if row.startswith("penstock") else _FLOOR if row == "hand-written" else _THEIRS
    width = max(2, round(_WIDTH * part))
    return (
        f'<text class="row" x="{_LEFT - 8}" y="{top + 15}">{escape(row)}</text>'
        f'<rect x="{_LEFT}" y="{top + 3}" width="{width}" height="{_BAR - 6}" fill="{colour}"/>'
        f'<text class="value" x="{_LEFT + width + 6}" y="{top + 15}">{number(value)}</text>'
    )


def _frame(parts: Sequence[str], height: int) -> str:
    width = _LEFT + _WIDTH + _RIGHT
    style = (
        "text{font:13px sans-serif;fill:#666}.title{font-weight:bold;font-size:14px}.row{text-anchor:end}"
        ".value{font-variant-numeric:tabular-nums}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    return "\n".join([head, f"<style>{style}</style>", *parts, "</svg>", ""])
