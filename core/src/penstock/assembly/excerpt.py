"""Excerpt: the line of a file that a problem is about, and a mark beneath what is wrong; a text and a place in, two
lines out; any thread; fails closed: a value that the problem itself does not tell is shown as `…`.

A line of a configuration may hold a secret that nobody declared as one: in an inline table beside the mistake, under a
misspelt key, in a comment. So nothing is shown because it looks harmless.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from penstock.assembly.positions import Place, Positions, Span
from penstock.levels import NAMES

HIDDEN: Final = "…"

_WIDEST: Final = 100
"""Characters of a line that are shown; of a longer one, those around the mark."""
_BEFORE: Final = 30
"""Of these, so many at least are in front of the mark."""

# For a text that is no TOML: what may be shown right of an equals sign. Words that people write for TOML's own.
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null", "nil", *NAMES})
_TOKEN: Final = re.compile(r"#.*|\"[^\"]*\"?|'[^']*'?|[^\s\[\]{}=,\"'#]+")
_LEFT: Final = re.compile(r"\s*(?:\[[^\"'#=]*|[A-Za-z0-9_. \t\"'-]+?(?==))")


class Excerpt(NamedTuple):
    """A line of a text.

    Attributes:
        line: As it is shown.
        marks: Blanks, and carets beneath what is wrong.
    """

    line: str
    marks: str


def excerpt(text: str, positions: Positions, place: Place, told: str, plain: bool = False) -> Excerpt:
    """Return the line of *text*, which is TOML, with what stands at *place*.

    Args:
        text: The whole of it.
        positions: Where everything stands in it.
        place: What is wrong.
        told: What the problem says; only values that are in it are shown.
        plain: Whether what stands at *place* is shown too: it can be no secret.
    """
    start = place.span[0] - place.column + 1
    end = text.find("\n", start)
    line = (start, len(text) if end < 0 else end)

    def shown(span: Span) -> bool:
        inside = place.span[0] <= span[0] and span[1] <= place.span[1]
        return (plain and inside) or _is_told(text[span[0] : span[1]], told)

    return _marked(_pieces(text, line, positions.scalars, shown), place.span)


def excerpt_of_no_toml(text: str, line: int, column: int) -> Excerpt:
    """Return line *line* of *text*, of which a parser said that it is wrong at *column*; both count from one."""
    lines = text.split("\n")
    shown = lines[line - 1].rstrip("\r")
    before = "\n".join(lines[: line - 1])
    within = any(before.count(quotes) % 2 for quotes in ('"""', "'''"))  # a long string: all of it is a value
    left = None if within else _LEFT.match(shown)
    hidden = [
        match.span()
        for match in _TOKEN.finditer(shown, left.end() if left else 0)
        if match[0].lower() not in _WORDS or match[0].startswith("#")
    ]
    at = min(column - 1, len(shown))
    return _marked(_pieces(shown, (0, len(shown)), hidden, lambda span: False), (at, at + 1))


_Piece = tuple[str, Span]
"""What is shown, and what it stands for."""


def _pieces(text: str, line: Span, values: Iterable[Span], shown: Callable[[Span], bool]) -> Iterator[_Piece]:
    """Yield the pieces of *line*, up to a comment; *values*, in order, are shown only if *shown* says so."""
    at, end = line
    for span in _within(values, line):
        first, last = max(span[0], line[0]), min(span[1], end)
        between, comment, _ = text[at:first].partition("#")
        yield between, (at, at + len(between))
        if comment:
            return
        yield (text[first:last] if shown(span) else _hidden(text[first:last])), (first, last)
        at = last
    rest = text[at:end].partition("#")[0]
    yield rest, (at, at + len(rest))


def _within(values: Iterable[Span], line: Span) -> Iterator[Span]:
    values = list(values)
    for span in values[bisect_left(values, line[0], key=lambda span: span[1]) :]:
        if span[0] >= line[1]:
            return
        yield span


def _hidden(value: str) -> str:
    if value.startswith("#"):
        return ""
    quote = value[0] if value[0] in "\"'" else ""
    return f"{quote}{HIDDEN}{quote}"


def _is_told(value: str, told: str) -> bool:
    meant = tomllib.loads(f"value = {value}")["value"]
    if isinstance(meant, str):
        return repr(meant) in told
    return isinstance(meant, bool) or re.search(rf"(?<![\w.]){re.escape(repr(meant))}(?![\w.])", told) is not None


def _marked(pieces: Iterable[_Piece], wrong: Span) -> Excerpt:
    line, first, last = "", None, 0
    for shown, (start, end) in pieces:
        if first is None and (start <= wrong[0] < end or (start == end == wrong[0])):
            first = len(line) + min(wrong[0] - start, len(shown) - 1 if shown else 0)
        if start < wrong[1]:
            last = len(line) + (min(wrong[1] - start, len(shown)) if len(shown) == end - start else len(shown))
        line += shown
    line = line.rstrip()
    first = len(line) if first is None else first
    last = max(first + 1, min(last, len(line)))
    if len(line) > _WIDEST:
        line, first, last = _cut(line, first, last)
    printable = "".join(char if char.isprintable() else " " for char in line)
    return Excerpt(
        printable, " " * _columns(printable[:first]) + "^" * max(1, _columns(printable[first:last]) or last - first)
    )


def _cut(line: str, first: int, last: int) -> tuple[str, int, int]:
    start = max(0, first - _BEFORE)
    lead = HIDDEN if start else ""
    shown = line[start : start + _WIDEST]
    moved = start - len(lead)
    return lead + shown + (HIDDEN if start + _WIDEST < len(line) else ""), first - moved, min(last - moved, len(shown))


def _columns(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
