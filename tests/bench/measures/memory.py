"""What an event costs in memory while it waits for a sink that hangs, and what becomes of memory over many events."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import penstock
from bench import contenders
from bench.contenders.penstock import Penstock
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table

ROUNDS = 3
_WAITING = 30_000
_BEFORE = 1_000
_EVENTS = {"quick": 20_000, "full": 300_000, "long": 10_000_000}
_WAITERS = (
    "penstock queued",
    "penstock queued, spool",
    "picologging, SimpleQueue",
    "stdlib, SimpleQueue tuned",
    "stdlib, QueueHandler + JSON",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender that queues, and one for each way of Penstock."""
    waiting = [
        Run(
            measure="memory",
            row=name,
            column="waiting",
            contender=name,
            case=Case(redact=name.startswith("penstock"), hung=True),
        )
        for name in _WAITERS
    ]
    return [*waiting, *(Run(measure="memory", row=mode, column="lasting") for mode in ("inline", "queued"))]


def run(run: Run, path: Path) -> Outcome:
    """Do one of the two."""
    return wait(run, path) if run.column == "waiting" else last(run, path)


def wait(run: Run, path: Path) -> Outcome:
    """Emit in front of a sink that hangs, and look what the process needs for each event that waits."""
    contender = contenders.load(run.contender)(path, run.case)
    contender.emit(range(_BEFORE))
    gc.collect()
    before = resident()
    contender.emit(range(_WAITING))
    gc.collect()
    grown = resident() - before
    if run.contender.startswith("penstock"):
        assert penstock.ledger()["file"].pending == _BEFORE + _WAITING, penstock.ledger()
    contender.close()
    return Outcome(figures={"bytes": grown / _WAITING})


class Rotating(Penstock):
    """Penstock with files that rotate, so that no disk is filled."""

    delivery: ClassVar[dict[str, object]] = {"when_full": "block"}

    def __init__(self, path: Path, mode: str) -> None:
        self._mode = mode
        super().__init__(path, Case(redact=True))

    def table(self, path: Path, case: Case) -> dict[str, Any]:
        """Return the configuration."""
        table = super().table(path, case)
        table["sink"]["file"].update(max_size="50 MB", keep=1)
        table["sink"]["file"]["delivery"]["mode"] = self._mode
        return table


def last(run: Run, path: Path) -> Outcome:
    """Emit for a long time, and look how much more memory there is than at the beginning."""
    contender = Rotating(path, run.row)
    events = _EVENTS[run.length]
    contender.emit(range(events // 10))
    gc.collect()
    before = resident()
    contender.emit(range(events))
    gc.collect()
    after = resident()
    contender.close()
    assert penstock.ledger()["file"].delivered == events + events // 10, penstock.ledger()
    return Outcome(figures={"events": events, "before, MB": before / 1e6, "after, MB": after / 1e6})


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def tables(found: Found) -> Sequence[Table]:
    """Return a table for each of the two."""
    waiting = {row: figures for row, figures in found.items() if row in _WAITERS}
    lasting = {row: figures for row, figures in found.items() if row not in _WAITERS}
    return [
        Table(
            title="Memory of an event that waits, in bytes",
            columns=("bytes",),
            found=waiting,
            base="penstock queued",
            runs=("waiting",),
        ),
        Table(title="Resident memory", columns=("events", "before, MB", "after, MB"), found=lasting),
    ]
