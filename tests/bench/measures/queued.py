"""What an event costs the caller, and the process, when another thread writes it: one thread, caller information."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measures.inline import COLUMNS, run, run_of
from bench.runs import Run
from bench.table import Found, Table

__all__ = ["ROUNDS", "run", "runs", "tables"]

ROUNDS = 9
ROWS = (
    "penstock queued",
    "penstock queued, spool",
    "picologging, SimpleQueue",
    "picologging, QueueHandler",
    "stdlib, SimpleQueue tuned",
    "stdlib, QueueHandler + JSON",
    "structlog, QueueHandler",
    "loguru, enqueue",
    "logbook, its thread",
    "OpenTelemetry, emit, batch",
    "OpenTelemetry, handler, batch",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender that lets a worker write."""
    return [run_of("queued", name) for name in ROWS]


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Queued: µs per event, one thread, with the caller"
    return [Table(title=title, columns=COLUMNS, found=found, base="penstock queued", ratio_of=COLUMNS[:3])]
