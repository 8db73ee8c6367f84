"""Svg: the river as a picture; boxes and arrows in, one SVG document out; any thread; no script, no font and no address
in it, so that it may stand anywhere.

Columns are the stages, rows the pipelines. A sink stands beside the middle of the pipelines that lead to it. Texts are
monospaced, because then their width is known without asking a font: 0.602 of the size a character (DejaVu Sans Mono,
Menlo; Consolas and Courier New are narrower).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final, Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from penstock_cli.graph.river import COLUMNS, Arrow, Box, Column, River

Theme = Literal["auto", "light", "dark"]

_EM: Final = 0.602
_TITLE, _NOTE, _HEAD = 13, 11, 11  # sizes of text, in pixels, as are all lengths here
_PAD_X, _PAD_Y, _LINE = 12, 9, 15
_GAP_X, _GAP_Y = 44, 16
_MARGIN, _TOP = 20, 64
_CATCH: Final = 34
"""Room on the right for the arcs to fallbacks, and so much more for each further one."""
_LONGEST: Final = 34
"""Columns of text after which it is cut; the whole text is in the box's tooltip."""

_LIGHT: Final = {
    "page": "#ffffff", "box": "#f6f8fa", "edge": "#d1d9e0", "text": "#1f2328", "note": "#59636e", "flow": "#8aa4c0",
    "catch": "#9a6700", "wrong": "#d1242f", "in": "#0969da", "match": "#1b7c83", "redact": "#8250df",
    "format": "#bc4c00", "sink": "#1a7f37",
}  # fmt: skip
_DARK: Final = {
    "page": "#0d1117", "box": "#151b23", "edge": "#3d444d", "text": "#f0f6fc", "note": "#9198a1", "flow": "#58759b",
    "catch": "#d29922", "wrong": "#f85149", "in": "#4493f8", "match": "#39c5cf", "redact": "#ab7df8",
    "format": "#f0883e", "sink": "#3fb950",
}  # fmt: skip
_COLOURS: Final[Mapping[Column, str]] = {"always": "in", "emit": "in"}
"""Columns that have the colour of another one."""


class _Place(NamedTuple):
    box: Box
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width


def drawn(river: River, theme: Theme = "auto") -> str:
    """Return an SVG document.

    Args:
        river: What to draw.
        theme: Colours for a light page or a dark one; ``auto`` leaves it to who looks at it.
    """
    places = {place.box.key: place for place in _placed(river)}
    catching = [arrow for arrow in river.arrows if arrow.fallback]
    right = max(place.right for place in places.values())
    width = right + _MARGIN + (_CATCH + 10 * (len(catching) - 1) if catching else 0)
    width = max(width, _width(river.title, 15) + 2 * _MARGIN)
    height = max(place.y + place.height for place in places.values()) + _MARGIN
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(river.title)}>',
            f"<style>{_style(theme)}</style>",
            f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
            f'<text class="name" x="{_MARGIN}" y="28">{escape(river.title)}</text>',
            *_heads(list(places.values())),
            *(_flow(places[arrow.start], places[arrow.end]) for arrow in river.arrows if not arrow.fallback),
            *_catches(catching, places),
            *(line for place in places.values() for line in _box(place)),
            "</svg>",
        ]
    )


# -- where everything is ----------------------------------------------------------------------------------------------


def _placed(river: River) -> Iterator[_Place]:
    used: list[Column] = [column for column in COLUMNS if river.column(column)]
    widths = [max(_box_width(box) for box in river.column(column)) for column in used]
    lefts = dict(zip(used, accumulate([_MARGIN, *(width + _GAP_X for width in widths)]), strict=False))
    width_of = dict(zip(used, widths, strict=True))
    middles = _middles(river)
    for column in used:
        boxes = river.column(column)
        wanted = [middles.get(box.key, 0.0) for box in boxes]
        for box, y in zip(boxes, _apart(boxes, wanted), strict=True):
            yield _Place(box, lefts[column], y, width_of[column], _box_height(box))


def _middles(river: River) -> Mapping[str, float]:
    """Return where the middle of each box should be: of a pipeline in its row, of the rest beside what leads to it."""
    ways = [box for box in river.boxes if box.column not in ("in", "always", "sink")]
    rows = sorted({box.row for box in ways})
    heights = [max(_box_height(box) for box in ways if box.row == row) for row in rows]
    tops = list(accumulate([float(_TOP), *(height + _GAP_Y for height in heights)]))
    at = {row: top + height / 2 for row, top, height in zip(rows, tops, heights, strict=False)}
    middles = {box.key: at[box.row] for box in ways}
    centre = (tops[0] + tops[-1] - _GAP_Y) / 2 if rows else _TOP + 40.0
    for box in river.boxes:
        feeding = [middles[arrow.start] for arrow in river.arrows if arrow.end == box.key and arrow.start in middles]
        if box.column == "sink":
            middles[box.key] = sum(feeding) / len(feeding) if feeding else tops[-1] + 20
        elif box.column in ("in", "always"):
            middles[box.key] = centre
    return middles


