"""What a call costs whose level nobody wants: ns, one thread, the same five fields."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from bench import contenders
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table
from bench.timing import warm

ROUNDS = 9
_MOST = 1_000_000
ROWS = (
    "nothing",
    "hand-written",
    "penstock",
    "picologging, orjson",
    "stdlib, python-json-logger",
    "structlog, orjson",
    "structlog, through stdlib",
    "loguru",
    "logbook, orjson",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender that has levels."""
    return [Run(measure="disabled", row=name, contender=name, case=Case(wanted=False), seconds=0.15) for name in ROWS]


def run(run: Run, path: Path) -> Outcome:
    """Time the call."""
    contender = contenders.load(run.contender)(path, run.case)
    _, events = warm(contender.emit, run, path, _MOST)
    gc.collect()
    start = perf_counter()
    contender.emit(range(events))
    took = perf_counter() - start
    contender.close()
    return Outcome(figures={"ns": took / events * 1e9}, events=0)


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "A level that nobody wants: ns per call"
    return [Table(title=title, columns=("ns",), found=found, base="stdlib, python-json-logger")]
