"""Lanes: what was put first comes out first, whatever its level."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deliveries import line
from penstock.river.env import Bell
from penstock.river.queue.lanes import Lanes, Put


def filled(*levels: int, by_level: bool = True) -> Lanes:
    lanes = Lanes(Bell(), by_level)
    for number, level in enumerate(levels):
        lanes.of(level).entries.append((line(number, level, number), 1.0))
    return lanes


def texts(entries: list[Put]) -> list[int]:
    return [int(record[0]) for record, _ in entries]


@given(levels=st.lists(st.sampled_from([5, 10, 20, 30, 40, 50]), max_size=40), steps=st.lists(st.integers(1, 9)))
def test_records_of_all_levels_come_out_in_the_order_in_which_they_were_emitted(
    levels: list[int], steps: list[int]
) -> None:
    lanes = filled(*levels)
    out: list[Put] = []
    for step in [*steps, len(levels)]:
        lanes.move(step, out, [])

    assert texts(out) == list(range(len(levels)))
    assert len(lanes) == 0


def test_a_later_tick_is_later_whatever_the_wall_clock_says() -> None:
    lanes = Lanes(Bell(), by_level=True)
    lanes.of(20).entries.append((line("before", 20, time_ns=10**18), 1.0))
    lanes.of(40).entries.append((line("after it was set back", 40, time_ns=5), 2.0))
    out: list[Put] = []
    lanes.move(9, out, [])

    assert [record[0] for record, _ in out] == [b"before", b"after it was set back"]


def test_the_order_within_a_level_is_kept_even_if_the_clock_goes_back() -> None:
    lanes = Lanes(Bell(), by_level=True)
    for number, time_ns in enumerate([50, 10, 30]):
        lanes.of(20).entries.append((line(number, 20, time_ns), 1.0))
    lanes.of(40).entries.append((line(3, 40, 20), 1.0))
    out: list[Put] = []
    lanes.move(9, out, [])

    assert [number for number in texts(out) if number != 3] == [0, 1, 2]


def test_a_level_between_two_is_in_the_lane_of_the_lower_one() -> None:
    lanes = Lanes(Bell(), by_level=True)

    assert [lanes.of(level).level for level in (0, 3, 5, 35, 39, 40, 1_000)] == [0, 0, 0, 30, 30, 40, 70]
    assert lanes.of(-7).level == 0


def test_lower_levels_give_way_the_lowest_first_and_without_levels_all_do() -> None:
    lanes = Lanes(Bell(), by_level=True)
    assert [lane.level for lane in lanes.of(30).lower] == [0, 10, 20, 25]
    assert [lane.level for lane in lanes.of(0).lower] == []

    one = Lanes(Bell(), by_level=False)
    assert list(one.of(30).lower) == list(one)


def test_the_oldest_is_dropped_and_counted_and_an_empty_lane_counts_nothing() -> None:
    lanes = filled(20, 20)
    out: list[Put] = []
    dropped = {"shed": 0}
    for _ in range(3):
        lanes.of(20).drop_oldest(out, dropped, "shed")

    assert texts(out) == [0, 1]
    assert dropped == {"shed": 2}


def test_nothing_moves_once_it_is_closed() -> None:
    lanes = filled(20, 40)
    out: list[Put] = []
    lanes.move(9, out, [True])

    assert (len(lanes), out) == (2, [])
