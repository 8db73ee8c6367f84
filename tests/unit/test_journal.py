"""The journal as a store: exact, bounded, kept across the death of its process, and never in the way."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock import faults, files
from penstock.levels import ERROR, INFO
from penstock.river.spool.journal import Journal
from penstock.river.store import Entry, Store
from spools import KINDS, ON_DISK, Journals, die, entry, folder_of, numbers, take


def processes(journals: Journals) -> list[Path]:
    return sorted(path for path in journals.folder.iterdir() if path.name != "damaged")


def test_it_is_a_store(journals: Journals) -> None:
    store: Store = journals.open()

    assert store.put(entry(1))
    assert len(store) == 1
    ((record, _),) = store.take(10)
    assert record == entry(1)
    assert store.settle(1, 0, "")
    assert len(store) == 0


def test_what_was_put_outlives_its_process_and_comes_before_what_is_new(journals: Journals) -> None:
    for first in (0, 10):
        journal = journals.open()
        for number in range(first, first + 10):
            journal.put(entry(number))
        die(journal)

    last = journals.open()
    last.put((b"00000099", INFO, "shop.order", 1, "json"))  # of an event that is older, by a clock that was wrong

    assert journals.ledger(last).accepted == 21
    assert take(last, 5) == [0, 1, 2, 3, 4]
    assert last.settle(5)
    taken = []
    while batch := take(last, 100):
        taken += batch
        last.settle(len(batch))
    assert taken == [*range(5, 20), 99]
    assert len(processes(journals)) == 1


def test_what_another_process_is_alive_to_deliver_is_left_to_it(journals: Journals) -> None:
    first = journals.open()
    first.put(entry(1))

    second = journals.open()

    assert len(second) == 0
    assert take(first) == [1]


def test_what_a_child_left_is_adopted_while_the_parent_lives(journals: Journals) -> None:
    parent, child = journals.open(), journals.open()
    child.put(entry(1))
    parent.put(entry(2))
    assert parent.adopt() == 0
    die(child)

    assert parent.adopt() == 1
    assert parent.adopt() == 0

    assert take(parent) == [1, 2]
    assert journals.ledger(parent).accepted == 2


def test_a_clean_end_leaves_nothing(journals: Journals) -> None:
    journal = journals.open()
    journal.put(entry(1))
    take(journal)
    journal.settle(1)

    assert list(journal.close("shutdown_deadline")) == []

    assert processes(journals) == []
    assert not journal.put(entry(2))
    assert journals.ledger(journal).accepted == 1


def test_what_is_left_at_the_end_stays_pending_and_is_there_at_the_next_start(journals: Journals) -> None:
    journal = journals.open()
    for number in range(10):
        journal.put(entry(number))
    take(journal, 4)
    journal.settle(2)

    assert list(journal.close("shutdown_deadline")) == []

    assert journals.ledger(journal).pending == 8
    assert take(journals.open()) == list(range(2, 10))


def test_nothing_is_written_before_the_first_record(journals: Journals) -> None:
    journals.open()
    (folder,) = processes(journals)

    assert [path.name for path in folder.iterdir()] == ["lock"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_files_are_private(journals: Journals) -> None:
    before = os.umask(0)
    try:
        journals.open().put(entry(1))
    finally:
        os.umask(before)

    for path in journals.folder.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_foreign_and_broken_files_stop_no_start(journals: Journals) -> None:
    first = journals.open()
    for number in range(5):
        first.put(entry(number))
    die(first)
    (folder,) = processes(journals)
    (folder / "00000009.seg").write_bytes(b"\xff" * 5_000)
    (folder / "core").write_bytes(b"x")
    (journals.folder / "README").write_text("?")

    journal = journals.open()

    assert take(journal) == [0, 1, 2, 3, 4]
    ledger = journals.ledger(journal)
    assert (ledger.accepted, ledger.dropped) == (6, {"spool_corrupt": 1})  # one at least was in it
    assert faults.fault_counts()["spool.damaged", "out"] == 1
    assert len(list((journals.folder / "damaged").iterdir())) == 1


# -- what cannot be written -------------------------------------------------------------------------------------------


def test_where_files_fail_records_wait_in_memory_and_it_tries_again(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open()
    journal.put(entry(0))
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_at", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        for number in range(1, 20):
            assert journal.put(entry(number))
        assert journal.trouble == "failed"
        assert take(journal) == list(range(20))
        assert faults.fault_counts()["spool.failed", "out"] <= 3
    journal._supply._again = 0.0  # the second is over

    assert journal.put(entry(20))

    assert journal.trouble == ""
    assert faults.fault_counts()["spool.recovered", "out"] == 1
    assert take(journal) == list(range(21))
    assert on_disk.ledger(journal).accepted == 21


def test_memory_in_the_place_of_files_is_bounded_and_gives_way_too(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "write_at", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    monkeypatch.setattr("penstock.river.spool.supply._AGAIN", 1_000.0)
    journal = broken(on_disk)
    count = 0
    while journal.put(entry(count, size=1_000)):
        count += 1
    assert 50 < count <= 100

    gone = numbers(journal.make_room(entry(size=1_000)))
    assert journal.put(entry(count, size=1_000))

    assert gone == list(range(len(gone)))
    assert journal.reason(entry()) == "queue_full"
    assert on_disk.ledger(journal).dropped == {"queue_full": len(gone)}
    assert take(journal) == list(range(len(gone), count + 1))


def broken(journals: Journals) -> Journal:
    """Return a journal that could not make its folder's lock."""
    with suppress(OSError):
        journals.open(memory=100_000)
    return journals._opened[-1]


