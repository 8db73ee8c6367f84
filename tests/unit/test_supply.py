"""New segments: within bounds, used again, and out of memory where no file can be had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import faults
from penstock.ledger import SinkAccount
from penstock.levels import ERROR, INFO
from penstock.river.spool.chain import Chain
from penstock.river.spool.frames import Header
from penstock.river.spool.segment import Segment
from penstock.river.spool.supply import SEGMENT, Supply
from spools import folder_in_memory


def supply(folder: Path, size: int = 16_000_000, memory: int = 1_000_000, *, sheds: bool = False) -> Supply:
    return Supply(SinkAccount("out"), folder, size, memory, sheds=sheds, durable=False)


def chain(level: int = INFO) -> Chain:
    return Chain(level, Segment(Header(0, 0, 64, 0, 0)))


def count(kind: str) -> int:
    return faults.fault_counts().get((kind, "out"), 0)


@pytest.fixture
def memory() -> Iterator[Path]:
    with folder_in_memory() as path:
        yield path / "spool"


def publish(one: Chain, segment: Segment, by: Supply) -> Segment:
    one.segments.append(segment)
    one.open = segment
    by.bytes += segment.size
    return segment


def test_the_first_segment_is_small_and_the_next_are_not(memory: Path) -> None:
    by, one = supply(memory), chain()
    first = by.file(one, 100)
    assert first is not None
    publish(one, first, by)
    second = by.file(one, 100)
    assert second is not None

    assert (first.size, second.size) == (65_536, SEGMENT)
    assert first.path != second.path
    first.remove()
    second.remove()
    by.end(keep=False)


def test_where_threads_run_at_the_same_time_nothing_is_mapped(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.river.spool.supply._ONE_LOCK", False)
    by = supply(memory)

    segment = by.file(chain(), 100)

    assert segment is not None
    assert (segment.map, segment.fd >= 0) == (None, True)
    segment.remove()
    by.end(keep=False)


def test_a_large_record_gets_a_segment_of_its_size(memory: Path) -> None:
    by = supply(memory)
    segment = by.file(chain(), 1_000_000)

    assert segment is not None
    assert 1_000_000 <= segment.size < 1_010_000
    segment.remove()
    by.end(keep=False)


def test_there_is_no_more_than_was_asked_for(tmp_path: Path) -> None:
    by, one = supply(tmp_path / "spool", size=1_000_000), chain()
    got = 0
    while (segment := by.file(one, 100)) is not None:
        segment.close_file()
        publish(one, segment, by)
        got += segment.size

    assert 900_000 < got <= 1_000_000
    by.end(keep=False)


def test_a_tenth_is_for_errors(tmp_path: Path) -> None:
    by = supply(tmp_path / "spool", size=1_000_000, sheds=True)

    assert by.most(chain(INFO)) == 900_000
    assert by.most(chain(ERROR)) == 1_000_000


def test_a_wiped_segment_is_given_again(memory: Path) -> None:
    by, one = supply(memory), chain()
    publish(one, one.open, by)
    used = by.file(one, 100)
    assert used is not None
    used.seal()
    used.finish()

    by.take_back(used)
    again = by.file(one, 100)

    assert again is not None
    assert again is not used
    assert again.path == used.path
    again.remove()
    by.end(keep=False)


def test_a_folder_that_somebody_cleaned_up_is_made_again(memory: Path) -> None:
    by, one = supply(memory), chain()
    publish(one, one.open, by)
    used = by.file(one, 100)
    assert used is not None
    used.seal()
    used.finish()
    by.take_back(used)
    shutil.rmtree(memory)

    again = by.file(one, 100)

    assert again is not None
    assert again.where.exists()
    again.remove()
    by.end(keep=False)


def test_memory_is_bounded_too(tmp_path: Path) -> None:
    by, one = supply(tmp_path / "spool", memory=100_000), chain()
    got = 0
    while (segment := by.in_memory(one, 100)) is not None:
        by.held += segment.size
        got += segment.size

    assert 90_000 < got <= 100_000


def test_a_failure_is_told_and_files_are_left_alone_for_a_while(tmp_path: Path) -> None:
    by = supply(tmp_path / "spool")
    assert by.may_use_files()

    by.failed(OSError(28, "No space left on device"))
    assert not by.may_use_files()
    assert by.most_of_all(chain()) == 1_000_000  # of memory
    by.failed(OSError(5, "Input/output error"), at_once=True)
    assert by.may_use_files()
    by.works()
    by.works()

    assert (count("spool.failed"), count("spool.recovered")) == (2, 1)
    assert by.may_use_files()


def test_while_a_write_does_not_return_files_are_left_alone(tmp_path: Path) -> None:
    by, hung = supply(tmp_path / "spool"), chain().open
    hung.writer = 1

    by.stall(hung)

    assert not by.may_use_files()
    assert by.most_of_all(chain()) == 1_000_000
    assert count("spool.stalled") == 1
    hung.writer = 0
    assert by.may_use_files()


def test_it_takes_no_more_than_half_of_what_is_left(memory: Path) -> None:
    by = supply(memory, size=2**62)
    by.run()

    by.fit_to_disk()

    assert by.most(chain()) < 2**61
    assert count("spool.reduced") == 1
    by.end(keep=False)


def test_what_is_kept_for_the_next_start_keeps_its_folder(tmp_path: Path) -> None:
    kept, gone = supply(tmp_path / "a"), supply(tmp_path / "b")
    paths = [kept.run().path, gone.run().path]

    kept.end(keep=True)
    gone.end(keep=False)

    assert [path.exists() for path in paths] == [True, False]
