"""A disk that is full costs lines, each of them counted, and none of them torn; with room again, writing goes on by
itself, and standard error has heard of it in a few lines.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import table
from disks import Disk, RealDisk
from form import FULL, among, either
from oracle import agrees, files_of, judge
from program import Program, into, running
from sometimes import Sometimes
from trial import Trial, Trials

_STDERR = 4_096
"""Bytes that may be said of it in a minute; these tests last less."""
_RECOVERY = 2.0
"""Seconds of the promise; a machine that is busy with other tests may take longer, so that is for the full form."""
_WAYS: Mapping[str, Mapping[str, Any]] = {
    "one thread": {},
    "four threads": {"threads": 4},
    "in the middle of rotations": {"max_size": 20_000},
}
PEERS = ("stdlib", "stdlib queue", "loguru", "loguru enqueue", "structlog")


def until_more_was_said(program: Program, trial: Trial, more: int) -> None:
    """Wait until the program has said *more* events than now."""
    wanted = trial.board.all_issued + more
    program.wait_until(lambda: trial.board.all_issued >= wanted)


def recovery(program: Program, trial: Trial) -> float:
    """Wait until a line arrives, and return how many seconds that took."""
    before, begun = trial.size(), monotonic()
    program.wait_until(lambda: trial.size() > before)
    return monotonic() - begun


def settle(trial: Trial, program: Program, fault: str, after: float) -> None:
    """Judge what is there against what the library says of it."""
    trial.board.stop()
    code, told = program.end(), program.told()
    verdict = trial.verdict()
    figure = f"{verdict.missing:,} of {verdict.issued:,} missing, {verdict.torn} torn"
    figure += f", {program.report['raised']:,} raised, {len(told):,} bytes on stderr, back after {after:.2f} s"
    table.note(fault, trial.library, figure)
    if trial.library != "penstock":
        return
    account = program.report["sinks"]["file"]
    exact = agrees(account, verdict) and verdict.sound and program.report["balanced"]
    table.promise(
        fault,
        f"the law is exact, at most {_STDERR:,} bytes on stderr, back within {_RECOVERY:.0f} s of room",
        f"the law is {'exact' if exact else 'broken'}, {figure}",
        exact and len(told) <= _STDERR and after <= _RECOVERY,
    )
    assert code == 0
    assert program.report["balanced"]
    assert agrees(account, verdict), (account, verdict)
    assert verdict.sound, verdict
    assert program.report["raised"] == 0
    assert len(told) <= _STDERR, told
    if FULL:
        assert after <= _RECOVERY


@pytest.mark.sometimes("the disk was full", "a full disk got room again")
@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("library", among(*PEERS))
def test_a_disk_in_memory(trials: Trials, sometimes: Sometimes, small_disk: Disk, library: str, way: str) -> None:
    small_disk.fill(40_000)
    asked: dict[str, Any] = {"threads": 1, **_WAYS[way]}
    path = small_disk.path / "say.jsonl"
    with (
        trials(workers=4, library=library, path=path) as trial,
        running(trial.order(**asked, pause=0.0005)) as program,
    ):
        program.go()
        program.wait_until(lambda: small_disk.free < 4_096)
        sometimes("the disk was full")
        until_more_was_said(program, trial, either(200, 1_000))
        small_disk.make_room()
        after = recovery(program, trial)
        sometimes("a full disk got room again")
        until_more_was_said(program, trial, 50)
        settle(trial, program, f"a full disk, {way}", after)


@pytest.mark.sometimes("a queue waited for a full disk")
def test_a_queue_waits_for_room_and_loses_nothing(trials: Trials, sometimes: Sometimes, small_disk: Disk) -> None:
    small_disk.fill(40_000)
    with (
        trials(workers=1, path=small_disk.path / "say.jsonl") as trial,
        running(trial.order(delivery={"mode": "queued"}, pause=0.005)) as program,
    ):
        program.go()
        program.wait_until(lambda: "No space left" in program.told())
        until_more_was_said(program, trial, either(100, 4_000))  # in the full form long enough for long backoffs
        sometimes("a queue waited for a full disk")
        small_disk.make_room()
        after = recovery(program, trial)
        until_more_was_said(program, trial, 50)
        settle(trial, program, "a full disk, queued", after)
        assert program.report["sinks"]["file"]["dropped"] == {}


@pytest.mark.sometimes("a file reached its limit", "a limit was lifted")
@pytest.mark.parametrize("library", among(*PEERS))
def test_a_limit_of_the_system_on_the_size_of_files(trials: Trials, sometimes: Sometimes, library: str) -> None:
    with trials(workers=3, library=library) as trial, running(trial.order(threads=3, pause=0.0005)) as program:
        program.go()
        until_more_was_said(program, trial, 50)
        limit = trial.size() + 10_000
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        program.wait_until(lambda: trial.size() >= limit - 4_000)
        until_more_was_said(program, trial, 300)
        sometimes("a file reached its limit")
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        after = recovery(program, trial)
        sometimes("a limit was lifted")
        until_more_was_said(program, trial, 50)
        settle(trial, program, "a limit on the size of files", after)


@pytest.mark.sometimes("the file system turned read-only")
def test_a_disk_that_turns_read_only_goes_to_the_fallback(
    trials: Trials, sometimes: Sometimes, real_disk: RealDisk, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "say.jsonl"
    path = real_disk.path / "say.jsonl"
    sinks = {
        "file": {"type": "file-rotate", "path": str(path), "delivery": {"fallback": "other"}},
        "other": {"type": "file-rotate", "path": str(other)},
    }
    with trials(workers=2, path=path) as trial:
        with running(trial.order(config=into(sinks), threads=2, pause=0.0005)) as program:
            program.go()
            until_more_was_said(program, trial, 100)
            real_disk.fail()
            program.wait_until(other.exists)
            sometimes("the file system turned read-only")
            until_more_was_said(program, trial, 300)
            trial.board.stop()
            assert program.end() == 0
            assert len(program.told()) <= _STDERR
        verdict = judge(trial.board, [*files_of(path), *files_of(other)])
    file, fallback = program.report["sinks"]["file"], program.report["sinks"]["other"]

    assert verdict.clean, verdict
    assert verdict.missing == 0
    assert program.report["balanced"]
    assert file["diverted"] == fallback["delivered"] == sum(file["dropped"].values())
    table.note("a disk that turns read-only, with a fallback", "penstock", f"0 of {verdict.issued:,} missing, 0 torn")