def test_what_is_in_memory_at_the_end_is_dropped_and_returned(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open()
    journal.put(entry(0))
    monkeypatch.setattr(files, "write_at", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    for number in range(1, 5):
        journal.put(entry(number))
    assert take(journal, 3) == [0, 1, 2]

    assert numbers(journal.close("shutdown_deadline")) == [1, 2, 3, 4]

    ledger = on_disk.ledger(journal)
    assert (ledger.pending, ledger.dropped) == (1, {"shutdown_deadline": 4})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here, and limits the size of files")
def test_what_a_killed_process_had_in_memory_since_its_disk_was_full_is_counted_by_the_next(on_disk: Journals) -> None:
    import resource

    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            journal = on_disk.open()
            journal.put(entry(0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))  # no new file gets a header
            for number in range(1, 20):
                journal.put(entry(number))
            if take(journal, 3) == [0, 1, 2]:  # the worker's look
                journal.settle(2)
                os.kill(os.getpid(), 9)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 9

    journal = on_disk.open()

    ledger = on_disk.ledger(journal)
    assert (ledger.accepted, ledger.dropped) == (18, {"process_died": 18})
    assert faults.fault_counts()["event.dropped", "out"] == 18
    journal.close("shutdown_deadline")
    assert on_disk.open().adopt() == 0
    assert on_disk.ledger(on_disk._opened[-1]).accepted == 0  # nobody counts them twice


def test_what_left_the_memory_again_does_not_die_with_the_process(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open()
    with monkeypatch.context() as patch:
        patch.setattr(journal._supply, "may_use_files", lambda: False)
        for number in range(5):
            journal.put(entry(number))
        assert take(journal, 5) == list(range(5))
        assert journal._supply.noted == 5
    journal.settle(5)
    die(journal)

    assert on_disk.ledger(on_disk.open()).accepted == 0


# -- fork -------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_has_its_own_and_leaves_the_parents_alone(journals: Journals) -> None:
    journal = journals.open(size=100_000_000)
    for number in range(2_000):
        journal.put(entry(number, size=1_000))
    take(journal, 10)
    stop = threading.Event()

    def busy(number: int) -> None:
        while not stop.is_set():
            journal.put(entry(number, level=ERROR))
            number += 1

    threads = [threading.Thread(target=busy, args=(first,)) for first in (10_000_000, 20_000_000)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        child = os.fork()
        if not child:
            os._exit(in_child(journals, journal))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    for thread in threads:
        thread.join()

    ledger = journals.ledger(journal)
    taken = take(journal)
    assert len(taken) == len(set(taken)) == ledger.accepted
    assert set(range(2_000)) <= set(taken)
    assert journal.adopt() == 5  # one from each child
    assert take(journal)[:1] == [0]


def in_child(journals: Journals, journal: Journal) -> int:
    account = journals.account(journal)
    account.reset()
    journal.after_fork_in_child()
    if len(journal) or not journal.put(entry(7)) or not journal.put(entry(8)):
        return 1
    if take(journal) != [7, 8] or not journal.settle(1):
        return 2
    ledger = account.read()
    return 0 if ledger.balanced and (ledger.accepted, ledger.pending) == (2, 1) else 3


def test_a_copy_of_what_was_in_memory_is_inherited_and_counted(
    on_disk: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = on_disk.open()
    monkeypatch.setattr(files, "write_at", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    for number in range(5):
        journal.put(entry(number))
    take(journal, 2)
    on_disk.account(journal).reset()

    journal.after_fork_in_child()

    ledger = on_disk.ledger(journal)
    assert (ledger.accepted, ledger.dropped, ledger.pending) == (5, {"fork_inherited": 5}, 0)


# -- everything in any order ------------------------------------------------------------------------------------------


class JournalMachine(RuleBasedStateMachine):
    """Puts, takes, settles, makes room, dies, forks and starts again, in any order: the law holds at each step."""

    kind = ON_DISK

    @initialize(sheds=st.booleans())
    def begin(self, sheds: bool) -> None:
        self.stack = ExitStack()
        parent = self.stack.enter_context(tempfile.TemporaryDirectory())
        folder = self.stack.enter_context(folder_of(self.kind, Path(parent)))
        self.journals = Journals(self.kind, folder)
        when_full = "shed" if sheds else "drop_oldest"
        self.options: dict[str, Any] = {"size": 400_000, "memory": 50_000, "when_full": when_full}
        self.waiting: dict[int, tuple[int, int]] = {}
        """By number: who put it, and its level."""
        self.number = self.life = 0
        self.start()

    def start(self) -> None:
        self.life += 1
        self.journal = self.journals.open(**self.options)
        assert len(self.journal) == len(self.waiting)

    @rule(count=st.integers(1, 60), size=st.sampled_from([0, 100, 3_000, 30_000]), level=st.sampled_from([10, 20, 40]))
    def put(self, count: int, size: int, level: int) -> None:
        for _ in range(count):
            self.number += 1
            record = entry(self.number, level=level, size=size)
            if not self.journal.put(record):
                self.forget(self.journal.make_room(record))
                if not self.journal.put(record):
                    continue
            self.waiting[self.number] = (self.life, level)

    def forget(self, gone: Sequence[Entry]) -> None:
        for number in numbers(gone):
            del self.waiting[number]

    @rule(most=st.integers(1, 100), settled=st.integers(0, 100), refused=st.integers(0, 3))
    def deliver(self, most: int, settled: int, refused: int) -> None:
        taken = take(self.journal, most)
        assert len(taken) == min(most, len(self.waiting))
        assert set(taken) <= set(self.waiting)
        in_order: dict[tuple[int, int], list[int]] = {}
        for number in taken:
            in_order.setdefault(self.waiting[number], []).append(number)
        assert all(of_one == sorted(of_one) for of_one in in_order.values())
        done = taken[: min(settled, len(taken))]
        dropped = min(refused, len(done))
        assert self.journal.settle(len(done) - dropped, dropped, "rejected")
        for number in done:
            del self.waiting[number]

    @rule()
    def be_killed(self) -> None:
        die(self.journal)
        self.start()

    @rule()
    def end(self) -> None:
        assert list(self.journal.close("shutdown_deadline")) == []
        self.start()

    @precondition(lambda self: len(self.waiting) < 100)
    @rule()
    def begin_beside_a_living_one(self) -> None:
        other = self.journals.open(**self.options)
        assert len(other) == 0
        self.number += 1
        other.put(entry(self.number))
        self.waiting[self.number] = (-self.number, INFO)
        die(other)
        assert self.journal.adopt() == 1

    @invariant()
    def the_law_holds(self) -> None:
        if hasattr(self, "journal"):
            assert self.journals.ledger(self.journal).pending == len(self.waiting)

    def teardown(self) -> None:
        if hasattr(self, "journals"):
            self.journals.close()
            self.stack.close()


class MappedJournalMachine(JournalMachine):
    kind = KINDS[0]


JournalMachine.TestCase.settings = MappedJournalMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None
)
TestJournalOnDisk = JournalMachine.TestCase
TestMappedJournal = MappedJournalMachine.TestCase


def test_the_reserve_is_there_for_errors_when_the_sink_hangs(journals: Journals) -> None:
    journal = journals.open(size=1_000_000, when_full="shed")
    refused = 0
    for number in range(3_000):
        refused += not journal.put(entry(number, level=INFO, size=1_000))

    for number in range(60):
        assert journal.put(entry(number, level=ERROR, size=1_000))
    assert refused > 1_000
