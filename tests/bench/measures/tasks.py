"""What an event costs in an asyncio program: a hundred tasks in turn, each with a context of its own."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

from bench import contenders
from bench.event import Case, Contender
from bench.runs import Outcome, Run
from bench.table import Found, Table

ROUNDS = 5
_TASKS = 100
_EVENTS = {"quick": 2, "full": 100, "long": 100}
"""Of each task."""
ROWS = (
    "nothing",
    "hand-written",
    "penstock",
    "penstock queued",
    "stdlib, orjson tuned",
    "structlog, orjson",
    "loguru, orjson sink",
)


def runs() -> Sequence[Run]:
    """Return a run for each contender that has a context."""
    return [Run(measure="tasks", row=name, contender=name, case=_case(name)) for name in ROWS]


def _case(name: str) -> Case:
    return Case(context=name != "nothing", redact=name.startswith("penstock"), wanted=name != "nothing")


def run(run: Run, path: Path) -> Outcome:
    """Let the tasks run, and take the time of all of them."""
    contender = contenders.load(run.contender)(path, run.case)
    share = _EVENTS[run.length]
    asyncio.run(turns(contender, run.case, 0, share))
    events = _TASKS * share
    gc.collect()
    start = perf_counter()
    asyncio.run(turns(contender, run.case, events, share))
    took = perf_counter() - start
    contender.close()
    return Outcome(figures={"wall": took / events * 1e6}, events=2 * events if run.case.wanted else 0)


async def turns(contender: Contender, case: Case, first: int, share: int) -> None:
    """Run all tasks; they come in turn, so the events do, too."""

    async def work(index: int) -> None:
        with contender.bound() if case.context else nullcontext():
            for turn in range(share):
                contender.emit((first + turn * _TASKS + index,))
                await asyncio.sleep(0)

    await asyncio.gather(*(work(index) for index in range(_TASKS)))


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "A hundred asyncio tasks with a context each: wall µs per event, asyncio's own work included"
    return [Table(title=title, columns=("wall",), found=found, base="hand-written")]
