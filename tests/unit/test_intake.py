"""Putting: exact under threads, signals and interrupts; never an exception, and never a wait for another's write."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from interrupts import everywhere
from penstock import faults, files
from penstock.levels import ERROR
from penstock.river.spool import intake
from penstock.river.spool.journal import Journal
from penstock.river.store import Entry
from spools import (
    MAPPED,
    ON_DISK,
    Interrupted,
    Journals,
    entry,
    interrupts,
    no_finalizers,
    numbers,
    take,
)

timers = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals here")


@pytest.fixture
def calm() -> Iterator[None]:
    with no_finalizers():
        yield


def test_each_kind_is_what_it_says(journals: Journals) -> None:
    journal = journals.open()
    journal.put(entry())
    (segment,) = journal._backlog.segments()

    assert (segment.map is not None, segment.fd >= 0) == (journals.kind == MAPPED, journals.kind == ON_DISK)


@pytest.mark.parametrize(
    "odd",
    [
        (b"", 0, "", 0, ""),
        (b"\0" * 7, -5, "\ud800", -(2**70), "\0f"),
        (b"x", 10**9, "n" * 70_000, 2**70, "f" * 5_000),
        (bytes(range(256)) * 4_000, 35, "big", 1, "json"),
    ],
)
def test_odd_records_are_put_and_come_back_as_far_as_a_frame_can_hold_them(journals: Journals, odd: Any) -> None:
    journal = journals.open()
    assert journal.put(odd)
    journal.close("shutdown_deadline")

    ((record, _),) = journals.open().take(10)

    assert record[0] == odd[0]
    assert record[1] == min(max(odd[1], 0), 0xFFFE)
    assert record[2] == odd[2][:15_000]
    assert record[4] == odd[4].replace("\0", "")[:1_000]


def test_a_record_that_is_too_large_for_everything_is_refused(journals: Journals) -> None:
    journal = journals.open(size=500_000, memory=100_000)

    assert not journal.put(entry(size=600_000))
    assert journal.reason(entry(size=600_000)) == "spool_full"
    assert list(journal.make_room(entry(size=600_000))) == []
    assert journal.put(entry())


def test_eight_threads_put_while_the_worker_takes_and_nothing_is_lost_or_doubled(journals: Journals) -> None:
    journal = journals.open(size=50_000_000, when_full="shed")
    threads = [threading.Thread(target=put_many, args=(journal, first * 2_000)) for first in range(8)]
    taken: list[int] = []
    for thread in threads:
        thread.start()
    while len(taken) < 16_000:
        batch = take(journal, 500)
        assert journal.settle(len(batch))
        taken += batch
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(16_000))
    for first in range(8):  # those of one level and thread, in order
        mine = [number for number in taken if number // 2_000 == first]
        for level in range(4):
            of_level = [number for number in mine if number % 4 == level]
            assert of_level == sorted(of_level)
    ledger = journals.ledger(journal)
    assert (ledger.accepted, ledger.delivered, ledger.pending) == (16_000, 16_000, 0)


def put_many(journal: Journal, first: int) -> None:
    for number in range(first, first + 2_000):
        assert journal.put(entry(number, level=10 * (number % 4 + 1)))


def test_what_threads_put_is_in_the_files_as_it_was_put(journals: Journals) -> None:
    journal = journals.open(size=50_000_000)
    threads = [threading.Thread(target=put_many, args=(journal, first * 2_000)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close("shutdown_deadline")

    assert sorted(take(journals.open())) == list(range(8_000))


@timers
def test_an_interrupt_leaves_a_record_kept_and_counted_or_neither(journals: Journals) -> None:
    journal = journals.open(size=50_000_000, when_full="shed")
    returned: set[int] = set()
    with interrupts() as interrupted:
        number = 0
        while len(interrupted) < 400:
            with suppress(Interrupted):
                number += 1
                if journal.put(entry(number, level=10 + number % 4 * 10, size=number % 700)):
                    returned.add(number)
    ledger = journals.ledger(journal)
    journal.close("shutdown_deadline")

    again = take(journals.open(size=50_000_000))

    assert len(again) == len(set(again)) == ledger.accepted
    assert returned <= set(again)


@timers
def test_a_signal_handler_may_put_in_the_middle_of_a_put(journals: Journals) -> None:
    journal = journals.open(size=50_000_000)
    extra: list[int] = []
    depth: list[int] = []

    def put_one(number: int, frame: object) -> None:
        if len(depth) < 3:  # a slow machine would never come out of it
            depth.append(number)
            extra.append(1_000_000 + len(extra))
            assert journal.put(entry(extra[-1]))
            depth.pop()

    before = signal.signal(signal.SIGALRM, put_one)
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    number = 0
    try:
        while len(extra) < 300:
            assert journal.put(entry(number))
            number += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    journal.close("shutdown_deadline")

    assert sorted(take(journals.open())) == [*range(number), *extra]


def no_memory(record: Entry) -> None:
    raise MemoryError


def test_a_record_for_which_memory_has_no_room_is_read_back_from_its_file(journals: Journals) -> None:
    journal = journals.open()
    for number in range(5):
        journal.put(entry(number))
    take(journal, 3)
    journal.settle(2)
    (segment,) = journal._backlog.segments()
    segment.keep = no_memory

    for number in range(5, 8):
        assert journal.put(entry(number))

    assert take(journal) == [2, 3, 4, 5, 6, 7]
    assert journals.ledger(journal).dropped == {}


def test_a_record_for_which_there_is_no_room_at_all_is_a_counted_drop(journals: Journals) -> None:
    journal = journals.open()
    journal._supply.failed(OSError(28, "No space left on device"))
    journal.put(entry(0))
    (segment,) = journal._backlog.segments()
    segment.records = Full(segment.records)

    assert journal.put(entry(1))

    assert take(journal) == [0]
    assert journals.ledger(journal).dropped == {"queue_full": 1}


class Full(list[Entry]):
    """A list to which nothing can be appended."""

    def append(self, record: Entry) -> None:
        raise MemoryError


class Hung:
    """A write that does not return until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self._write = files.write_at
        monkeypatch.setattr(files, "write_at", self.write)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if not self.entered.is_set():
            self.entered.set()
            self.released.wait(30)
        self._write(fd, data, offset)


