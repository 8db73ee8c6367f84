"""The folders of processes: each has its own, and what the dead left goes to one of the living."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock import files
from penstock.river.spool.frames import Header
from penstock.river.spool.runs import Run, read_run, runs_in
from penstock.river.spool.segment import Segment

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links are those of POSIX")


def segment_in(run: Run, number: int = 1) -> Segment:
    segment = Segment(Header(number, 20, 65_536, 99, 5), run.path / f"{number:08d}.seg")
    segment.open_file(durable=False)
    segment.close_file()
    return segment


def test_a_process_has_a_folder_that_nobody_adopts_while_it_lives(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")

    assert runs_in(tmp_path / "spool") == [run.path]
    assert Run.is_alive(run.path)
    assert Run.adopt(run.path) is None
    assert f"pid = {os.getpid()}" in (run.path / "lock").read_text()
    run.remove()
    assert runs_in(tmp_path / "spool") == []


def test_two_folders_of_one_process_are_two(tmp_path: Path) -> None:
    first, second = Run.begin(tmp_path / "spool"), Run.begin(tmp_path / "spool")

    assert first.path != second.path
    assert runs_in(tmp_path / "spool") == [first.path, second.path]
    first.remove()
    second.remove()


@posix
def test_folders_and_files_are_private(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")

    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert (run.path / "lock").stat().st_mode & 0o777 == 0o600
    run.remove()


@posix
def test_a_folder_that_others_may_enter_or_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "private").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "private")

    for name in ("open", "link"):
        with pytest.raises(OSError, match=r"enter|link"):
            Run.begin(tmp_path / name)


def test_what_a_dead_process_left_goes_to_one_alone(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    segment_in(run)
    run.release()

    first, second = Run.adopt(run.path), Run.adopt(run.path)

    assert first is not None
    assert second is None
    assert [segment.path for segment in first.inherit().segments] == [run.path / "00000001.seg"]
    first.remove()
    assert not run.path.exists()


def test_a_process_that_was_killed_is_dead_whatever_its_number(tmp_path: Path) -> None:
    code = (
        f"from pathlib import Path; from penstock.river.spool.runs import Run; Run.begin(Path({str(tmp_path / 's')!r}))"
    )
    subprocess.run([sys.executable, "-c", f"{code}; import os; os.kill(os.getpid(), 9)"], check=False)
    (path,) = runs_in(tmp_path / "s")
    (path / "lock").write_text(f"pid = {os.getpid()}\n")  # a number that lives

    assert not Run.is_alive(path)
    run = Run.adopt(path)
    assert run is not None
    run.remove()


def test_an_empty_folder_of_one_that_died_while_it_began_is_removed(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000001-1-00000000").mkdir()

    assert Run.adopt(tmp_path / "00000000000000000001-1-00000000") is None
    assert runs_in(tmp_path) == []


def test_foreign_files_are_left_alone_and_their_folder_stays(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    segment_in(run)
    (run.path / "notes.txt").write_text("mine")

    assert len(run.inherit().segments) == 1
    run.remove()

    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]
    assert Run.adopt(run.path) is None


@posix
def test_what_cannot_be_read_is_moved_aside_and_the_rest_is_found(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    segment_in(run, 5)
    segment_in(run, 6)
    with (run.path / "00000005.seg").open("r+b") as file:
        file.write(b"\xff" * 100)
    (run.path / "00000007.seg").mkdir()
    (run.path / "00000008.seg").symlink_to("/etc/passwd")

    left = run.inherit()

    assert [segment.header.number for segment in left.segments] == [6]
    aside = tmp_path / "spool" / "damaged"
    assert sorted(left.damaged) == sorted(aside.iterdir())
    assert [path.name[-12:] for path in sorted(left.damaged)] == ["00000005.seg", "00000007.seg", "00000008.seg"]
    assert runs_in(tmp_path / "spool") == [run.path]  # what was moved aside is no process's folder
    run.remove()


def test_a_segment_that_was_never_begun_is_removed(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    (run.path / "00000001.seg").write_bytes(bytes(65_536))
    (run.path / "00000002.seg").write_bytes(b"")

    assert run.inherit() == ([], [], 0)
    assert [path.name for path in run.path.iterdir()] == ["lock"]
    run.remove()


def test_people_read_the_folder_of_a_living_process_and_change_nothing(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    segment_in(run, 2)
    (run.path / "00000001.seg").write_bytes(b"\xff" * 100)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}

    assert [segment.header.number for segment in read_run(run.path)] == [2]
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before
    run.remove()


def test_where_there_is_no_folder_there_are_no_runs(tmp_path: Path) -> None:
    assert runs_in(tmp_path / "nothing") == []


def test_how_many_waited_in_the_memory_of_a_dead_process_is_known(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    run.note_in_memory(12)
    run.note_in_memory(7)
    run.release()
    adopted = Run.adopt(run.path)

    assert adopted is not None
    assert adopted.inherit() == ([], [], 7)
    adopted.remove()


@pytest.mark.parametrize("said", [b"", b"in_memory = ", b"in_memory = -1\n", b"in_memory = x\n", b"pid = 1\n", b"\xff"])
def test_a_lock_file_that_says_something_else_says_nothing_of_memory(said: bytes, tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "spool")
    (run.path / "lock").write_bytes(said)

    assert run.inherit() == ([], [], 0)
    run.remove()


def test_a_folder_that_is_taken_for_a_dead_ones_while_it_is_empty_is_made_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    original = files.private_folder

    def private_folder(path: Path) -> None:
        made.append(path)
        if len(made) == 2:
            raise FileNotFoundError(path)  # another thread took it away right after it was made
        original(path)

    monkeypatch.setattr(files, "private_folder", private_folder)
    run = Run.begin(tmp_path / "out")

    assert made[1] != run.path == made[2]
    run.remove()
