"""A sink that has nothing to do gets an event as soon as it is said: a queue costs the caller nothing, and readers no
time either.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns
from typing import Final

import pytest
import table
from form import FULL, among, either
from numbered import whole
from program import PATIENCE, Program, into, running
from trial import Trial, Trials

_COUNT: Final = either(8, 100)
_PAUSE: Final = 0.25
"""Seconds between two events: a sink is busy for its `batch_wait`, 200 ms unless configured, and idle from then on."""
_MILLISECONDS: Final = 10
_GENEROUS: Final = 5_000
"""Milliseconds of the reduced form, in which other tests run at the same time."""
_TRIES: Final = either(1, 5)
"""How often it is measured at most; the best counts."""


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A named pipe, and the descriptor that reads it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)  # also for writing: writers come and go
    yield path, fd
    os.close(fd)


def arrivals(fd: int, count: int) -> dict[int, int]:
    """Read *count* events and return, by their numbers, when each was there."""
    came: dict[int, int] = {}
    rest = b""
    while len(came) < count:
        ready, _, _ = select.select([fd], [], [], PATIENCE)
        assert ready, f"only {len(came)} of {count} arrived"
        rest += os.read(fd, 1_000_000)
        now = monotonic_ns()
        *lines, rest = rest.split(b"\n")
        for line in lines:
            number = whole(line)
            assert number is not None, line
            assert number.number not in came
            came[number.number] = now
    return came


def delay(trial: Trial, fd: int) -> float:
    """Return how many milliseconds 95 of 100 events take from the call to a reader at most."""
    config = into({"file": {"type": "python:pipe:Pipe", "path": str(trial.path), "delivery": {"mode": "queued"}}})
    with running(trial.order(config=config, count=_COUNT, pause=_PAUSE), "ticking") as program:
        program.go()
        came = arrivals(fd, _COUNT)
        said = said_by(program)
    delays = sorted(came[number] - moment for number, moment in enumerate(said))
    return delays[int(0.95 * _COUNT)] / 1e6


def said_by(program: Program) -> list[int]:
    """Return when the program said each."""
    assert program.end() == 0, program.told()
    moments: list[int] = program.report["moments"]
    return moments


@pytest.mark.parametrize("library", among("stdlib queue", "loguru enqueue"))
def test_from_the_call_to_a_reader(trials: Trials, pipe: tuple[Path, int], library: str) -> None:
    path, fd = pipe
    best = float("inf")
    for _ in range(_TRIES):
        with trials(workers=1, path=path, library=library) as trial:
            best = min(best, delay(trial, fd))
        if best < _MILLISECONDS:
            break
    table.note("an event for a queue that is idle, from the call to a reader", library, f"p95 {best:.2f} ms")
    if library == "penstock":
        claim = "an event for a queued sink that is idle is delivered"
        table.promise(claim, f"within {_MILLISECONDS} ms (p95)", f"{best:.2f} ms", best < _MILLISECONDS)
        assert best < (_MILLISECONDS if FULL else _GENEROUS)
