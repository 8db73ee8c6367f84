"""A segment: frames in at its end, records out at its front, and what is on the file system says where it stands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.ledger import SinkCell
from penstock.river.spool.frames import BEGIN, HEADER, Header, label_of, pack_frame, read_header
from penstock.river.spool.segment import SEALED, Segment
from penstock.river.store import Entry
from spools import entry, folder_in_memory

SIZE = 65_536


def header(number: int = 1) -> Header:
    return Header(number, 20, SIZE, 99, 5)


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Segment]:
    segment = Segment(header(), tmp_path / "1.seg")
    segment.open_file(durable=True)
    segment.be_kept(False)
    yield segment
    segment.close_file()


@pytest.fixture
def mapped() -> Iterator[Segment]:
    with folder_in_memory() as folder:
        segment = Segment(header(), folder / "1.seg")
        segment.map_file()
        yield segment
        segment.unmap()


def frame(number: int, record: Entry) -> bytes:
    data, level, name, time_ns, made_by = record
    label = label_of(made_by, name)
    return pack_frame(BEGIN.pack(number, time_ns, level) + label + data, 99)


def put(segment: Segment, record: Entry) -> None:
    packed = frame(segment.count, record)
    os.pwrite(segment.fd, packed, segment.end)
    segment.end = segment.end + len(packed) + 7 & -8
    segment.count += 1


def inherited(segment: Segment) -> Segment:
    found = read_header(segment.where.read_bytes())
    assert found is not None
    again = Segment(found, segment.path)
    again.inherit()
    return again


def test_what_is_in_the_file_and_not_in_memory_is_read_as_it_comes(on_disk: Segment) -> None:
    put(on_disk, entry(0))
    assert on_disk.load() == 0
    put(on_disk, entry(1))
    put(on_disk, entry(2))

    assert on_disk.records == [entry(0)]
    assert on_disk.load() == 0
    assert on_disk.records == [entry(0), entry(1), entry(2)]


def test_a_record_that_was_damaged_is_lost_once_and_those_behind_it_are_read(on_disk: Segment) -> None:
    for number in range(3):
        put(on_disk, entry(number))
    os.pwrite(on_disk.fd, b"\xff" * 8, HEADER + len(frame(0, entry(0))) // 8 * 8 + 40)

    on_disk.lost += on_disk.load()
    put(on_disk, entry(3))

    assert (on_disk.lost, on_disk.load()) == (1, 0)
    assert on_disk.records == [entry(0), entry(2), entry(3)]


def test_a_sealed_segment_has_no_room_and_says_how_many_frames_there_are(on_disk: Segment) -> None:
    put(on_disk, entry(0))
    end = on_disk.end

    on_disk.seal()
    on_disk.seal()
    on_disk.finish()
    on_disk.finish()

    assert (on_disk.end, on_disk.stop, on_disk.fd) == (SEALED, end, -1)
    found = read_header(on_disk.where.read_bytes())
    assert found is not None
    assert found.frames == 1


@pytest.mark.parametrize("finished", [False, True])
def test_another_process_finds_what_was_not_settled(on_disk: Segment, finished: bool) -> None:
    for number in range(4):
        put(on_disk, entry(number))
    on_disk.acknowledge(3)
    if finished:
        on_disk.seal()
        on_disk.finish()

    again = inherited(on_disk)

    assert (again.before, again.waiting) == (3, 1)
    assert again.load() == 0
    assert again.records == [entry(3)]


def test_what_is_damaged_in_an_inherited_segment_is_lost_and_counted(on_disk: Segment) -> None:
    for number in range(4):
        put(on_disk, entry(number))
    on_disk.acknowledge(1)
    os.pwrite(on_disk.fd, b"\xff" * 8, HEADER + 2 * (len(frame(0, entry(0))) + 7 & -8) + 20)

    again = inherited(on_disk)

    assert again.waiting == 3
    assert again.load() == 1
    assert again.records == [entry(1), entry(3)]


def test_a_file_that_was_cut_short_has_lost_what_its_header_promises(on_disk: Segment) -> None:
    for number in range(4):
        put(on_disk, entry(number))
    on_disk.seal()
    on_disk.finish()
    os.truncate(on_disk.where, HEADER + 2 * (len(frame(0, entry(0))) + 7 & -8))

    again = inherited(on_disk)

    assert (again.waiting, again.load()) == (4, 2)
    assert again.records == [entry(0), entry(1)]


def test_a_write_that_a_kill_cut_off_is_no_loss(on_disk: Segment) -> None:
    put(on_disk, entry(0))
    start = on_disk.end
    put(on_disk, entry(1))
    whole = on_disk.where.stat().st_size
    for size in range(whole - 1, start, -1):
        os.truncate(on_disk.where, size)

        again = inherited(on_disk)

        assert (again.waiting, again.load()) == (1, 0)
        assert again.records == [entry(0)]


def test_in_a_file_of_full_size_nothing_is_cut_off_so_it_is_damage(mapped: Segment) -> None:
    packed = frame(0, entry(7))
    assert mapped.map is not None
    mapped.map[HEADER : HEADER + 8] = b"\xff" * 8
    mapped.map[HEADER + 8 : HEADER + len(packed)] = packed[8:]

    again = inherited(mapped)

    assert (again.waiting, again.load()) == (1, 1)


def test_a_mapped_file_is_as_large_as_it_says_private_and_empty(mapped: Segment) -> None:
    info = mapped.where.stat()

    assert (info.st_size, info.st_mode & 0o777) == (SIZE, 0o600)
    assert info.st_blocks * 512 >= SIZE  # really there: a store into a hole of a full file system would kill
    assert inherited(mapped).waiting == 0


def test_a_wiped_segment_is_used_again_and_nothing_of_it_comes_back(mapped: Segment) -> None:
    packed = frame(0, entry(7))
    assert mapped.map is not None
    mapped.map[HEADER : HEADER + len(packed)] = packed
    mapped.end = HEADER + len(packed) + 7 & -8
    mapped.count = 1
    mapped.seal()
    mapped.finish()

    assert mapped.wipe()
    assert read_header(mapped.where.read_bytes()) is None
    new = mapped.reuse(header(2), SinkCell())

    assert (new.room, new.end) == (SIZE, HEADER)
    again = inherited(new)
    assert (again.header.number, again.waiting) == (2, 0)
    new.unmap()


def test_a_segment_whose_file_was_taken_away_is_not_used_again(mapped: Segment) -> None:
    mapped.where.unlink()

    assert not mapped.wipe()


def test_where_there_is_no_room_nothing_is_left(tmp_path: Path) -> None:
    with folder_in_memory() as folder:
        segment = Segment(header()._replace(size=2**50), folder / "1.seg")

        with pytest.raises(OSError, match=r"space|large"):
            segment.map_file()

        assert list(folder.iterdir()) == []


def test_a_removed_segment_leaves_no_file(on_disk: Segment) -> None:
    on_disk.remove()
    on_disk.remove()

    assert not on_disk.where.exists()
    assert on_disk.fd == -1
