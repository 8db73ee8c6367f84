"""Tables: medians of rounds, and ratios to one row, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

Found = Mapping[str, Mapping[str, Sequence[float]]]
"""By row, by column: a figure for each round."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of figures.

    Attributes:
        title: What was measured, with its unit.
        columns: Names, in order.
        found: By row, by column: a figure for each round.
        base: The row that the others are compared with; none if empty.
        notes: By row, what must be known of it; a row without figures has its reason here.
        ratio_of: The columns that get a ratio; the first if empty.
        runs: The columns of the runs whose notes belong here; all if empty.
    """

    title: str
    columns: Sequence[str]
    found: Found
    base: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    ratio_of: Sequence[str] = ()
    runs: Sequence[str] = ()

    def cells(self) -> list[list[str]]:
        """Return a header and a line for each row."""
        shown = [column for column in self.columns for _ in range(1 + self._has_ratio(column))]
        header = ["", *(name if index == shown.index(name) else "ratio" for index, name in enumerate(shown)), ""]
        return [header, *(self._line(row) for row in self.found)]

    def _has_ratio(self, column: str) -> bool:
        return bool(self.base) and column in (self.ratio_of or self.columns[:1])

    def _line(self, row: str) -> list[str]:
        line = [row]
        for column in self.columns:
            values = self.found.get(row, {}).get(column, ())
            line.append(number(median(values)) if values else "-")
            if self._has_ratio(column):
                line.append(self._ratio(row, column))
        return [*line, self.notes.get(row, "")]

    def _ratio(self, row: str, column: str) -> str:
        found = ratio(self.found, row, self.base, column)
        return "-" if found is None else f"{found:.2f}"


def ratio(found: Found, row: str, base: str, column: str) -> float | None:
    """Return how many times *base*'s figure *row*'s is: the median over the rounds, each compared within itself.

    A machine that is slower for one round is slower for both.
    """
    ours, theirs = found.get(row, {}).get(column, ()), found.get(base, {}).get(column, ())
    pairs = [one / other for one, other in zip(ours, theirs, strict=False) if other]
    return median(pairs) if pairs else None


def number(value: float) -> str:
    """Return *value* with three digits that mean something."""
    if value >= 100_000:
        return f"{value / 1000:,.0f}k"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def as_text(table: Table) -> str:
    """Return *table* for a terminal."""
    return "\n".join([f"## {table.title}", *columns_of(table.cells())])


def columns_of(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return *lines* with their cells under each other: the first and the last to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:-1], widths[1:-1]), line[-1]]).rstrip()
        for line in lines
    ]


def as_markdown(table: Table) -> str:
    """Return *table* for the documentation."""
    lines = table.cells()
    return markdown_rows(lines if any(line[-1] for line in lines) else [line[:-1] for line in lines])


def markdown_rows(lines: Sequence[Sequence[str]]) -> str:
    """Return *lines* as a Markdown table, the first as its head."""
    rule = ["---", *("--:" for _ in lines[0][1:-1]), "---"]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))
