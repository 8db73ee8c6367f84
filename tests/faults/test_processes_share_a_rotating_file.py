"""Several processes write to one file that all of them rotate: every line is there, once, and whole."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

import pytest
import table
from form import either
from numbered import numbers_of
from oracle import files_of
from program import running
from sometimes import Sometimes
from trial import Trial, Trials

_PROCESSES: Final = either(4, 8)
_LINES: Final = either(200, 20_000)
_PEERS_LINES: Final = 2_000
_WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {},
    "compressed": {"compress": "gzip"},
    "queued": {"delivery": {"mode": "queued"}},
}


def said_by_all(trial: Trial, **options: Any) -> list[str]:
    """Have some processes write to the file at the same time, wait for their end, and return what they told."""
    with ExitStack() as stack:
        orders = [trial.order(**options, first=worker, end="end_of_main") for worker in range(_PROCESSES)]
        programs = [stack.enter_context(running(order)) for order in orders]
        for program in programs:
            program.go()
        ends = [program.end(either(60, 600)) for program in programs]
        assert ends == [0] * _PROCESSES
        return [program.told() for program in programs]


def mixed(trial: Trial) -> bool:
    """Return whether a file has lines of several processes."""
    return any(len({one.worker for one in numbers_of(data.split(b"\n"))}) > 1 for data in files_of(trial.path))


_RUNS: Final = either(
    [("penstock", "plain")], [("stdlib", "plain"), ("loguru", "plain"), *(("penstock", way) for way in _WAYS)]
)


@pytest.mark.sometimes("a file had lines of several processes", "a file was rotated by several processes")
@pytest.mark.parametrize(("library", "way"), _RUNS)
def test_every_line_is_there_once(trials: Trials, sometimes: Sometimes, library: str, way: str) -> None:
    ours = library == "penstock"
    lines, kept = (_LINES, None) if ours else (_PEERS_LINES, 1_000)
    with trials(workers=_PROCESSES, library=library) as trial:
        told = said_by_all(trial, **_WAYS[way], max_size=20_000, keep=kept, count=lines)
        verdict = trial.verdict()
        sometimes("a file had lines of several processes", ours and mixed(trial))
        sometimes("a file was rotated by several processes", ours and len(trial.archives) > 2)

    figure = f"{verdict.arrived:,} of {verdict.issued:,} lines, {verdict.torn} torn, {verdict.doubled} doubled"
    figure += f", {verdict.disordered} out of order"
    table.note(f"{_PROCESSES} processes on one rotating file, {way}", library, figure)
    if ours:
        table.promise(
            f"{_PROCESSES} processes write {_LINES:,} lines each to one file that all rotate, {way}",
            f"{_PROCESSES * _LINES:,} of {_PROCESSES * _LINES:,}, 0 torn, doubled or out of order",
            figure,
            verdict.clean and verdict.arrived == _PROCESSES * _LINES,
        )
        assert verdict.issued == _PROCESSES * _LINES
        assert verdict.arrived == verdict.issued
        assert verdict.clean, verdict
        assert told == [""] * _PROCESSES
