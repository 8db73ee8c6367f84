"""A call that has returned is a line in the file: SIGKILL takes back none, wherever it strikes, and doubles none."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Mapping
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

from spools import folder_in_memory

_THREADS = 3
_BATCH = 100
_RECOVERY = 300.0
"""Seconds for what all the killed have left."""
_FILE: Final[Mapping[str, Any]] = {"max_size": 100_000, "compress": "gzip"}
_SMALL: Final[Mapping[str, Any]] = {"max_size": 900, "compress": "gzip"}
_ON_ONE_FOLDER = 20
"""Runs one after another in the same folder, each on what the one before left."""


@pytest.fixture
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder for spools, of the kind that is asked for."""
    if request.param == "mapped":
        need("memory-backed files")
        with folder_in_memory() as folder:
            yield folder
    else:
        yield tmp_path / "state"


def killed_at_random(trial: Trial, run: int, options: Mapping[str, Any], env: Mapping[str, str]) -> None:
    """Start a program, and kill it in the midst of what it does."""
    with running(trial.order(**options, first=run * _THREADS, threads=_THREADS), env=env) as program:
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
    # The files of peers are larger: each rotation renames all their archives, and rotating is not what kills here.
    file = _FILE if ours else {"max_size": 1_000_000}
    folders, runs = either((1, 3), (10 if ours else 1, _ON_ONE_FOLDER))
    verdicts = []
    for _ in range(folders):
        with trials(workers=_THREADS * runs, library=library) as trial:
            for run in range(runs):
                killed_at_random(trial, run, file, {})
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
        # The kernel may cut a write at a page; nobody was told that such a line is there.
        kills = folders * runs
        kept = verdict._replace(torn=0).clean and verdict.torn <= kills * _THREADS
        limit = "0 acknowledged lost, 0 doubled; torn is at most the line that each thread was writing"
        table.promise(f"SIGKILL at a random moment, {kills} times, inline", limit, told, kept)
        assert kept, verdict


@pytest.mark.sometimes("a killed program left events to the next start")
@pytest.mark.parametrize("state", ["mapped", "on disk"], indirect=True)
def test_at_a_random_moment_with_a_spool(
    request: pytest.FixtureRequest, trials: Trials, sometimes: Sometimes, state: Path
) -> None:
    # Large enough that nothing gives way.
    delivery = {"mode": "queued", "spool": "2 GB", "batch": _BATCH, "batch_wait": "50 ms"}
    folders, runs = either((1, 3), (10, _ON_ONE_FOLDER))
    verdicts = []
    for folder in range(folders):
        env = {"PENSTOCK__STATE": str(state / str(folder))}
        with trials(workers=_THREADS * runs) as trial:
            for run in range(runs):
                killed_at_random(trial, run, {**_FILE, "delivery": delivery}, env)
            sometimes("a killed program left events to the next start", trial.verdict().missing)
            with running(trial.order(**_FILE, delivery=delivery, threads=0), env=env) as program:
                program.go()
                assert program.end(_RECOVERY) == 0, program.told()
            verdicts.append(trial.verdict())
    verdict = together(verdicts)
    kills = folders * runs
    told = f"{verdict.lost:,} of {verdict.acknowledged:,} acknowledged lost, {verdict.doubled:,} doubled"
    told += f", {verdict.torn:,} torn"
    fault = f"SIGKILL at a random moment, {kills} times, with a spool {request.node.callspec.id}"
    table.note(fault, "penstock", told)
    # The kernel may cut the write of a batch at a page: half a line, which is ended, and comes again with the rest.
    kept = verdict.lost == verdict.invented == verdict.disordered == 0
    kept = kept and verdict.doubled <= kills * _BATCH and verdict.torn <= kills
    limit = "0 acknowledged lost; for each kill at most a batch doubled, and of it one line torn"
    table.promise(fault, limit, told, kept)
    assert kept, verdict


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
    chosen = sample(moments(tmp_path / "calls"), 2)

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
            before = packed(trial)
            program.wait_until(lambda: packed(trial) > before + 2)  # at least one of them from its beginning
    chosen = sample(moments(tmp_path / "calls"), 2)

    for moment in chosen:
        with trials(workers=1) as trial:
            with running(trial.order(**_SMALL, pause=0.005)) as program:
                program.go()
                with injected(archiver_of(program), moment, "signal=KILL"):
                    assert program.end() == -signal.SIGKILL, moment
            done = {path.name.removesuffix(".gz") for path in trial.archives if path.suffix == ".gz"}
            plain = {path.name for path in trial.archives if path.suffix == ".jsonl" and path.stat().st_size}
            sometimes("the kill hit a compression with both forms there", done & plain)
            trial.start_again(**_FILE)
            verdict = trial.verdict()
            assert verdict.clean, (moment, verdict)
    assert {moment.call for moment in moments(tmp_path / "calls")} >= {"write", "fsync", "rename", "unlink", "flock"}
    told = f"nothing lost or doubled at {len(chosen)} of {len(chosen)}"
    table.note("SIGKILL at each system call of a compression", "penstock", told)


def packed(trial: Trial) -> int:
    """Return how many archives are compressed."""
    return sum(path.suffix == ".gz" for path in trial.archives)


def archiver_of(program: Program) -> int:
    """Return the id of the thread that compresses, once there is one."""
    program.wait_until(lambda: len(program.threads()) > 1)
    return program.threads()[1]
