"""What each feature adds to an event: the caller, redaction of twenty keys, bound context, an exception."""

from __future__ import annotations

from collections.abc import Sequence

from bench.event import Case
from bench.measures.inline import run
from bench.runs import Run
from bench.table import Found, Table

__all__ = ["ROUNDS", "run", "runs", "tables"]

ROUNDS = 5
CASES = {
    "bare": Case(caller=False),
    "caller": Case(),
    "redaction": Case(redact=True),
    "context": Case(context=True),
    "3 frames": Case(frames=3),
    "30 frames": Case(frames=30),
}
"""Each but the first with the caller, and nothing else."""
ROWS = (
    "hand-written",
    "penstock",
    "stdlib, orjson tuned",
    "stdlib, python-json-logger",
    "structlog, orjson",
    "loguru, orjson sink",
    "logbook, orjson",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender and feature."""
    return [
        Run(measure="features", row=name, column=column, contender=name, case=case, seconds=0.15)
        for name in ROWS
        for column, case in CASES.items()
    ]


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Features: wall µs per event, inline, one thread; exceptions with 3 and 30 frames"
    shown = {row: {column: columns.get(f"{column} wall", ()) for column in CASES} for row, columns in found.items()}
    return [Table(title=title, columns=[*CASES], found=shown, base="hand-written", ratio_of=[*CASES])]