def _apart(boxes: Sequence[Box], middles: Sequence[float]) -> list[float]:
    """Return the upper edge of each box: near its middle, below the one before it, not above the page."""
    order = sorted(range(len(boxes)), key=lambda at: middles[at])
    heights = [_box_height(boxes[at]) for at in order]
    tops = [middles[at] - height / 2 for at, height in zip(order, heights, strict=True)]
    for one, (above, below) in enumerate(pairwise(tops), 1):
        tops[one] = max(below, max(above, tops[one - 1]) + heights[one - 1] + _GAP_Y)
    # Boxes that all want the same place were pushed downwards: half of it back, as far as the page goes.
    drift = sum(top + height / 2 - middles[at] for at, top, height in zip(order, tops, heights, strict=True))
    back = min(drift / len(tops), min(tops) - _TOP)
    placed = dict(zip(order, (top - back for top in tops), strict=True))
    return [placed[at] for at in range(len(boxes))]


def _width(text: str, size: float) -> float:
    cells = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
    return cells * size * _EM


def _box_width(box: Box) -> float:
    texts = [_width(_cut(box.title), _TITLE), *(_width(_cut(note), _NOTE) for note in box.notes)]
    return max(*texts, _width(COLUMNS[box.column], _HEAD), 40.0) + 2 * _PAD_X


def _box_height(box: Box) -> float:
    return 2 * _PAD_Y + _LINE * (1 + len(box.notes)) - 2


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


# -- how it is drawn --------------------------------------------------------------------------------------------------


def _style(theme: Theme) -> str:
    colours = _DARK if theme == "dark" else _LIGHT
    common = (
        "text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
        f".name{{font-size:15px;font-weight:600}}.head{{font-size:{_HEAD}px}}"
        f".title{{font-size:{_TITLE}px;font-weight:600}}.note{{font-size:{_NOTE}px}}"
        ".box{stroke-width:1}.flow,.catch{fill:none;stroke-width:1.6}.catch{stroke-dasharray:4 3}"
    )
    if theme != "auto":
        return common + _rules(colours)
    return f"{common}{_rules(_LIGHT)}@media(prefers-color-scheme:dark){{{_rules(_DARK)}}}"


def _rules(colours: Mapping[str, str]) -> str:
    stages = "".join(f".{name}-bar{{fill:{colours[name]}}}" for name in ("in", "match", "redact", "format", "sink"))
    return (
        f".page{{fill:{colours['page']}}}.box{{fill:{colours['box']};stroke:{colours['edge']}}}"
        f".name,.title{{fill:{colours['text']}}}.head,.note{{fill:{colours['note']}}}"
        f".flow{{stroke:{colours['flow']}}}.tip{{fill:{colours['flow']}}}"
        f".catch{{stroke:{colours['catch']}}}.catch-tip{{fill:{colours['catch']}}}{stages}"
        f".wrong{{stroke:{colours['wrong']};stroke-width:2}}.wrong-note{{fill:{colours['wrong']}}}"
    )


def _heads(places: Sequence[_Place]) -> Iterator[str]:
    for column, head in COLUMNS.items():
        left = next((place.x for place in places if place.box.column == column), None)
        if left is not None:
            yield f'<text class="head" x="{left:.1f}" y="{_TOP - 12}">{escape(head)}</text>'


def _flow(start: _Place, end: _Place) -> str:
    y1, x2, y2 = start.middle, end.x, end.middle
    near = x2 - 7  # the tip of the arrow
    bend = min((near - start.right) / 2, 60)  # where a column is passed over, it goes straight on before it bends
    half, begin = near - bend, near - 2 * bend
    path = f"M{start.right:.1f} {y1:.1f}H{begin:.1f}C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {near:.1f} {y2:.1f}"
    return f'<path class="flow" d="{path}"/>{_tip("tip", x2, y2, -7)}'


def _catches(arrows: Sequence[Arrow], places: Mapping[str, _Place]) -> Iterator[str]:
    """Yield the arcs to fallbacks, each further out than the one before, so that none hides another."""
    for number, arrow in enumerate(arrows):
        start, end = places[arrow.start], places[arrow.end]
        y1, y2 = start.middle + 9, end.middle - 9
        out = max(start.right, end.right) + _CATCH - 8 + 10 * number
        path = f"M{start.right:.1f} {y1:.1f}C{out:.1f} {y1:.1f} {out:.1f} {y2:.1f} {end.right + 7:.1f} {y2:.1f}"
        yield f'<path class="catch" d="{path}"><title>fallback</title></path>{_tip("catch-tip", end.right, y2, 7)}'


def _tip(name: str, x: float, y: float, back: float) -> str:
    return f'<path class="{name}" d="M{x:.1f} {y:.1f}l{back} -4v8z"/>'


def _box(place: _Place) -> Iterator[str]:
    box = place.box
    colour = _COLOURS.get(box.column, box.column)
    tooltip = "\n".join((box.title, *box.notes))
    at = f'x="{place.x:.1f}" y="{place.y:.1f}"'
    yield f"<g><title>{escape(tooltip)}</title>"
    wrong = " wrong" if box.wrong else ""
    yield f'<rect class="box{wrong}" {at} width="{place.width:.1f}" height="{place.height:.1f}" rx="6"/>'
    yield (
        f'<rect class="{colour}-bar" x="{place.x:.1f}" y="{place.y + 6:.1f}" width="3" '
        f'height="{place.height - 12:.1f}" rx="1.5"/>'
    )
    x, y = place.x + _PAD_X, place.y + _PAD_Y + _TITLE - 2
    yield f'<text class="title" x="{x:.1f}" y="{y:.1f}">{escape(_cut(box.title))}</text>'
    for number, note in enumerate(box.notes, 1):
        name = "note wrong-note" if box.wrong else "note"
        yield f'<text class="{name}" x="{x:.1f}" y="{y + number * _LINE:.1f}">{escape(_cut(note))}</text>'
    yield "</g>"
