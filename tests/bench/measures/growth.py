"""How the cost of an event grows with its fields, its message, and how deep it is nested."""

from __future__ import annotations

from collections.abc import Sequence

from bench.event import Case
from bench.measures.inline import run
from bench.runs import Run
from bench.table import Found, Table

__all__ = ["ROUNDS", "run", "runs", "tables"]

ROUNDS = 3
ROWS = ("hand-written", "penstock", "stdlib, orjson tuned", "structlog, orjson")
_TABLES = {
    "Fields: wall µs per event": {f"{count}": (12, count, 0) for count in (0, 1, 5, 10, 20, 50)},
    "Message: wall µs per event": {
        "10 B": (10, 5, 0),
        "100 B": (100, 5, 0),
        "1 KiB": (1 << 10, 5, 0),
        "8 KiB": (1 << 13, 5, 0),
        "64 KiB": (1 << 16, 5, 0),
    },
    "Nesting: wall µs per event": {f"{depth} deep": (12, 5, depth) for depth in (0, 1, 3, 5, 10)},
}


def runs() -> Sequence[Run]:
    """Return a run for each contender and shape."""
    return [
        Run(
            measure="growth",
            row=name,
            column=_key(title, column),
            contender=name,
            case=Case(redact=name.startswith("penstock"), shape=shape),
            seconds=0.1,
        )
        for title, shapes in _TABLES.items()
        for column, shape in shapes.items()
        for name in ROWS
    ]


def _key(title: str, column: str) -> str:
    return f"{title.split(':')[0]} {column}"


def tables(found: Found) -> Sequence[Table]:
    """Return a table for each way to grow."""
    return [_table(title, [*shapes], found) for title, shapes in _TABLES.items()]


def _table(title: str, columns: list[str], found: Found) -> Table:
    shown = {
        row: {column: figures.get(f"{_key(title, column)} wall", ()) for column in columns}
        for row, figures in found.items()
    }
    return Table(title=title, columns=columns, found=shown, base="hand-written", ratio_of=columns)
