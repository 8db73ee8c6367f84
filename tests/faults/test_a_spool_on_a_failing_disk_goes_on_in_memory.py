"""A disk that is full, fails or hangs costs the spool's callers nothing and no record: what comes waits in memory, it
says so, and when the disk is back, so is the spool.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

import pytest
import table
from capabilities import need
from disks import Disk, RealDisk
from form import either
from program import Order, board_of, running
from sometimes import Sometimes

from penstock import faults
from penstock.river.spool.journal import Journal
from spools import KINDS, ON_DISK, Journals, entry, take

_OPTIONS: Final[Mapping[str, Any]] = {"size": 100_000_000, "memory": 4_000_000, "when_full": "shed"}


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[tuple[Journals, Journal]]:
    made = Journals(kind, folder)
    try:
        yield made, made.open(**_OPTIONS)
    finally:
        made.close()


def put_until(journal: Journal, number: int, trouble: str, size: int = 1_000) -> int:
    """Put records until the journal says that its *trouble* is this; return the next number."""
    until = perf_counter() + 60
    while journal.trouble != trouble:
        assert perf_counter() < until
        assert journal.put(entry(number, size=size))
        number += 1
        if not trouble:
            sleep(0.005)  # memory is bounded, and it tries files again after a second
    return number


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_survived_and_room_is_used_again(small_disk: Disk, kind: str) -> None:
    with opened(kind, small_disk.path / "spool") as (journals, journal):
        small_disk.fill(300_000)
        number = put_until(journal, 0, "failed")
        for more in range(200):
            assert journal.put(entry(number + more, size=1_000))
        number += 200
        small_disk.make_room()
        back = perf_counter()
        number = put_until(journal, number, "", size=0)
        back = perf_counter() - back

        assert take(journal, 10_000_000) == list(range(number))
        ledger = journals.ledger(journal)
        assert (ledger.accepted, ledger.dropped) == (number, {})
        assert faults.fault_counts()["spool.recovered", "out"] == 1
        table.note("a full disk under a spool", kind, f"0 of {number:,} lost, back after {back:.1f} s")
        journal.settle(number)


def test_what_is_in_files_of_a_full_disk_is_whole(small_disk: Disk) -> None:
    with opened(ON_DISK, small_disk.path / "spool") as (journals, journal):
        small_disk.fill(100_000)
        number = put_until(journal, 0, "failed", size=777)
        in_memory = journal.close("shutdown_deadline")
        small_disk.make_room()

        found = take(journals.open(**_OPTIONS))

        assert found == list(range(number - len(in_memory)))


def test_a_disk_that_reports_an_error_takes_no_more_and_nothing_is_lost(real_disk: RealDisk) -> None:
    with opened(ON_DISK, real_disk.path / "spool") as (journals, journal):
        for number in range(100):
            journal.put(entry(number))
        real_disk.fail()

        number = put_until(journal, 100, "failed")
        for more in range(100):
            assert journal.put(entry(number + more))

        assert take(journal) == list(range(number + 100))
        assert journals.ledger(journal).dropped == {}
        assert journal.settle(number + 100)


@pytest.mark.sometimes("a caller was caught by a hung disk")
def test_a_hung_disk_catches_one_caller_and_no_other(real_disk: RealDisk, sometimes: Sometimes) -> None:
    with opened(ON_DISK, real_disk.path / "spool") as (journals, journal):
        journal.put(entry(0))
        real_disk.freeze()
        caught = threading.Thread(target=journal.put, args=(entry(1),))
        caught.start()
        number = put_until(journal, 2, "stalled")
        slowest = 0.0
        for more in range(2_000):
            begun = perf_counter()
            assert journal.put(entry(number + more))
            slowest = max(slowest, perf_counter() - begun)
        number += 2_000
        sometimes("a caller was caught by a hung disk", caught.is_alive())
        assert take(journal) == [0, *range(2, number)]
        real_disk.thaw()
        caught.join(60)
        number = put_until(journal, number, "")

        assert sorted(take(journal)) == list(range(number))
        assert journals.ledger(journal).accepted == number
        table.note("a hung disk under a spool", "penstock", f"slowest of 2,000 callers {slowest * 1e3:.1f} ms")
        assert journal.settle(number)


# -- power ------------------------------------------------------------------------------------------------------------


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount the copy of a disk, as after a power cut."""
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True, capture_output=True)


@pytest.mark.sometimes("records were synced before the power cut")
@pytest.mark.parametrize("sync", ["always", "never"])
def test_what_was_synced_survives_a_power_cut(
    real_disk: RealDisk, tmp_path: Path, sync: str, sometimes: Sometimes
) -> None:
    need("fsfreeze")
    lost = acknowledged = 0
    for run in range(either(2, 20)):
        folder = tmp_path / str(run)
        folder.mkdir()
        spool = real_disk.path / "spool"
        options = {**_OPTIONS, "sync": 0 if sync == "always" else 1_000}
        more = {"folder": spool, "kind": ON_DISK, "delivered": folder / "out", "options": options}
        order = Order(board=folder / "board", threads=1, more={"batch": 0, "in_turn": False, "largest": 300, **more})
        with ExitStack() as stack:
            board = stack.enter_context(board_of(folder / "board", 1))
            program = stack.enter_context(running(order, "spooling"))
            program.go()
            program.wait_until(lambda: board.acknowledged(0) > 200)  # noqa: B023 - it is over before the next
            program.kill()
            done = board.acknowledged(0)
            shutil.copyfile(real_disk.path.with_suffix(".image"), folder / "image")  # what reached the disk by now
            copy = stack.enter_context(mounted(folder / "image", folder / "disk"))
            journals = Journals(ON_DISK, copy / "spool")
            journal = journals.open(**_OPTIONS)
            found = take(journal)
            assert found == list(range(len(found)))
            journal.settle(len(found))
            journals.close()
        (folder / "image").unlink()
        for left in spool.iterdir():
            shutil.rmtree(left)
        os.sync()
        acknowledged += done
        lost += max(0, done - len(found))
    sometimes("records were synced before the power cut", sync == "always" and acknowledged)
    table.note("a power cut", f"spool, sync {sync}", f"{lost:,} of {acknowledged:,} lost")
    if sync == "always":
        assert lost == 0
