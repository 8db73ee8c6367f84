"""Others may move, delete, replace or cut the file: that is noticed within a second, and no link is followed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from rotated import Clock, FileOf, Folder, posix

import penstock
from penstock.plugin import Unavailable
from penstock.testing import some_record
from penstock_file_rotate import opening
from penstock_file_rotate import sink as module
from penstock_file_rotate.hold import have_alone, hold

pytestmark = posix


def say(*numbers: int) -> None:
    for n in numbers:
        penstock.get_logger("trade").info("sold", n=n)


def numbers_in(path: Path) -> list[int]:
    return Folder(path).numbers if path.parent.exists() else []


@pytest.mark.parametrize("create", [False, True], ids=["mv", "logrotate create"])
def test_a_file_that_was_moved_away_is_left_within_a_second(
    folder: Folder, river: FileOf, clock: Clock, create: bool
) -> None:
    river()
    say(1)
    folder.path.rename(folder.path.parent / "trade.jsonl.1")
    if create:
        folder.path.touch()
        folder.path.chmod(0o640)
    say(2)
    clock.pass_time(1.1)
    say(3)

    assert folder.numbers == [1, 2, 3]
    assert [data.count(b"\n") for data in folder.contents] == [2, 1]


def test_logrotate_at_any_moment_loses_nothing(folder: Folder, river: FileOf, clock: Clock) -> None:
    river(max_size="3 kB", keep=1_000)
    for n in range(500):
        say(n)
        if n % 10 == 5:
            folder.path.rename(folder.path.parent / f"moved-{n:03d}")
        clock.pass_time(0.3)

    assert sorted(folder.numbers) == list(range(500))
    assert penstock.ledger()["file"].delivered == 500


def test_a_file_that_was_moved_away_is_noticed_when_it_is_full(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(max_size=100)
    one.write([some_record(b"x" * 98)])
    folder.path.rename(folder.path.parent / "mine.log")
    one.write([some_record(b"next")])

    assert {path.name for path in folder.archives} == {"mine.log"}, "it was not moved again"
    assert folder.path.read_bytes() == b"next\n"


def test_a_file_that_was_deleted_comes_again(folder: Folder, river: FileOf, clock: Clock) -> None:
    river()
    say(1)
    folder.path.unlink()
    clock.pass_time(1.1)
    say(2)

    assert folder.numbers == [2]


def test_a_folder_that_was_deleted_comes_again(folder: Folder, river: FileOf, clock: Clock) -> None:
    river()
    say(1)
    shutil.rmtree(folder.path.parent)
    clock.pass_time(1.1)
    say(2)

    assert folder.numbers == [2]


def test_a_link_in_its_place_is_not_followed_and_when_it_is_gone_the_file_is_back(
    folder: Folder, river: FileOf, clock: Clock, tmp_path: Path
) -> None:
    river()
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious\n")
    say(1)
    folder.path.rename(folder.path.parent / "away")
    folder.path.symlink_to(victim)
    clock.pass_time(1.1)
    say(2, 3)
    folder.path.unlink()
    say(4)

    assert victim.read_bytes() == b"precious\n"
    assert folder.numbers == [1, 4]
    account = penstock.ledger()["file"]
    assert account.dropped == {"stalled": 2}
    assert account.balanced


def test_what_a_link_keeps_out_goes_to_the_fallback(folder: Folder, clock: Clock, tmp_path: Path) -> None:
    spare = Folder(tmp_path / "spare" / "spare.jsonl")
    sinks = {
        "file": {"type": "file-rotate", "path": str(folder.path), "delivery": {"fallback": "spare"}},
        "spare": {"type": "file-rotate", "path": str(spare.path)},
    }
    penstock.configure({"sink": sinks, "pipeline": {"all": {"sink": "file"}}}, strict=True)
    say(1)
    folder.path.unlink()
    folder.path.symlink_to(tmp_path / "nowhere")
    clock.pass_time(1.1)
    say(2, 3)

    assert spare.numbers == [2, 3]
    assert not (tmp_path / "nowhere").exists()
    assert penstock.ledger()["file"].diverted == 2


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_something_else_in_its_place_is_not_opened(folder: Folder, river: FileOf, clock: Clock, what: str) -> None:
    river()
    say(1)
    folder.path.rename(folder.path.parent / "away")
    folder.path.mkdir() if what == "folder" else os.mkfifo(folder.path)
    clock.pass_time(1.1)
    say(2)  # a pipe without a reader would hang here
    folder.path.rmdir() if what == "folder" else folder.path.unlink()
    say(3)

    assert folder.numbers == [1, 3]
    assert penstock.ledger()["file"].dropped == {"stalled": 1}


def test_a_file_cut_by_others_has_no_hole_and_is_counted_anew(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(max_size=100)
    for _ in range(9):
        one.write([some_record(b"123456789")])
    shutil.copy(folder.path, folder.path.parent / "copy")  # copytruncate
    os.truncate(folder.path, 0)
    clock.pass_time(1.1)
    for _ in range(9):
        one.write([some_record(b"123456789")])

    assert folder.path.read_bytes() == b"123456789\n" * 9
    assert [path.name for path in folder.archives] == ["copy"]


def test_what_others_append_counts(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(max_size=100)
    one.write([some_record(b"mine")])
    with folder.path.open("ab") as theirs:
        theirs.write(b"theirs\n" * 13)
    clock.pass_time(1.1)
    one.write([some_record(b"mine too")])

    assert [len(data) for data in folder.contents] == [96, 9]


def test_two_sinks_on_one_file_tear_and_lose_nothing(folder: Folder, sink: FileOf, clock: Clock) -> None:
    first, second = sink(max_size=1_000, keep=1_000), sink(max_size=1_000, keep=1_000)
    for n in range(500):
        (first, second)[n % 2].write([some_record(f"{n}".encode())])
        clock.pass_time(0.05)
    first.flush()

    assert sorted(map(int, folder.lines)) == list(range(500))


def test_without_descriptors_lines_go_on_into_the_old_file(
    folder: Folder, river: FileOf, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    river(max_size="300 B", keep=100)
    say(0)

    def none_left(*arguments: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr("penstock.files.open_append", none_left)
        say(*range(1, 10))
        clock.pass_time(1.1)
        say(*range(10, 20))
    clock.pass_time(1.1)
    say(*range(20, 30))

    assert folder.numbers == list(range(30))
    account = penstock.ledger()["file"]
    assert account.delivered == account.accepted
    assert max(len(data) for data in folder.contents[2:]) <= 300, "once there are descriptors again it rotates again"


def test_a_move_that_fails_keeps_the_file(
    folder: Folder, river: FileOf, clock: Clock, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    one = river(max_size="300 B", keep=100)

    def refuse(*arguments: object) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(one._archives, "move", refuse)
        say(*range(20))
        assert folder.archives == []
    clock.pass_time(1.1)
    say(20)

    assert folder.numbers == list(range(21))
    assert len(folder.archives) >= 1
    assert penstock.ledger()["file"].dropped == {}


def test_a_program_that_closes_all_descriptors_loses_no_line_and_no_other_file(
    folder: Folder, sink: FileOf, clock: Clock, tmp_path: Path
) -> None:
    one = sink()
    one.write([some_record(b"before")])
    fd = one._current.fd
    os.close(fd)
    one.write([some_record(b"after")])  # nothing has the number: it is noticed at once
    os.close(one._current.fd)
    with (tmp_path / "innocent").open("wb", buffering=0) as innocent:
        assert innocent.fileno() == fd or innocent.fileno() == one._current.fd
        clock.pass_time(1.1)
        one.write([some_record(b"last")])
        innocent.write(b"still mine")

    assert (tmp_path / "innocent").read_bytes() == b"still mine"
    assert folder.lines == ["before", "after", "last"]


def test_a_closed_descriptor_that_comes_again_at_once_is_not_closed_twice(
    folder: Folder, sink: FileOf, clock: Clock
) -> None:
    one = sink()
    one.write([some_record(b"before")])
    os.close(one._current.fd)
    clock.pass_time(1.1)
    one.write([some_record(b"after")])  # the look before it opens the file again, with the same number

    os.fstat(one._current.fd)
    assert folder.lines == ["before", "after"]


@pytest.mark.parametrize("alone", [False, True], ids=["moved", "moved and being compressed"])
def test_a_file_that_is_moved_while_it_is_opened_is_not_written_to(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    away = folder.path.parent / "away"
    theirs: list[int] = []

    def move_first(fd: int) -> bool:
        if not theirs:
            folder.path.rename(away)
            theirs.append(os.open(away, os.O_RDONLY))
            assert not alone or have_alone(theirs[0])
        return hold(fd)

    monkeypatch.setattr(opening, "hold", move_first)
    sink().write([some_record(b"line")])
    os.close(theirs[0])

    assert (away.read_bytes(), folder.path.read_bytes()) == (b"", b"line\n")


def test_where_an_open_file_cannot_be_moved_it_is_closed_first(
    folder: Folder, river: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOVES_OPEN", False)  # as on Windows
    one = river(max_size="1 kB", keep=1_000)
    replace = Path.replace

    def replace_closed(source: Path, target: Path) -> Path:
        assert one._current.fd == -1
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", replace_closed)
    say(*range(100))

    assert folder.numbers == list(range(100))
    assert len(folder.archives) > 5


def test_it_says_in_words_what_cannot_be_written(folder: Folder, sink: FileOf, clock: Clock, tmp_path: Path) -> None:
    one = sink()
    folder.path.unlink()
    folder.path.symlink_to(tmp_path / "nowhere")
    clock.pass_time(1.1)

    with pytest.raises(
        Unavailable, match=r"^trade.jsonl cannot be written: it is a symbolic link, which is not followed$"
    ):
        one.write([some_record(b"x")])
