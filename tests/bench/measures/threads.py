"""What four threads at full speed get through together, and what an event costs each of them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measures.inline import run, run_of
from bench.runs import Run
from bench.table import Found, Table

__all__ = ["ROUNDS", "run", "runs", "tables"]

ROUNDS = 5
ROWS = (
    "hand-written",
    "penstock",
    "penstock queued",
    "penstock queued, spool",
    "stdlib, orjson tuned",
    "stdlib, python-json-logger",
    "stdlib, SimpleQueue tuned",
    "stdlib, QueueHandler + JSON",
    "structlog, orjson",
    "loguru, orjson sink",
    "loguru, serialize",
    "logbook, orjson",
)
"""No picologging: it deadlocks."""


def runs() -> Sequence[Run]:
    """Return a run for each contender that bears threads."""
    return [run_of("threads", name, threads=4) for name in ROWS]


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Four threads at full speed: events per second, process CPU in µs per event"
    return [Table(title=title, columns=("events/s", "process CPU"), found=found, base="hand-written")]