def test_while_one_caller_hangs_in_a_write_the_others_go_on_in_memory(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open()
    journal.put(entry(0))
    hung = Hung(monkeypatch)
    caught = threading.Thread(target=journal.put, args=(entry(1),))
    caught.start()
    assert hung.entered.wait(10)

    for number in range(2, 50):
        assert journal.put(entry(number))

    assert journal.trouble == "stalled"
    assert take(journal) == [0, *range(2, 50)]
    assert faults.fault_counts()["spool.stalled", "out"] == 1
    hung.released.set()
    caught.join(10)
    assert journal.put(entry(50))
    assert journal.trouble == ""
    assert sorted(take(journal)) == list(range(51))
    assert on_disk.ledger(journal).accepted == 51


def test_a_writer_that_gets_no_turn_for_a_while_is_no_disk_that_hangs(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open()
    journal.put(entry(0))
    hung = Hung(monkeypatch)
    begun = iter([100.0])
    monkeypatch.setattr(intake, "monotonic", lambda: next(begun, 100.3))
    threads = [threading.Thread(target=journal.put, args=(entry(number),)) for number in (1, 2)]
    threads[0].start()
    assert hung.entered.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    hung.released.set()
    for thread in threads:
        thread.join(10)

    assert journal.trouble == ""
    assert take(journal) == [0, 1, 2]
    assert ("spool.stalled", "out") not in faults.fault_counts()


def test_what_could_not_be_written_to_its_end_is_not_there(on_disk: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = on_disk.open()
    journal.put(entry(0))
    write = files.write_at

    def half(fd: int, data: bytes, offset: int) -> None:
        write(fd, data[: len(data) // 2], offset)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_at", half)
    for number in range(1, 5):
        assert journal.put(entry(number))
    assert journal.trouble == "failed"
    monkeypatch.undo()

    assert take(journal) == list(range(5))
    gone = journal.close("shutdown_deadline")
    assert numbers(gone) == [1, 2, 3, 4]
    assert take(on_disk.open()) == [0]
    assert on_disk.ledger(journal).dropped == {"shutdown_deadline": 4}


def test_after_a_failed_sync_the_record_is_written_to_another_file(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open(sync=ERROR)
    assert journal.put(entry(0, level=ERROR))
    synced: list[str] = []

    def sync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}") if os.path.isdir("/proc/self/fd") else str(fd))
        if len(synced) == 1:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "sync", sync)
    assert journal.put(entry(1, level=ERROR))
    monkeypatch.undo()

    assert len(set(synced)) == 2  # that file is never asked again
    assert journal.trouble == ""
    journal.close("shutdown_deadline")
    assert take(on_disk.open()) == [0, 1]


@pytest.mark.parametrize(("sync", "expected"), [(0, 4), (ERROR, 2), (1_000, 0)])
def test_records_from_a_level_on_are_brought_to_the_disk_before_put_returns(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch, sync: int, expected: int
) -> None:
    journal = on_disk.open(sync=sync)
    for level in (10, 20, 40, 50):
        journal.put(entry(level=level))
    synced: list[int] = []
    monkeypatch.setattr(files, "sync", synced.append)

    for level in (10, 20, 40, 50):
        journal.put(entry(level=level))

    assert len(synced) == expected


def into_an_empty_one(journal: Journal) -> None:
    """Leave it as it is: the first record needs a folder, a chain and a segment."""


def into_an_open_segment(journal: Journal) -> None:
    journal.put(entry(0))


def into_a_full_segment(journal: Journal) -> None:
    segment = None
    while segment is None or segment.end + 1_100 < segment.size:
        journal.put(entry(0, size=1_000))
        segment = journal._backlog.segments()[-1]
    journal.put(entry(0, size=segment.size - segment.end - 60))


def into_memory(journal: Journal) -> None:
    journal._supply.failed(OSError(28, "No space left on device"))
    journal.put(entry(0))


def into_a_wiped_segment(journal: Journal) -> None:
    into_a_full_segment(journal)
    into_a_full_segment(journal)
    assert journal.settle(len(take(journal)))
    into_a_full_segment(journal)


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize(
    "into", [into_an_empty_one, into_an_open_segment, into_a_full_segment, into_a_wiped_segment, into_memory]
)
def test_an_interrupt_behind_any_call_leaves_a_record_kept_and_counted_or_neither(
    journals: Journals, into: Callable[[Journal], None]
) -> None:
    made: list[Journal] = []

    def prepare() -> Callable[[], object]:
        check()
        made.append(journals.open(size=400_000))
        into(made[0])
        return lambda: made[0].put(entry(1))

    def check(where: str = "not interrupted") -> None:
        while made:
            journal = made.pop()
            ledger = journals.ledger(journal)
            taken = take(journal)
            assert len(taken) == ledger.pending, where
            assert journal.put(entry(2)), where
            assert take(journal) == [*taken, 2], where
            assert journal.settle(len(taken) + 1), where
            journal.close("shutdown_deadline")
            assert len(journal) == 0

    for where in everywhere(prepare):
        check(where)
    check()
    gc.collect()
    journals.open().close("shutdown_deadline")  # the next start takes away the folders that an interrupt left
    assert list(journals.folder.iterdir()) == []
