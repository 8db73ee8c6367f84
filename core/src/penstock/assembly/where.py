"""Where: the line of a document behind something; a document and keys in, a place out; any thread; what nobody wrote,
or what stands in no text, has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from penstock.assembly.config import Document


class Where(NamedTuple):
    """Where something was said."""

    file: str | None = None
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1, in characters."""
    text: str = ""
    """The line itself, without what is around it."""
    variable: str | None = None
    """Name of the variable of the environment that said it."""

    def __str__(self) -> str:
        if self.variable is not None:
            return f"${self.variable}"
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


def where(document: Document, keys: Iterable[str | int]) -> Where:
    """Return where *keys* are said in *document*, or the table around them."""
    origin = document.origin(keys)
    place = origin.key or origin.value
    if place is None or origin.source is None:
        return Where(file=origin.file, variable=origin.variable)
    lines = origin.source.text.split("\n")
    return Where(origin.file, place.line, place.column, lines[place.line - 1].strip())
