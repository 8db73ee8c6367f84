"""As many archives stay as `keep` says, in as much room as `max_total` says, and nothing of anybody else's goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rotated import FileOf, Folder

import penstock
from penstock import faults
from penstock.testing import some_record
from penstock_file_rotate.sink import FileRotateSink


def fill(sink: FileRotateSink, count: int, size: int = 100) -> None:
    """Write so many files' worth of single lines."""
    for number in range(count):
        sink.write([some_record(f"{number:03d}".encode().ljust(size - 1, b"."))])


def first_numbers(folder: Folder) -> list[int]:
    return [int(data[:3]) for data in folder.contents]


@pytest.mark.parametrize("keep", [0, 1, 3])
@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_the_newest_archives_stay(folder: Folder, sink: FileOf, keep: int, compress: str) -> None:
    one = sink(max_size=100, keep=keep, compress=compress)

    fill(one, 8)
    one.flush()

    assert first_numbers(folder) == list(range(7 - keep, 8))


def test_the_whole_stays_within_its_room_even_while_the_file_fills(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size=100, keep=1_000, max_total=450)

    for _ in range(6):
        fill(one, 3, size=60)
        one.flush()
        assert sum(len(data) for data in folder.contents) <= 450

    assert len(folder.archives) == 5, "350 bytes for archives of 60: the file counts as full"


def test_compressed_archives_count_as_what_they_are(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size="10 kB", keep=1_000, max_total="15 kB", compress="gzip")

    for _ in range(12):
        fill(one, 1, size=10_000)
        one.flush()

    assert len(folder.archives) == 11


def test_room_counts_without_a_limit_of_size_too(folder: Folder, sink: FileOf) -> None:
    for number in range(5):
        folder.path.parent.mkdir(exist_ok=True)
        (folder.path.parent / f"trade-20200101T00000{number}-001.jsonl").write_bytes(b"x" * 99 + b"\n")

    sink(max_size=False, keep=1_000, max_total=250).flush()

    assert len(folder.archives) == 2


def test_fewer_to_keep_is_noticed_at_the_next_start(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size=100, keep=10)
    fill(one, 6)
    one.close()

    sink(max_size=100, keep=2).flush()

    assert first_numbers(folder) == [3, 4, 5]


def test_files_of_others_stay_whatever_their_names(folder: Folder, river: FileOf) -> None:
    names = [
        "trade-20200101T000000-001.jsonl.bak",
        "trade-20200101T000000-01.jsonl",
        "trade-20200101-1.jsonl.gz",
        "trade-old.jsonl",
        "trade.jsonl.1",
        "trade.jsonl.gz",
        "trades-20200101T000000-001.jsonl",
        "trade-x-20200101T000000-001.jsonl",
        "notes.txt",
    ]
    folder.path.parent.mkdir()
    for name in names:
        (folder.path.parent / name).write_bytes(b"mine\n")
    (folder.path.parent / "trade-20200101T000000-002.jsonl").symlink_to(folder.path.parent / "notes.txt")
    (folder.path.parent / "trade-20200101T000000-003.jsonl").mkdir()

    river(max_size="200 B", keep=0, compress="gzip", max_total="200 B")
    for n in range(30):
        penstock.get_logger("trade").info("sold", n=n)
    assert penstock.flush()

    left = {path.name for path in folder.path.parent.iterdir()}
    assert left == {*names, "trade.jsonl", "trade-20200101T000000-002.jsonl", "trade-20200101T000000-003.jsonl"}
    assert all((folder.path.parent / name).read_bytes() == b"mine\n" for name in names)


def test_two_files_in_one_folder_do_not_touch_each_others_archives(tmp_path: Path, sink: FileOf) -> None:
    general, special = (
        sink(path=tmp_path / "app", max_size=100, keep=1),
        sink(path=tmp_path / "app-x", max_size=100, keep=4),
    )

    for _ in range(3):
        fill(special, 2)
        fill(general, 2)
    general.flush()
    special.flush()

    names = [path.name for path in tmp_path.iterdir()]
    assert sum(name.startswith("app-2") for name in names) == 1
    assert sum(name.startswith("app-x-2") for name in names) == 4


def test_an_archive_that_cannot_be_removed_is_a_fault_and_the_others_go(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith("-001.jsonl"):
            refused.append(path.name)
            raise PermissionError(13, "not this one")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    one = sink(max_size=100, keep=1)
    fill(one, 5)
    one.flush()

    assert refused
    assert len(folder.archives) == 2
    assert ("archive.failed", "trade.jsonl") in faults.fault_counts()


def test_a_name_that_was_only_claimed_is_no_archive_and_goes_when_it_is_old(folder: Folder, sink: FileOf) -> None:
    folder.path.parent.mkdir()
    old, new = (folder.path.parent / f"trade-20200101T000000-00{number}.jsonl" for number in (1, 2))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    full = folder.path.parent / "trade-20200101T000000-003.jsonl"
    full.write_bytes(b"line\n")

    one = sink(keep=1, max_size=100)
    fill(one, 1)
    one._archiver.ring()
    one.flush()

    assert (old.exists(), new.exists(), full.exists()) == (False, True, True)
