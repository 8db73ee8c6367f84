"""How many events a second reach one file that 1, 2 and 4 processes write to at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from time import perf_counter

from bench import contenders
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table

ROUNDS = 3
_PROCESSES = (1, 2, 4)
_EVENTS = 5_000
ROWS = ("hand-written", "penstock", "penstock queued", "stdlib, orjson tuned", "stdlib, python-json-logger")


def runs() -> Sequence[Run]:
    """Return a run for each contender and number of processes."""
    return [
        Run(
            measure="processes",
            row=name,
            column=str(count),
            contender=name,
            case=Case(redact=name.startswith("penstock")),
            threads=count,
        )
        for count in _PROCESSES
        for name in ROWS
    ]


def run(run: Run, path: Path) -> Outcome:
    """Start the processes, let them emit at once, and wait for the last."""
    spawn = multiprocessing.get_context("spawn")
    share = (200 if run.length == "quick" else _EVENTS) // run.threads
    barrier, times = spawn.Barrier(run.threads), spawn.SimpleQueue()
    workers = [
        spawn.Process(target=write, args=(run, path, share, index, barrier, times)) for index in range(run.threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, worker.exitcode
    started, ended = zip(*(times.get() for _ in workers), strict=True)
    events = share * run.threads
    return Outcome(figures={run.column: events / (max(ended) - min(started))}, events=events)


def write(
    run: Run, path: Path, share: int, index: int, barrier: Barrier, times: SimpleQueue[tuple[float, float]]
) -> None:
    """Emit this process's share, and tell when that was; all processes of a machine read one clock."""
    contender = contenders.load(run.contender)(path, run.case)
    barrier.wait()
    start = perf_counter()
    contender.emit(range(share * index, share * (index + 1)))
    contender.close()
    times.put((start, perf_counter()))


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    columns = [str(count) for count in _PROCESSES]
    title = "Processes that write one file: events per second, warm-up and shutdown included"
    return [Table(title=title, columns=columns, found=found, base="hand-written", ratio_of=columns)]
