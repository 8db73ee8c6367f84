r"""Dot: the river for Graphviz; boxes and arrows in, text out; any thread; no name can end a label.

Syntax: https://graphviz.org/doc/info/lang.html. In a quoted text, the quotation mark is escaped; in a label, also the
backslash, which begins `\n`, and `&`, which begins an entity of HTML.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock_cli.graph.river import COLUMNS, Box, River


def drawn(river: River) -> str:
    """Return a digraph in the language of Graphviz."""
    return "\n".join(_lines(river))


def _lines(river: River) -> Iterator[str]:
    yield "digraph penstock {"
    yield "  rankdir=LR"
    yield f'  label={_quoted(river.title)} fontname="sans-serif"'
    yield '  node [shape=box style=rounded fontname="sans-serif" fontsize=11]'
    yield '  edge [fontname="sans-serif" fontsize=9]'
    ids = {box.key: f"n{number}" for number, box in enumerate(river.boxes)}
    for box in river.boxes:
        yield f"  {ids[box.key]} [{_attributes(box)}]"
    for column in COLUMNS:
        boxes = river.column(column)
        if len(boxes) > 1:
            yield f"  {{ rank=same; {'; '.join(ids[box.key] for box in boxes)} }}"
    for arrow in river.arrows:
        how = ' [style=dashed label="fallback" constraint=false]' if arrow.fallback else ""
        yield f"  {ids[arrow.start]} -> {ids[arrow.end]}{how}"
    yield "}"


def _attributes(box: Box) -> str:
    label = "\\n".join(_escaped(line) for line in (box.title, *box.notes))
    wrong = ' color="#d1242f"' if box.wrong else ""
    return f'label="{label}"{wrong}'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
