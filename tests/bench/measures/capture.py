"""What the standard library's logging costs through capture, beside its own formatters; plain, and with exceptions."""

from __future__ import annotations

from collections.abc import Sequence

from bench.event import Case
from bench.measures.inline import run
from bench.runs import Run
from bench.table import Found, Table

__all__ = ["ROUNDS", "run", "runs", "tables"]

ROUNDS = 9
COLUMNS = {"plain": 0, "3 frames": 3, "30 frames": 30}
ROWS = (
    "stdlib, python-json-logger",
    "stdlib, orjson tuned",
    "stdlib, text",
    "penstock, capture",
    "penstock queued, capture",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender, without and with exceptions."""
    return [
        Run(
            measure="capture",
            row=name,
            column=column,
            contender=name,
            case=Case(redact=name.startswith("penstock"), frames=frames),
            seconds=0.2,
        )
        for column, frames in COLUMNS.items()
        for name in ROWS
        if not (frames and name == "stdlib, text")
    ]


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Stdlib logging, as it is and through capture: wall µs per event"
    shown = {row: {column: figures.get(f"{column} wall", ()) for column in COLUMNS} for row, figures in found.items()}
    return [Table(title=title, columns=[*COLUMNS], found=shown, base="stdlib, python-json-logger", ratio_of=[*COLUMNS])]
