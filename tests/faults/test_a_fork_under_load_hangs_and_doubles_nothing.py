"""Processes that fork while their threads log: no fork waits, no child hangs, and every line of parent and children is
there once; without any configuration for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
import table
from capabilities import need
from form import either
from program import Program, into, rotated, running
from sometimes import Sometimes
from trial import Trial, Trials

_FORKS: Final = either(12, 500)
_EACH: Final = 20
_BUSY: Final = 8
_PEERS: Final = [("stdlib", "inline"), ("loguru", "inline"), ("loguru enqueue", "inline")]


def config_of(trial: Trial, way: str) -> Mapping[str, Any]:
    """Return Penstock's configuration."""
    if way == "slow sink":
        return into({"file": {"type": "python:slow:Slow", "path": str(trial.path), "delivery": {"mode": "inline"}}})
    mode = "queued" if way == "queued" else "inline"
    return rotated(trial.path, max_size="100 kB", keep=1_000_000, compress="gzip", delivery={"mode": mode})


def hangs(program: Program, patience: float) -> bool:
    """Return whether a program does not even come to its end."""
    try:
        assert program.end(patience) == 0, program.told()
    except TimeoutError:
        return True
    return False


@pytest.mark.sometimes("a child was forked while threads of its parent wrote")
@pytest.mark.parametrize(
    ("library", "way"),
    [*(("penstock", way) for way in ("inline", "queued", "slow sink")), *either([], _PEERS)],
)
def test_each_child_ends_and_every_line_is_there_once(
    trials: Trials, sometimes: Sometimes, library: str, way: str
) -> None:
    need("fork")
    ours = library == "penstock"
    forks = _FORKS if ours else 100
    with trials(workers=_BUSY + _FORKS, library=library) as trial:
        order = trial.order(
            config=config_of(trial, way),
            threads=_BUSY,
            pause=0.001,
            acknowledge="flush" if way == "queued" else "return",
            patience=30.0 if ours else 5.0,
            more={"forks": forks, "each": _EACH},
        )
        with running(order, "fork") as program:
            program.go()
            hung = hangs(program, 900 if ours else 60)
        report, verdict = program.report, trial.verdict()
        forked = sum(trial.board.issued(worker) > 0 for worker in range(_BUSY, _BUSY + forks))
    fault = f"500 forks (peers 100) under eight busy threads, {way}"
    if hung:
        table.note(fault, library, f"the parent itself hung, after {forked} forks")
        assert not ours
        return
    sometimes("a child was forked while threads of its parent wrote", ours and report["meanwhile"] > 0)
    told = f"{report['hung']} hung, {verdict.lost:,} of {verdict.acknowledged:,} lost, {verdict.doubled} doubled, "
    told += f"fork p99 {report['fork']:.1f} ms"
    table.note(fault, library, told)
    if ours:
        table.promise(
            f"{forks} forks under eight busy threads, {way}",
            "0 hung, 0 doubled",
            told,
            report["hung"] == report["failed"] == 0 and verdict.clean and verdict.arrived == verdict.issued,
        )
        assert (report["hung"], report["failed"]) == (0, 0), report
        assert report["balanced"]
        assert verdict.clean, verdict
        assert verdict.arrived == verdict.issued


@pytest.mark.parametrize("how", either(["fork"], ["fork", "forkserver", "spawn"]))
def test_processes_of_multiprocessing_simply_return(trials: Trials, how: str) -> None:
    need("fork")
    processes = 4
    with trials(workers=1 + processes) as trial:
        with running(trial.order(more={"how": how, "processes": processes, "each": 200}), "family") as program:
            program.go()
            assert program.end() == 0
        verdict = trial.verdict()
    table.note(f"multiprocessing, {how}", "penstock", f"{verdict.arrived:,} of {verdict.issued:,} arrived")
    assert program.report["codes"] == [0] * processes
    assert verdict.clean, verdict
    assert verdict.arrived == (1 + processes) * 200
