"""Files also begin at boundaries of the wall clock: judged at open too, and whatever becomes of the clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from rotated import Clock, FileOf, Folder, file_of

import penstock
from penstock.plugin import Record
from penstock.testing import some_record

HOUR = 3_600


def write(sink: object, clock: Clock, text: bytes) -> None:
    sink.write([Record(text, 20, "", clock.wall)])  # type: ignore[attr-defined]


def test_a_new_hour_is_a_new_file(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True)
    write(one, clock, b"18:45")
    clock.pass_time(HOUR // 4 - 0.001)
    write(one, clock, b"18:59:59.999")
    clock.pass_time(0.001)
    write(one, clock, b"19:00")
    clock.pass_time(HOUR)
    write(one, clock, b"20:00")

    assert folder.contents == [b"18:45\n18:59:59.999\n", b"19:00\n", b"20:00\n"]
    assert [path.name for path in folder.archives] == [
        "trade-20261121T190000-001.jsonl",
        "trade-20261121T200000-001.jsonl",
    ]


@pytest.mark.parametrize(("every", "days"), [("day", 1), ("week", 2)])  # 21 November 2026 is a Saturday
def test_a_new_day_or_week_is_a_new_file(folder: Folder, sink: FileOf, clock: Clock, every: str, days: int) -> None:
    one = sink(every=every, utc=True)
    write(one, clock, b"old")
    clock.set(2026, 11, 21 + days - 1, 23, 59, 59)
    clock.ticks += 10
    write(one, clock, b"still old")
    clock.set(2026, 11, 21 + days)
    clock.ticks += 10
    write(one, clock, b"new")

    assert folder.contents == [b"old\nstill old\n", b"new\n"]


def test_a_file_in_which_nothing_was_written_is_not_rotated(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True)
    for _ in range(3):
        clock.pass_time(HOUR)
        one._look()
    write(one, clock, b"21:45")

    assert folder.contents == [b"21:45\n"]


def test_a_restart_does_not_shift_the_boundary(folder: Folder, sink: FileOf, clock: Clock) -> None:
    for minutes in (0, 10, 10):  # 18:45, 18:55, 19:05
        clock.pass_time(60 * minutes)
        one = sink(every="hour", utc=True)
        write(one, clock, b"line")
        os.utime(folder.path, ns=(clock.wall, clock.wall))
        one.close()

    assert folder.contents == [b"line\nline\n", b"line\n"]


def test_a_file_of_yesterday_is_rotated_at_open_and_one_of_today_is_not(folder: Folder, river: FileOf) -> None:
    folder.path.parent.mkdir()
    folder.path.write_bytes(b'{"n":1}\n')
    yesterday = round(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    os.utime(folder.path, (yesterday, yesterday))

    river(every="day")
    penstock.get_logger("trade").info("today", n=2)
    river(every="day")
    penstock.get_logger("trade").info("today", n=3)

    assert [data.count(b"\n") for data in folder.contents] == [1, 2]
    assert folder.numbers == [1, 2, 3]


def test_a_clock_that_goes_back_makes_no_file_and_loses_no_boundary(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True)
    write(one, clock, b"18:45")
    clock.set(2026, 11, 20, 3, 30)
    clock.ticks += 2
    write(one, clock, b"03:30 the day before")
    clock.set(2026, 11, 20, 4, 0)
    clock.ticks += 2
    write(one, clock, b"04:00 the day before")

    assert folder.contents == [b"18:45\n03:30 the day before\n", b"04:00 the day before\n"]


def test_a_clock_that_visits_the_future_costs_one_file_only(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="day", utc=True, keep=100)
    write(one, clock, b"1")
    clock.set(2038, 1, 19)
    write(one, clock, b"2")
    clock.set(2026, 11, 21, 19)
    clock.ticks += 2
    write(one, clock, b"3")
    clock.set(2026, 11, 22)
    clock.ticks += 2
    write(one, clock, b"4")
    clock.set(2026, 11, 23)
    clock.ticks += 2
    write(one, clock, b"5")

    assert folder.contents == [b"1\n", b"2\n3\n", b"4\n", b"5\n"], "the oldest archive sorts first"


def test_an_event_that_says_it_is_of_the_future_rotates_nothing(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True)
    for year in range(2_030, 2_060):
        one.write([some_record(b"x")._replace(time_ns=(year - 1970) * 365 * 86_400 * 10**9)])

    assert folder.archives == []


def test_a_boundary_passes_though_every_event_has_an_old_time(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True)
    one.write([some_record(b"from an old log")])
    clock.pass_time(HOUR)
    one.write([some_record(b"from the same old log")])

    assert folder.contents == [b"from an old log\n", b"from the same old log\n"]


def test_a_queued_batch_sees_the_boundary_too(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True)
    batch = [some_record(b"a"), some_record(b"b")]
    one.write(batch)
    clock.wall += HOUR * 10**9  # no second has passed
    one.write(batch)

    assert folder.contents == [b"a\nb\n", b"a\nb\n"]


def test_size_and_time_work_together(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(every="hour", utc=True, max_size=20)
    for _ in range(5):
        write(one, clock, b"123456789")
    clock.pass_time(HOUR)
    write(one, clock, b"next")

    assert [len(data) for data in folder.contents] == [20, 20, 10, 5]


def test_a_failing_rotation_by_time_is_tried_once_a_second_and_then_works(
    folder: Folder, river: FileOf, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = river(every="hour", utc=True)
    tries = []

    def refuse(time_ns: int) -> None:
        tries.append(time_ns)
        raise PermissionError(13, "not now")

    log = penstock.get_logger("trade")
    log.info("a", n=1)
    clock.pass_time(HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(one._archives, "move", refuse)
        for n in range(2, 50):
            log.info("b", n=n)
    assert len(tries) == 1
    clock.pass_time(2)
    log.info("c", n=50)

    assert folder.numbers == list(range(1, 51))
    assert len(folder.archives) == 1
    assert penstock.ledger()["file"].delivered == 51, "the fault is an event too"


def test_the_clock_of_a_running_configuration_can_be_turned(folder: Folder, river: FileOf, clock: Clock) -> None:
    runtime = penstock.configure(
        {
            "sink": {"file": {"type": "file-rotate", "path": str(folder.path), "every": "day", "utc": True}},
            "pipeline": {"all": {"sink": "file"}},
        },
        strict=True,
    )
    assert file_of(runtime).every == "day"
    penstock.get_logger("trade").info("today", n=1)
    clock.pass_time(86_400)
    penstock.get_logger("trade").info("tomorrow", n=2)

    assert [row["n"] for row in folder.rows] == [1, 2]
    assert len(folder.archives) == 1
