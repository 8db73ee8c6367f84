"""Frames: what was written is read, what was not is never; whatever happened to the bytes in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.river.spool.frames import (
    BEGIN,
    HEADER,
    MAGIC,
    Header,
    label_of,
    pack_frame,
    pack_header,
    pack_twice,
    read_frames,
    read_header,
    read_twice,
)
from penstock.river.store import Entry
from spools import entry

SALT = 12_345
NAMES = st.text(max_size=30)
ENTRIES: st.SearchStrategy[Entry] = st.tuples(
    st.binary(max_size=300),
    st.integers(0, 0xFFFF),
    NAMES,
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_characters="\0"), max_size=10),
)


def frame(number: int, record: Entry, salt: int = SALT) -> bytes:
    data, level, name, time_ns, made_by = record
    label = label_of(made_by, name)
    packed = pack_frame(BEGIN.pack(number, time_ns, level) + label + data, salt)
    return packed + bytes(-len(packed) % 8)


def frames(records: list[Entry]) -> bytes:
    return b"".join(frame(number, record) for number, record in enumerate(records))


@given(st.lists(ENTRIES, max_size=8), st.integers(0, 50))
def test_what_was_written_is_read(records: list[Entry], behind: int) -> None:
    read = read_frames(frames(records) + bytes(behind), SALT)

    assert (read.found, read.lost) == (records, 0)


def test_a_name_with_half_a_surrogate_pair_is_read_as_it_was() -> None:
    assert read_frames(frames([entry(name="\ud800 half")]), SALT).found[0][2] == "\ud800 half"


def test_a_name_longer_than_a_label_can_be_is_cut() -> None:
    assert read_frames(frames([entry(name="\U0001f600" * 20_000)]), SALT).found[0][2] == "\U0001f600" * 15_000


def test_of_a_torn_tail_everything_before_is_read_and_nothing_of_it() -> None:
    records = [entry(number) for number in range(3)]
    whole = frames(records)
    start = len(frames(records[:2]))
    end = len(whole.rstrip(b"\0"))  # behind it is what makes the next frame begin at a multiple of 8
    for stop in range(start, end):
        assert read_frames(whole[:stop], SALT) == (records[:2], 0, stop > start, start)
        filled = read_frames(whole[:stop].ljust(len(whole), b"\0"), SALT)
        assert filled.found == records[:2]
        assert filled.lost + filled.torn == (stop > start)
    assert read_frames(whole[:end], SALT)[:2] == (records, 0)


def test_a_frame_whose_length_was_not_stored_is_none_and_no_loss() -> None:
    whole = frames([entry(0), entry(1)])
    first = len(frame(0, entry(0)))
    torn = whole[:first] + bytes(8) + whole[first + 8 :]

    assert read_frames(torn, SALT)[:2] == ([entry(0)], 0)


@given(st.lists(ENTRIES, min_size=1, max_size=6, unique=True), st.data())
def test_flipped_bits_yield_no_record_that_was_not_written(records: list[Entry], data: st.DataObject) -> None:
    damaged = bytearray(frames(records))
    for _ in range(data.draw(st.integers(1, 4))):
        bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
        damaged[bit // 8] ^= 1 << bit % 8

    read = read_frames(bytes(damaged), SALT)

    assert [record for record in records if record in read.found] == read.found  # in order, none twice
    assert len(read.found) + read.lost + read.torn <= len(records)


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.data())
def test_overwritten_bytes_yield_no_record_that_was_not_written(records: list[Entry], data: st.DataObject) -> None:
    damaged = bytearray(frames(records))
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at : at + 64] = data.draw(st.binary(max_size=64))

    assert all(record in records for record in read_frames(bytes(damaged), SALT).found)


@given(st.binary(max_size=2_000))
def test_foreign_bytes_are_no_records(data: bytes) -> None:
    assert read_frames(data, SALT).found == []


def test_records_behind_a_damaged_one_are_read_and_the_missing_are_counted() -> None:
    records = [entry(number) for number in range(5)]
    damaged = bytearray(frames(records))
    size = len(damaged) // 5
    damaged[size : 3 * size] = b"\xff" * (2 * size)

    assert read_frames(bytes(damaged), SALT)[:2] == ([records[0], records[3], records[4]], 2)


def test_a_frame_in_the_data_of_a_damaged_record_is_not_taken_for_one() -> None:
    inner = frame(1, entry(1), salt=0)  # whoever writes records does not know the salt
    outer = frame(0, (inner * 3, 20, "n", 0, "f"))
    damaged = bytearray(outer)
    damaged[0] ^= 0xFF

    assert read_frames(bytes(damaged), SALT)[:2] == ([], 1)


def test_reading_goes_on_with_the_number_it_is_told() -> None:
    piece = frame(7, entry(7)) + frame(8, entry(8))

    assert read_frames(piece, SALT, 7)[:2] == ([entry(7), entry(8)], 0)
    assert read_frames(piece, SALT, 5)[:2] == ([entry(7), entry(8)], 2)


def test_a_header_is_read_as_it_was_written() -> None:
    header = Header(number=3, level=40, size=65_536, salt=SALT, begun_ns=-5)

    data = pack_header(header)

    assert len(data) == HEADER
    assert data.startswith(MAGIC)
    assert read_header(data) == header


@given(st.integers(0, 8 * 40 - 1))
def test_a_damaged_header_is_none(bit: int) -> None:
    damaged = bytearray(pack_header(Header(3, 40, 65_536, SALT, 1)))
    damaged[bit // 8] ^= 1 << bit % 8

    assert read_header(bytes(damaged)) is None


def test_what_is_too_short_for_a_header_is_none() -> None:
    assert read_header(pack_header(Header(3, 40, 65_536, SALT, 1))[:-1]) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 63))
def test_a_number_is_read_whole_or_not_at_all(value: int, bit: int) -> None:
    data = bytearray(pack_twice(value))
    assert read_twice(bytes(data), 0) == value

    data[bit // 8] ^= 1 << bit % 8
    assert read_twice(bytes(data), 0) is None
    assert read_twice(bytes(8), 0) is None
