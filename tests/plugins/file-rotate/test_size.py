"""No file passes its limit in bytes, unless one line alone is longer; every line is there, whole, once and in order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rotated import FileOf, Folder

import penstock
from penstock.plugin import Record
from penstock.testing import some_record
from penstock_file_rotate.hold import hold
from penstock_file_rotate.sink import FileRotateSink


def test_no_file_passes_its_limit_in_bytes_whatever_the_script(folder: Folder, river: FileOf) -> None:
    river(max_size="2 kB", keep=1_000)
    log = penstock.get_logger("trade")

    for n in range(200):
        log.info("größer als gedacht: 売買 🚀" * (n % 7), n=n)

    assert folder.numbers == list(range(200))
    assert len(folder.archives) > 10
    assert max(len(data) for data in folder.contents) <= 2_000
    account = penstock.ledger()["file"]
    assert (account.delivered, account.dropped) == (200, {})


def test_files_are_filled_as_far_as_they_can_be(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size=100, keep=100)

    for _ in range(30):
        one.write([some_record(b"nine byte")])  # ten with the newline

    assert [len(data) for data in folder.contents] == [100, 100, 100]


def test_a_line_longer_than_the_limit_has_a_file_of_its_own(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size=100, keep=100)

    for data in (b"a" * 150, b"b", b"c" * 99, b"d" * 300, b"e"):
        one.write([some_record(data)])

    assert [len(data) for data in folder.contents] == [151, 2, 100, 301, 2]


def test_without_a_limit_there_is_one_file(folder: Folder, river: FileOf) -> None:
    river(max_size=False)

    penstock.get_logger("trade").info("x" * 1_000_000)
    penstock.get_logger("trade").info("y" * 1_000_000)

    assert folder.archives == []
    assert len(folder.rows) == 2


def test_a_file_that_is_there_counts(folder: Folder, sink: FileOf) -> None:
    folder.path.parent.mkdir()
    folder.path.write_bytes(b"old line\n" * 11)

    sink(max_size=100).write([some_record(b"new")])

    assert [len(data) for data in folder.contents] == [99, 4]


def test_a_queued_sink_cuts_its_batches_between_lines(folder: Folder, river: FileOf) -> None:
    river(max_size="1 kB", keep=1_000, delivery={"mode": "queued", "batch_wait": "1 ms"})
    log = penstock.get_logger("trade")

    for n in range(500):
        log.info("sold", n=n)
    assert penstock.flush()

    assert folder.numbers == list(range(500))
    assert max(len(data) for data in folder.contents) <= 1_000
    assert penstock.ledger()["file"].delivered == 500


def test_an_empty_batch_is_nothing(folder: Folder, sink: FileOf) -> None:
    sink().write([])

    assert folder.contents == [b""]


def test_a_line_that_a_crash_left_without_an_end_does_not_swallow_the_next(folder: Folder, river: FileOf) -> None:
    folder.path.parent.mkdir()
    folder.path.write_bytes(b'{"n":1}\n{"n":2')

    river()
    penstock.get_logger("trade").info("sold", n=3)

    first, torn, last = folder.lines
    assert (first, torn) == ('{"n":1}', '{"n":2')
    assert '"n":3' in last


def test_a_line_that_another_process_is_just_writing_is_not_ended_by_us(folder: Folder, sink: FileOf) -> None:
    folder.path.parent.mkdir()
    with folder.path.open("ab", buffering=0) as theirs:
        hold(theirs.fileno())
        theirs.write(b"a long li")  # the file grows page by page
        one = sink()
        theirs.write(b"ne\n")
        one.write([some_record(b"ours")])

    assert folder.lines == ["a long line", "ours"]


SIZES = st.integers(0, 60)


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(SIZES, max_size=12), max_size=20),
    max_size=st.integers(1, 120),
    reopen=st.sets(st.integers(0, 19)),
)
def test_rotation_neither_loses_nor_splits_a_line(batches: list[list[int]], max_size: int, reopen: set[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name) / "out.log")
        options: dict[str, Any] = {"path": folder.path, "max_size": max_size, "keep": 10_000}
        one = FileRotateSink(**options)
        one.open()
        written = []
        for index, sizes in enumerate(batches):
            if index in reopen:
                one.close()
                one = FileRotateSink(**options)
                one.open()
            texts = [f"{index}.{place}." + "x" * size for place, size in enumerate(sizes)]
            records = [Record(text.encode(), 20, "", 0) for text in texts]
            one.write(records)
            written += texts
        one.close()

        assert folder.lines == written
        for data in folder.contents:
            assert len(data) <= max_size or data.count(b"\n") == 1
        assert all(folder.contents[:-1]), "a file that was rotated has a line"


@pytest.mark.parametrize("size", ["0 B", "-1"])
def test_a_limit_of_nothing_is_refused(river: FileOf, size: str) -> None:
    with pytest.raises(penstock.ConfigError, match="max_size"):
        river(max_size=size)
