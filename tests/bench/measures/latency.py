"""How long single calls take: the middle, the tail and the worst, at full speed and at 10,000 a second, when all is
well and when what writes hangs.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter_ns, sleep

from bench import contenders
from bench.event import Case, Unsupported, emitter
from bench.runs import Outcome, Run
from bench.table import Found, Table
from bench.timing import WARM, in_threads, shares, warm

ROUNDS = 5
COLUMNS = ("p50", "p99", "p99.9", "max")
_RATE = 10_000
"""Events a second: a busy service, and slow enough for the caches to go cold in between."""
_WAITING = 20_000
"""At most so many events at once in front of what hangs: peers keep all of them in memory."""
_HEALTHY = (
    "hand-written",
    "penstock",
    "penstock queued",
    "penstock queued, spool",
    "picologging, orjson",
    "picologging, SimpleQueue",
    "stdlib, orjson tuned",
    "stdlib, python-json-logger",
    "stdlib, SimpleQueue tuned",
    "stdlib, QueueHandler + JSON",
    "structlog, orjson",
    "loguru, serialize",
    "loguru, enqueue",
)
_HUNG = (
    "penstock queued",
    "penstock queued, spool",
    "picologging, SimpleQueue",
    "stdlib, SimpleQueue tuned",
    "stdlib, QueueHandler + JSON",
)
"""What writes at once waits with its sink, by its nature; loguru's queue is a pipe, and waits when that is full."""
_TITLES = {
    "full": "at full speed, one thread",
    "threads": "at full speed, four threads",
    "paced": f"at {_RATE:,} a second, one thread",
    "hung full": "at full speed, one thread, what writes hangs",
    "hung paced": f"at {_RATE:,} a second, one thread, what writes hangs",
}


def runs() -> Sequence[Run]:
    """Return a run for each contender and situation."""
    return [_run(name, column) for column in _TITLES for name in (_HUNG if "hung" in column else _HEALTHY)]


def _run(name: str, column: str) -> Run:
    case = Case(redact=name.startswith("penstock"), hung="hung" in column)
    threads = 4 if column == "threads" else 1
    seconds = 1.0 if "paced" in column else 0.3
    return Run(measure="latency", row=name, column=column, contender=name, case=case, threads=threads, seconds=seconds)


def run(run: Run, path: Path) -> Outcome:
    """Emit while a clock looks at each call."""
    if run.threads > 1 and run.contender.startswith("picologging"):
        raise Unsupported("four threads: it deadlocks")
    contender = contenders.load(run.contender)(path, run.case)
    emit = emitter(contender, run.case)
    first, events = (WARM[run.length], _WAITING) if run.case.hung else warm(emit, run, path)
    if run.case.hung:
        emit(range(first))
    if "paced" in run.column:
        events = int(_RATE * run.seconds)
    gap = 1_000_000_000 // _RATE if "paced" in run.column else 0
    clocks = [CallClock(numbers, gap) for numbers in shares(first, events, run.threads)]
    gc.collect()
    in_threads(emit, clocks) if run.threads > 1 else emit(clocks[0])
    contender.close()
    took = sorted(time for clock in clocks for time in clock.took)
    figures = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return Outcome(
        figures={f"{run.column} {name}": percentile(took, part) for name, part in figures.items()},
        events=None if run.case.hung else first + len(took),
    )


class CallClock:
    """Numbers for a loop that emits, and the nanoseconds that the loop spent with each."""

    def __init__(self, numbers: range, gap: int) -> None:
        self._numbers = numbers
        self._gap = gap
        self.took = array("q", bytes(8 * len(numbers)))

    def __iter__(self) -> Iterator[int]:
        return self._paced() if self._gap else self._at_once()

    def _at_once(self) -> Iterator[int]:
        took = self.took
        for index, number in enumerate(self._numbers):
            start = perf_counter_ns()
            yield number
            took[index] = perf_counter_ns() - start

    def _paced(self) -> Iterator[int]:
        took, due = self.took, perf_counter_ns()
        for index, number in enumerate(self._numbers):
            due += self._gap
            early = due - perf_counter_ns()
            if early > 0:
                sleep(early / 1e9)
            start = perf_counter_ns()
            yield number
            took[index] = perf_counter_ns() - start


def percentile(took: Sequence[int], part: float) -> float:
    """Return the microseconds that *part* of the sorted times stay below."""
    return took[min(len(took) - 1, int(len(took) * part))] / 1_000


def tables(found: Found) -> Sequence[Table]:
    """Return a table for each situation."""
    return [
        Table(title=f"Latency in µs, {title}", columns=COLUMNS, found=part(found, column), runs=(column,))
        for column, title in _TITLES.items()
    ]


def part(found: Found, column: str) -> Found:
    """Return the figures of one situation."""
    rows = _HUNG if "hung" in column else _HEALTHY
    return {row: {name: found.get(row, {}).get(f"{column} {name}", ()) for name in COLUMNS} for row in rows}
