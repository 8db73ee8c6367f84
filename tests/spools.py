"""What the tests of the spool share: folders with and without a disk behind them, records, journals, interrupts."""

from __future__ import annotations

import gc
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from penstock import files
from penstock.ledger import SinkAccount, SinkLedger
from penstock.levels import NOTHING
from penstock.river.spool.journal import Journal
from penstock.river.store import Entry

MAPPED: Final = "mapped"
ON_DISK: Final = "on disk"
KINDS: Final = (MAPPED, ON_DISK)


def entry(number: int = 0, level: int = 20, size: int = 0, name: str = "shop.order") -> Entry:
    """Return a record that tells its number, with *size* bytes at least."""
    return (b"%08d" % number).ljust(size, b"."), level, name, 1_700_000_000_000_000_000 + number, "json"


def numbers(records: Sequence[Entry]) -> list[int]:
    """Return the numbers of records."""
    return [int(record[0][:8]) for record in records]


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """Make a folder that has no disk behind it, or skip the test."""
    if not files.memory_backed("/dev/shm"):
        import pytest  # late: the programs under test do without it

        pytest.skip("no file system here is known to have no disk behind it")
    path = Path(tempfile.mkdtemp(prefix="penstock-test-", dir="/dev/shm"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def folder_of(kind: str, tmp_path: Path) -> Iterator[Path]:
    """Return a folder for journals of *kind*."""
    if kind == MAPPED:
        with folder_in_memory() as path:
            yield path / "spool"
    else:
        yield tmp_path / "spool"


class Journals:
    """Opens journals in one folder, as many processes would, and closes them in the end."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self._opened: list[Journal] = []
        self._accounts: dict[int, SinkAccount] = {}

    def open(self, folder: Path | None = None, **options: Any) -> Journal:
        """Open one; *options* as of `Journal`."""
        options = {"size": 4_000_000, "memory": 1_000_000, "when_full": "drop_oldest", **options}
        if self.kind == ON_DISK:
            options.setdefault("sync", NOTHING)  # a level that no record has, and so a file that is not mapped
        account = SinkAccount("out")
        journal = Journal(account, folder or self.folder, **options)
        account.waiting = journal.__len__
        self._opened.append(journal)
        self._accounts[id(journal)] = account
        journal.open()
        return journal

    def account(self, journal: Journal) -> SinkAccount:
        """Return the account of a journal."""
        return self._accounts[id(journal)]

    def ledger(self, journal: Journal) -> SinkLedger:
        """Return what a journal has counted; the law has to hold."""
        ledger = self.account(journal).read()
        assert ledger.balanced, ledger
        return ledger

    def close(self) -> None:
        """Close all of them."""
        for journal in self._opened:
            journal.close("shutdown_deadline")
            self.ledger(journal)


_SOURCE: Final = str(Path(files.__file__).parent)


class Interrupted(BaseException):
    """What a signal handler raises, as the one for Ctrl-C does."""


@contextmanager
def interrupts(seconds: float = 0.0003) -> Iterator[list[str]]:
    """Raise `Interrupted` in this thread again and again, wherever it is in Penstock; return a list of where."""
    interrupted: list[str] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_filename.startswith(_SOURCE) and not in_finalizer(frame):
            interrupted.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
            raise Interrupted

    def in_finalizer(frame: FrameType | None) -> bool:
        while frame is not None and frame.f_code.co_name != "__del__":
            frame = frame.f_back
        return frame is not None  # what is raised there goes nowhere

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield interrupted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def no_finalizers() -> Iterator[None]:
    """Collect no garbage while calls are interrupted: CPython 3.11 crashes if a trace function raises in a finalizer.

    What an interrupt cuts off hangs on the frames of its traceback, and is collected afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def take(journal: Journal, most: int = 1_000_000) -> list[int]:
    """Return the numbers of the first records."""
    return numbers([record for record, _ in journal.take(most)])


def die(journal: Journal) -> None:
    """Leave a journal as a killed process does: nothing is noted in its files, but its lock is free."""
    for chain in list(journal._backlog.chains):
        chain.let_go(1)
    run = journal._supply._run
    assert run is not None
    run.release()
    journal._intake.closed = journal._backlog.closed = True
