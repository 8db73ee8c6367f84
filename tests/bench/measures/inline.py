"""What an event costs that is in the file when the call returns: one thread, caller information, one file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from bench import contenders
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table
from bench.timing import time_events

ROUNDS = 9
COLUMNS = ("wall", "caller CPU", "process CPU", "events/s")
ROWS = (
    "hand-written",
    "penstock",
    "picologging, orjson",
    "stdlib, orjson tuned",
    "stdlib, text",
    "stdlib, python-json-logger",
    "structlog, orjson",
    "structlog, usual",
    "structlog, through stdlib",
    "loguru, orjson sink",
    "loguru",
    "loguru, serialize",
    "eliot, orjson",
    "eliot",
    "logbook, orjson",
    "logbook, text",
    "OpenTelemetry, emit",
    "OpenTelemetry, handler",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender that writes at once."""
    return [run_of("inline", name) for name in ROWS]


def run_of(measure: str, name: str, threads: int = 1) -> Run:
    """Return a run of the contender *name*; Penstock also redacts, whatever the others do."""
    case = Case(redact=name.startswith("penstock"))
    return Run(measure=measure, row=name, contender=name, case=case, threads=threads)


def run(run: Run, path: Path) -> Outcome:
    """Time the contender."""
    contender = contenders.load(run.contender)(path, run.case)
    with contender.bound() if run.case.context else nullcontext():
        figures, events = time_events(contender, run, path)
    return Outcome(figures={f"{run.column} {name}".strip(): value for name, value in figures.items()}, events=events)


def tables(found: Found) -> Sequence[Table]:
    """Return one table; the ratio of CPU times is right on a busy machine, too."""
    title = "Inline: µs per event, one thread, with the caller"
    return [Table(title=title, columns=COLUMNS, found=found, base="hand-written", ratio_of=COLUMNS[:2])]
