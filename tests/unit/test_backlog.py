"""What waits comes out in order, is let go of when it is settled, and is counted when it cannot be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from interrupts import everywhere
from penstock import faults
from penstock.clock import monotonic, time_ns
from penstock.levels import DEBUG, ERROR, INFO, WARNING
from penstock.river.spool.journal import Journal
from penstock.river.spool.segment import Segment
from spools import Journals, die, entry, no_finalizers, numbers, take

BIG = 2_000


@pytest.fixture
def calm() -> Iterator[None]:
    with no_finalizers():
        yield


def segments(journal: Journal) -> list[Segment]:
    return journal._backlog.segments()


def fill(journal: Journal, count: int, first: int = 0, level: int = INFO) -> None:
    for number in range(first, first + count):
        assert journal.put(entry(number, level=level, size=BIG))


def test_records_come_out_in_the_order_in_which_they_were_put(journals: Journals) -> None:
    journal = journals.open(when_full="shed")
    levels = (DEBUG, ERROR, INFO, WARNING)
    for number in range(200):
        journal.put(entry(number, level=levels[number % 4]))

    assert take(journal, 50) == list(range(50))
    assert take(journal, 80) == list(range(80))
    assert journal.settle(60)
    assert take(journal) == list(range(60, 200))


def test_the_same_records_are_taken_until_they_are_settled(journals: Journals) -> None:
    journal = journals.open()
    fill(journal, 10)

    assert take(journal, 4) == [0, 1, 2, 3]
    assert take(journal, 2) == [0, 1]
    journal.settle(1, 2, "rejected")
    assert take(journal, 4) == [3, 4, 5, 6]

    ledger = journals.ledger(journal)
    assert (ledger.accepted, ledger.delivered, ledger.dropped, ledger.pending) == (10, 1, {"rejected": 2}, 7)


def test_a_clock_that_was_set_back_changes_no_order_within_a_level(journals: Journals) -> None:
    journal = journals.open(when_full="shed")
    for number, (level, time) in enumerate([(INFO, 50), (INFO, 10), (ERROR, 20), (ERROR, 60), (INFO, 70)]):
        journal.put((b"%08d" % number, level, "n", time, "json"))

    taken = take(journal)

    assert [number for number in taken if number in (0, 1, 4)] == [0, 1, 4]
    assert [number for number in taken if number in (2, 3)] == [2, 3]


def test_a_record_is_as_old_as_its_event_within_the_life_of_its_segment(journals: Journals) -> None:
    before, now = monotonic(), time_ns()
    journal = journals.open()
    for age in (0, 3600 * 10**9, -3600 * 10**9):  # by a clock that is right, set forward, set back
        journal.put((b"00000000", INFO, "n", now - age, "json"))

    assert all(before <= since <= monotonic() for _, since in journal.take(3))


def test_what_another_process_left_is_as_old_as_its_event(journals: Journals) -> None:
    first = journals.open()
    first.put((b"00000000", INFO, "n", time_ns() - 3600 * 10**9, "json"))
    die(first)

    ((_, since),) = journals.open().take(1)

    assert since == pytest.approx(monotonic() - 3600, abs=60)


def test_segments_of_which_nothing_is_left_are_removed_or_used_again(journals: Journals) -> None:
    journal = journals.open(size=100_000_000)
    for first in range(0, 4_000, 200):
        fill(journal, 200, first)
        assert journal.settle(len(take(journal)))

    (folder,) = journals.folder.iterdir()
    assert len(list(folder.iterdir())) < 8  # 8 MB went through
    assert len(segments(journal)) == 1


def test_a_worker_far_behind_reads_back_what_memory_does_not_have(journals: Journals) -> None:
    journal = journals.open(size=100_000_000)
    fill(journal, 3_000)
    assert sum(not segment.kept for segment in segments(journal)) > 3
    taken: list[int] = []
    while batch := take(journal, 700):
        taken += batch
        assert journal.settle(len(batch))

    assert taken == list(range(3_000))
    assert journals.ledger(journal).delivered == 3_000


def test_what_was_settled_is_not_delivered_again_by_the_next_process(journals: Journals) -> None:
    first = journals.open(size=100_000_000, when_full="shed")
    for number in range(2_000):
        first.put(entry(number, level=(INFO, ERROR)[number % 2], size=BIG))
    for _ in range(3):
        take(first, 333)
        first.settle(333)
    take(first, 100)
    die(first)

    second = journals.open(size=100_000_000)

    assert journals.ledger(second).accepted == 2_000 - 999
    assert take(second) == list(range(999, 2_000))


def damage(segment: Segment, at: int) -> None:
    with segment.where.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 50)


def test_a_damaged_record_is_counted_and_the_others_are_delivered(journals: Journals) -> None:
    journal = journals.open(size=100_000_000)
    fill(journal, 2_000)
    far = next(segment for segment in segments(journal) if not segment.kept)
    damage(far, 64 + 5 * BIG)

    taken = take(journal)

    assert len(taken) == 1_999
    assert taken == sorted(taken)
    assert journals.ledger(journal).dropped == {"spool_corrupt": 1}
    assert faults.fault_counts()["spool.damaged", "out"] == 1
    assert journal.settle(1_999)
    assert len(journal) == 0


def test_a_file_that_somebody_removed_costs_its_records_counted(journals: Journals) -> None:
    journal = journals.open(size=100_000_000)
    fill(journal, 2_000)
    far = next(segment for segment in segments(journal) if not segment.kept)
    far.where.unlink()

    taken = take(journal)

    assert len(taken) == 2_000 - far.count
    assert journals.ledger(journal).dropped == {"spool_corrupt": far.count}
    journal.settle(len(taken))
    assert len(journal) == 0


def test_a_shortage_of_descriptors_is_not_a_loss(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journals.open(size=100_000_000)
    fill(journal, 2_000)
    far = next(segment for segment in segments(journal) if not segment.kept)
    opened = os.open

    def none_left(path: str, *rest: int) -> int:
        if str(path) == str(far.path):
            raise OSError(24, "Too many open files")
        return opened(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", none_left)
        with pytest.raises(OSError, match="Too many"):
            journal.take(2_000)

    assert take(journal) == list(range(2_000))
    assert journals.ledger(journal).dropped == {}


def test_nothing_is_settled_or_moved_after_the_end(journals: Journals) -> None:
    journal = journals.open()
    fill(journal, 10)
    take(journal, 5)
    journal.close("shutdown_deadline")

    assert not journal.settle(5)
    assert len(take(journal)) == 5
    assert journals.ledger(journal).pending == 10


# -- room -------------------------------------------------------------------------------------------------------------


def fill_up(journal: Journal, level: int = INFO) -> int:
    number = 0
    while journal.put(entry(number, level=level, size=BIG)):
        number += 1
    return number


def test_the_oldest_that_nobody_attempts_gives_way_a_segment_at_a_time(journals: Journals) -> None:
    journal = journals.open(size=1_000_000)
    count = fill_up(journal)
    attempted = take(journal, 3)

    gone = journal.make_room(entry(size=BIG))

    assert journal.put(entry(count, size=BIG))
    dropped = numbers(gone)
    assert len(gone) == len(dropped) > 10
    assert dropped == list(range(dropped[0], dropped[0] + len(dropped)))
    kept_first = segments(journal)[0].count
    assert dropped[0] == kept_first  # what was taken, and what is beside it, stays
    ledger = journals.ledger(journal)
    assert ledger.dropped == {"spool_full": len(gone)}
    assert take(journal) == [number for number in range(count + 1) if number not in dropped]
    assert attempted == [0, 1, 2]


def test_room_is_made_again_and_again_within_the_bound(journals: Journals) -> None:
    journal = journals.open(size=1_000_000)
    dropped = 0
    for number in range(5_000):
        record = entry(number, size=BIG)
        if not journal.put(record):
            dropped += len(journal.make_room(record))
            assert journal.put(record)
        if number % 500 == 0:
            (folder,) = journals.folder.iterdir()
            assert sum(path.stat().st_size for path in folder.iterdir()) <= 1_000_000

    ledger = journals.ledger(journal)
    assert ledger.dropped == {"spool_full": dropped}
    assert take(journal) == list(range(dropped, 5_000))


@pytest.mark.parametrize("when_full", ["drop_newest", "block"])
def test_nothing_gives_way_where_it_was_not_asked_for(journals: Journals, when_full: str) -> None:
    journal = journals.open(size=1_000_000, when_full=when_full)
    count = fill_up(journal)

    assert list(journal.make_room(entry(size=BIG))) == []
    assert len(journal) == count


def test_the_lowest_level_gives_way_first_and_never_to_its_like(journals: Journals) -> None:
    journal = journals.open(size=1_000_000, when_full="shed")
    for number in range(60):
        journal.put(entry(number, level=DEBUG, size=BIG))
    for number in range(100, 160):
        journal.put(entry(number, level=INFO, size=BIG))
    more = 0
    while journal.put(entry(1_000 + more, level=WARNING, size=BIG)):
        more += 1

    waiting = entry(2_000, level=WARNING, size=BIG)
    levels = []
    while gone := journal.make_room(waiting):
        levels += [record[1] for record in gone]
    assert list(journal.make_room(entry(level=DEBUG, size=BIG))) == []

    assert levels == [DEBUG] * 60 + [INFO] * 60
    assert journals.ledger(journal).dropped == {"shed": 120}
    assert journal.reason(waiting) == "shed"


def test_lower_levels_never_fill_what_is_kept_for_errors(journals: Journals) -> None:
    journal = journals.open(size=1_000_000, when_full="shed")
    fill_up(journal, INFO)

    errors = 0
    while errors < 30 and journal.put(entry(errors, level=ERROR, size=BIG)):
        errors += 1

    assert errors >= 25  # 50 kB of them, of the 100 kB
    assert not journal.put(entry(level=INFO, size=BIG))


def test_what_another_process_left_gives_way_first(journals: Journals) -> None:
    first = journals.open(size=1_000_000)
    fill(first, 100)
    die(first)
    second = journals.open(size=1_000_000)
    count = fill_up(second)

    gone = numbers(second.make_room(entry(size=BIG)))

    assert gone == list(range(len(gone)))
    assert count < 450


def test_when_the_last_of_another_process_is_gone_so_is_its_folder(journals: Journals) -> None:
    first = journals.open()
    fill(first, 10)
    die(first)
    second = journals.open()
    assert len(list(journals.folder.iterdir())) == 2

    take(second)
    second.settle(10)

    assert len(list(journals.folder.iterdir())) == 1
    assert len(second) == 0


# -- interrupts -------------------------------------------------------------------------------------------------------


def left_by_another(journals: Journals) -> Journal:
    """Open a journal with something from a dead process, in a few segments, and something of its own."""
    dead = journals.open(when_full="shed")
    for number in range(20):
        dead.put(entry(number, level=(INFO, ERROR)[number % 2], size=BIG))
    die(dead)
    journal = journals.open(when_full="shed")
    fill(journal, 10, 20)
    return journal


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize("does", ["take", "settle"])
def test_an_interrupt_of_one_who_stands_in_for_the_worker_moves_a_record_or_leaves_it(
    journals: Journals, does: str
) -> None:
    made: list[Journal] = []

    def prepare() -> Callable[[], object]:
        journal = left_by_another(journals)
        made[:] = [journal]
        if does == "take":
            return lambda: journal.take(25)
        journal.take(30)
        return lambda: journal.settle(25)

    for where in everywhere(prepare):
        (journal,) = made
        done = journals.ledger(journal).delivered
        assert done in (0, 25), where
        assert take(journal, 30) == list(range(done, 30)), where
        assert journal.settle(30 - done), where
        assert len(journal) == 0, where
        journal.close("shutdown_deadline")
        shutil.rmtree(journals.folder)  # where it was interrupted, an empty folder may be left for the next start
    made[0].close("shutdown_deadline")


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize("when_full", ["shed", "drop_oldest"])
def test_an_interrupt_while_room_is_made_drops_and_counts_or_neither(journals: Journals, when_full: str) -> None:
    made: list[tuple[Journal, int]] = []

    def prepare() -> Callable[[], object]:
        journal = journals.open(size=200_000, when_full=when_full)
        made[:] = [(journal, fill_up(journal))]
        return lambda: journal.make_room(entry(level=ERROR, size=BIG))

    for where in everywhere(prepare):
        ((journal, count),) = made
        ledger = journals.ledger(journal)
        dropped = sum(ledger.dropped.values())
        assert ledger.pending == count - dropped, where
        assert len(take(journal)) == count - dropped, where
        assert journal.settle(count - dropped), where
        journal.close("shutdown_deadline")
        shutil.rmtree(journals.folder)
    made[0][0].close("shutdown_deadline")
