"""Others may rotate, move, delete or replace the file: every line is in one of the files that were in its place, once;
and nothing is written through a link that somebody put there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import table
from capabilities import missing
from form import among, either
from logrotate import Logrotate
from oracle import files_of, judge
from program import PATIENCE, Program, into, running
from sometimes import Sometimes
from trial import Trial, Trials

_TIMES: Final = either(3, 50)
_FASTEST: Final = 200
"""Lines between two rotations from outside: in much less than the second in which the sink looks."""


def more(program: Program, trial: Trial, count: int) -> None:
    """Wait until *count* more lines were said than now."""
    wanted = trial.board.all_acknowledged + count
    program.wait_until(lambda: trial.board.all_acknowledged >= wanted, either(PATIENCE, 600))


def noticed(program: Program, trial: Trial) -> None:
    """Wait until lines arrive in the place of the file again."""
    program.wait_until(lambda: trial.path.is_file() and not trial.path.is_symlink() and trial.lines() > 2)


def finish(program: Program, trial: Trial) -> None:
    """Have the program end; for Penstock, what its ledger says must be exact."""
    trial.board.stop()
    assert program.end() == 0, program.told()
    if trial.library == "penstock":
        assert program.report["balanced"]
        assert program.report["sinks"]["file"]["accepted"] == trial.board.all_issued
        assert program.report["raised"] == 0


@pytest.mark.sometimes("logrotate came while lines were being written")
@pytest.mark.parametrize("library", among("stdlib", "loguru"))
def test_logrotate_with_create(trials: Trials, sometimes: Sometimes, library: str) -> None:
    with trials(workers=2, library=library) as trial:
        with running(trial.order(threads=2, pause=0.0005)) as program:
            program.go()
            more(program, trial, 50)
            rotator = Logrotate(trial.path, "create", real=not missing("logrotate"))
            for _ in range(_TIMES):
                rotator.rotate()
                more(program, trial, _FASTEST)
            noticed(program, trial)
            finish(program, trial)
        verdict = trial.verdict()
        sometimes("logrotate came while lines were being written", sum(map(bool, files_of(trial.path))) > 1)

    figure = f"{verdict.lost:,} of {verdict.issued:,} lost, {verdict.torn} torn"
    table.note(f"logrotate with create, {either(3, 50)} times", library, figure)
    if library == "penstock":
        assert verdict.clean, verdict


@pytest.mark.parametrize("library", among("stdlib", "loguru", "structlog"))
def test_logrotate_with_copytruncate_leaves_no_hole_and_tears_nothing(trials: Trials, library: str) -> None:
    with trials(workers=2, library=library) as trial:
        with running(trial.order(threads=2, pause=0.0005)) as program:
            program.go()
            more(program, trial, 50)
            rotator = Logrotate(trial.path, "copytruncate", real=not missing("logrotate"))
            for _ in range(_TIMES):
                rotator.rotate()
                more(program, trial, _FASTEST)
            finish(program, trial)
        holes = sum(data.count(b"\0") for data in files_of(trial.path))
        verdict = trial.verdict()

    figure = (
        f"{verdict.lost:,} of {verdict.issued:,} lost in the window of the method, {verdict.torn} torn, {holes} NUL"
    )
    table.note(f"logrotate with copytruncate, {either(3, 50)} times", library, figure)
    if library == "penstock":
        assert holes == 0
        # What is copied in the middle of a write is half a line in the copy: the method's, not the writer's.
        assert (verdict.doubled, verdict.invented, verdict.disordered) == (0, 0, 0)


class Place:
    """The place of a file, from which somebody takes what is there; it stays readable, whatever becomes of its name.

    Attributes:
        path: The place.
        taken: Descriptors of what was taken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken: list[int] = []
        self.victim = path.with_name("victim")
        self.victim.write_text("unchanged")

    def take(self, remove: Callable[[Path], object]) -> bool:
        """Take what is there, if something is."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        self.taken.append(fd)
        remove(self.path)
        return True

    def move(self, path: Path) -> None:
        """Move it to another folder."""
        path.rename(path.with_name(f"moved-{len(self.taken)}"))

    def contents(self) -> list[bytes]:
        """Return what is in everything that was taken, the oldest first."""
        return [os.pread(fd, os.fstat(fd).st_size, 0) for fd in self.taken]

    def close(self) -> None:
        """Let go of it."""
        for fd in self.taken:
            os.close(fd)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "place").mkdir()
    made = Place(tmp_path / "place" / "say.jsonl")
    yield made
    made.close()


_INSTEAD: Final[Mapping[str, Callable[[Place], object]]] = {
    "a link": lambda place: place.path.symlink_to(place.victim),
    "a folder": lambda place: place.path.mkdir(),
    "a pipe": lambda place: os.mkfifo(place.path),
}


def clear(path: Path) -> None:
    """Take away what was put in the place of the file."""
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.sometimes("a file was deleted under its writer", "a file was moved under its writer")
@pytest.mark.parametrize("library", among("stdlib", "loguru", "structlog"))
def test_deleted_and_moved_again_and_again(trials: Trials, sometimes: Sometimes, place: Place, library: str) -> None:
    ours = library == "penstock"
    with trials(workers=2, library=library, path=place.path) as trial:
        with running(trial.order(threads=2, pause=0.0005)) as program:
            program.go()
            for remove in (Path.unlink, place.move):
                for _ in range(either(1, 10)):
                    more(program, trial, 50)
                    if not ours and not place.path.exists():
                        continue  # structlog never looks
                    program.wait_until(partial(place.take, remove))
                    sometimes(f"a file was {'moved' if remove == place.move else 'deleted'} under its writer", ours)
            if ours:
                noticed(program, trial)
            finish(program, trial)
        left = [place.path.read_bytes()] if place.path.exists() else []
        verdict = judge(trial.board, [*place.contents(), *left])

    told = f"{verdict.lost:,} of {verdict.issued:,} lost in what was in its place, {verdict.torn} torn"
    table.note("deleted and moved under its writer, 10 times each", library, told)
    if ours:
        assert verdict.clean, verdict


@pytest.mark.sometimes(*(f"{what} was in the place of the file" for what in either(["a link"], _INSTEAD)))
@pytest.mark.parametrize("what", either(["a link"], _INSTEAD))
def test_replaced_by_something_else(
    trials: Trials, sometimes: Sometimes, place: Place, tmp_path: Path, what: str
) -> None:
    other = tmp_path / "other" / "say.jsonl"
    sinks = {
        "file": {"type": "file-rotate", "path": str(place.path), "delivery": {"fallback": "other"}},
        "other": {"type": "file-rotate", "path": str(other)},
    }
    with trials(workers=2, path=place.path) as trial:
        with running(trial.order(config=into(sinks), threads=2, pause=0.001)) as program:
            program.go()
            more(program, trial, 50)
            assert place.take(Path.unlink)
            _INSTEAD[what](place)
            program.wait_until(lambda: other.exists() and other.stat().st_size)
            sometimes(f"{what} was in the place of the file")
            more(program, trial, 100)
            clear(place.path)
            noticed(program, trial)
            finish(program, trial)
        # Two files at the same time, of which each has its own order.
        verdict = judge(trial.board, [*place.contents(), *files_of(place.path), *files_of(other)])
        file, fallback = program.report["sinks"]["file"], program.report["sinks"]["other"]

    table.note(
        f"{what} in the place of the file, with a fallback", "penstock", f"{verdict.lost} of {verdict.issued:,} lost"
    )
    assert place.victim.read_text() == "unchanged"
    assert verdict._replace(disordered=0).clean, verdict
    assert file["diverted"] == fallback["delivered"] == sum(file["dropped"].values())
    assert fallback["dropped"] == {}
