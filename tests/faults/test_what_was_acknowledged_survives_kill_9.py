"""A call that has returned is a line in the file: SIGKILL takes back none, wherever it strikes, and doubles none."""

from __future__ import annotations

import random
import signal
from collections.abc import Mapping
from pathlib import Path
from time import sleep
from typing import Any, Final

import pytest
import table
from capabilities import need
from form import among, either
from oracle import together
from program import Program, running
from sometimes import Sometimes
from strace import Moment, injected, moments, traced
from trial import Trial, Trials

_THREADS = 3
_FILE: Final[Mapping[str, Any]] = {"max_size": 100_000, "compress": "gzip"}
_SMALL: Final[Mapping[str, Any]] = {"max_size": 900, "compress": "gzip"}
_ON_ONE_FOLDER = 20
"""Runs one after another in the same folder, each on what the one before left."""


def killed_at_random(trial: Trial, run: int) -> None:
    """Start a program, and kill it in the midst of what it does."""
    # The files of peers are larger: each rotation renames all their archives, and rotating is not what kills here.
    file = _FILE if trial.library == "penstock" else {"max_size": 1_000_000}
    with running(trial.order(**file, first=run * _THREADS, threads=_THREADS)) as program:
        begun = trial.board.all_issued
        program.go()
        program.wait_until(lambda: trial.board.all_issued > begun)
        sleep(random.uniform(0.0, 0.1))
        program.kill()


@pytest.mark.sometimes(
    "the kill hit a call",
    "an archive was left for the next start",
    "an archive was half compressed at the kill",
    full=True,
)
@pytest.mark.parametrize("library", among("stdlib", "stdlib queue", "loguru", "loguru enqueue", "structlog"))
def test_at_a_random_moment(trials: Trials, sometimes: Sometimes, library: str) -> None:
    ours = library == "penstock"
    folders, runs = either((1, 3), (10 if ours else 1, _ON_ONE_FOLDER))
    verdicts = []
    for _ in range(folders):
        with trials(workers=_THREADS * runs, library=library) as trial:
            for run in range(runs):
                killed_at_random(trial, run)
                left = {path.suffix for path in trial.archives} if ours else set()
                sometimes("an archive was left for the next start", ".jsonl" in left)
                sometimes("an archive was half compressed at the kill", ".tmp" in left)
            if ours:
                trial.start_again(**_FILE)
            verdicts.append(trial.verdict())

    verdict = together(verdicts)
    sometimes("the kill hit a call", ours and verdict.issued > verdict.acknowledged)
    told = f"{verdict.lost:,} of {verdict.acknowledged:,} acknowledged lost, {verdict.torn:,} torn"
    table.note("SIGKILL at a random moment, 200 times (peers 20)", library, told)
    if ours:
        assert verdict.clean, verdict


def sample(found: list[Moment], few: int) -> list[Moment]:
    """Return all moments of a run, in the reduced form *few* of them, spread over it and other ones each time."""
    return either(found[random.randrange(len(found) // few) :: len(found) // few], found)


@pytest.mark.sometimes("the kill hit a rotation before its move", "the kill hit a rotation after its move", full=True)
def test_at_each_system_call_of_a_rotation(trials: Trials, sometimes: Sometimes, tmp_path: Path) -> None:
    need("strace")
    asked: dict[str, Any] = {**_SMALL, "count": 7, "end": "leave_at_once"}
    with (
        trials(workers=1) as trial,
        running(trial.order(**asked)) as program,
        traced(program.pid, tmp_path / "calls"),
    ):
        program.go()
        assert program.end() == 0
    chosen = sample(moments(tmp_path / "calls"), 4)

    for moment in chosen:
        with trials(workers=1) as trial:
            with running(trial.order(**asked)) as program, injected(program.pid, moment, "signal=KILL"):
                program.go()
                assert program.end() == -signal.SIGKILL, moment
            claimed = any(not path.stat().st_size for path in trial.archives)
            sometimes("the kill hit a rotation before its move", claimed and trial.path.exists())
            sometimes("the kill hit a rotation after its move", not trial.path.exists())
            trial.start_again(**_FILE)
            verdict = trial.verdict()
            assert verdict.clean, (moment, verdict)
    assert {moment.call for moment in moments(tmp_path / "calls")} >= {"write", "openat", "rename", "flock", "close"}
    told = f"nothing lost or doubled at {len(chosen)} of {len(chosen)}"
    table.note("SIGKILL at each system call of a rotation", "penstock", told)


@pytest.mark.sometimes("the kill hit a compression with both forms there", full=True)
def test_at_each_system_call_of_a_compression(trials: Trials, sometimes: Sometimes, tmp_path: Path) -> None:
    need("strace")
    with trials(workers=1) as trial, running(trial.order(**_SMALL, pause=0.005)) as program:
        program.go()
        with traced(archiver_of(program), tmp_path / "calls"):
            archives = len(trial.archives)
            program.wait_until(lambda: len(trial.archives) > archives + 2)
    chosen = sample(moments(tmp_path / "calls"), 4)

    for moment in chosen:
        with trials(workers=1) as trial:
            with running(trial.order(**_SMALL, pause=0.005)) as program:
                program.go()
                with injected(archiver_of(program), moment, "signal=KILL"):
                    assert program.end() == -signal.SIGKILL, moment
            packed = {path.name.removesuffix(".gz") for path in trial.archives if path.suffix == ".gz"}
            plain = {path.name for path in trial.archives if path.suffix == ".jsonl" and path.stat().st_size}
            sometimes("the kill hit a compression with both forms there", packed & plain)
            trial.start_again(**_FILE)
            verdict = trial.verdict()
            assert verdict.clean, (moment, verdict)
    assert {moment.call for moment in moments(tmp_path / "calls")} >= {"write", "fsync", "rename", "unlink", "flock"}
    told = f"nothing lost or doubled at {len(chosen)} of {len(chosen)}"
    table.note("SIGKILL at each system call of a compression", "penstock", told)


def archiver_of(program: Program) -> int:
    """Return the id of the thread that compresses, once there is one."""
    program.wait_until(lambda: len(program.threads()) > 1)
    return program.threads()[1]
