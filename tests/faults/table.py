"""Table: what each fault did to each library; figures in, lines of text out; pytest's process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_figures: Final[dict[str, dict[str, str]]] = {}


def note(fault: str, library: str, figure: str) -> None:
    """Note the figure of a library under a fault."""
    _figures.setdefault(fault, {})[library] = figure


def lines() -> Iterator[str]:
    """Yield the table in Markdown: a fault a line, each library that has a figure for it."""
    yield "| fault | library | figure |"
    yield "|---|---|---|"
    for fault, row in sorted(_figures.items()):
        libraries = sorted(row, key=lambda name: (name != "penstock", name))
        for place, library in enumerate(libraries):
            yield f"| {fault if place == 0 else ''} | {library} | {row[library]} |"
