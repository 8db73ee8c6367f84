"""However a program ends, what it said is where it belongs; what it says once the sinks are closed is on standard
error; and it does end.
"""

from __future__ import annotations

import re
import signal
from typing import Final

import pytest
import table
from form import among, either
from numbered import text
from oracle import Verdict, files_of, judge
from program import running
from sometimes import Sometimes
from trial import Trial, Trials

_INTERRUPTED: Final = {1, 130, -signal.SIGINT}
_CODES: Final = {
    "end_of_main": {0},
    "sys_exit": {0},
    "sys_exit_in_a_thread": {0},
    "exception_in_main": {1},
    "interrupt": _INTERRUPTED,
    "sigterm": {-signal.SIGTERM},
    "sigterm_handled": {0},
    "late_words": {0},
    "last_words": {0},
    "leave_at_once": {0},
    "abort": {-signal.SIGABRT},
}
_WITHOUT_PYTHON: Final = ("sigterm", "leave_at_once", "abort")
"""Ends that give no library a chance: what waits in memory is gone."""
_ENDS: Final = [
    *(("inline", end) for end in either(("sigterm", "abort", "last_words"), _CODES)),
    *(
        ("queued", end)
        for end in either(("sigterm_handled", "late_words", "exception_in_main"), _CODES)
        if end not in _WITHOUT_PYTHON
    ),
]


def told_numbers(told: str) -> bytes:
    """Return what was said on standard error as lines; there, a long one is cut."""
    found = re.findall(r"<(\d+)\.(\d+)\.", told)
    return b"".join(f"2026-{text(int(worker), int(number))}\n".encode() for worker, number in found)


def verdict_of(trial: Trial, told: str) -> Verdict:
    """Judge the file and standard error together."""
    return judge(trial.board, [*files_of(trial.path), told_numbers(told)])


@pytest.mark.parametrize(("mode", "end"), _ENDS)
def test_by_itself(trials: Trials, mode: str, end: str) -> None:
    with trials(workers=3) as trial:
        order = trial.order(max_size=50_000, compress="gzip", delivery={"mode": mode}, threads=3, count=700, end=end)
        with running(order) as program:
            program.go()
            code, told = program.end(), program.told()
        if end in _WITHOUT_PYTHON:
            trial.start_again(max_size=50_000, compress="gzip")  # the archiver died in the middle of its work
        verdict = verdict_of(trial, told)
        assert told_numbers(told).count(b"\n") == (10 if end == "last_words" else 0)
    assert code in _CODES[end]
    assert verdict.clean, verdict
    assert verdict.arrived == 2_100 + (10 if "words" in end else 0)


@pytest.mark.sometimes("a daemon thread said something when the sinks were closed", full=True)
@pytest.mark.parametrize("mode", ["inline", "queued"])
@pytest.mark.parametrize("end", either(["end_of_main"], ["end_of_main", "exception_in_main", "sigterm_handled"]))
def test_under_daemon_threads_that_go_on(trials: Trials, sometimes: Sometimes, mode: str, end: str) -> None:
    for _ in range(either(1, 10)):
        with trials(workers=4) as trial:
            order = trial.order(
                max_size=50_000,
                compress="gzip",
                delivery={"mode": mode},
                threads=4,
                daemon=True,
                end=end,
                more={"until": 500},
            )
            with running(order) as program:
                program.go()
                code, told = program.end(), program.told()
            verdict = verdict_of(trial, told)
        sometimes("a daemon thread said something when the sinks were closed", told_numbers(told))
        assert code in _CODES[end]
        assert "Fatal Python error" not in told
        assert verdict.sound, verdict
        assert verdict.lost <= verdict.told, verdict  # four threads can say more than a queue holds, which tells of it


@pytest.mark.parametrize("library", among("stdlib", "stdlib queue", "loguru", "loguru enqueue", "structlog"))
def test_what_a_normal_end_leaves(trials: Trials, library: str) -> None:
    with trials(workers=1, library=library) as trial:
        with running(trial.order(count=5_000, delivery={"mode": "queued"}, end="end_of_main")) as program:
            program.go()
            program.end()
        verdict = trial.verdict()
    table.note("a normal end after 5,000 events, queued", library, f"{verdict.arrived:,} arrived")
    if library == "penstock":
        assert verdict.clean, verdict
        assert verdict.arrived == 5_000
