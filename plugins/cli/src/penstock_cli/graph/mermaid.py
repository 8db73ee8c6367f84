"""Mermaid: the river as a flowchart for Markdown; boxes and arrows in, text out; any thread; no name can end a label.

Syntax: https://mermaid.js.org/syntax/flowchart.html, where a character in a label may be its number: `#35;`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock_cli.graph.river import Box, River

_SPECIAL: Final = frozenset('"#&;<>`\\*_~[](){}|$%@:')
"""Each means something in a label, somewhere: as HTML, Markdown or Mermaid's own."""


def drawn(river: River) -> str:
    """Return a Mermaid flowchart."""
    return "\n".join(_lines(river))


def _lines(river: River) -> Iterator[str]:
    ids = {box.key: f"n{number}" for number, box in enumerate(river.boxes)}
    yield "flowchart LR"
    for box in river.boxes:
        start, end = _SHAPES.get(box.column, ("[", "]"))
        yield f'  {ids[box.key]}{start}"{_label(box)}"{end}'
    for arrow in river.arrows:
        line = '-. "fallback" .->' if arrow.fallback else "-->"
        yield f"  {ids[arrow.start]} {line} {ids[arrow.end]}"
    wrong = [ids[box.key] for box in river.boxes if box.wrong]
    if wrong:
        yield "  classDef wrong stroke:#d1242f,stroke-width:2px"
        yield f"  class {','.join(wrong)} wrong"


_SHAPES: Final = {"in": ("([", "])"), "sink": ("[(", ")]")}


def _label(box: Box) -> str:
    return "<br/>".join(f"<b>{_escaped(line)}</b>" if not at else _escaped(line) for at, line in enumerate(_said(box)))


def _said(box: Box) -> Iterator[str]:
    yield box.title
    yield from box.notes


def _escaped(text: str) -> str:
    return "".join(f"#{ord(char)};" if char in _SPECIAL else char for char in text)
