"""Many threads, signal handlers and finalisers write while the file rotates: each line once, none torn, no deadlock."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import Counter
from typing import Any

import pytest
from rotated import FileOf, Folder, posix

import penstock
from interrupts import everywhere
from penstock.testing import some_record


def in_threads(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def hasty() -> Any:
    """Switch threads a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_eight_threads_and_a_small_file(folder: Folder, river: FileOf, compress: str) -> None:
    one = river(max_size="20 kB", keep=100_000, compress=compress)
    log = penstock.get_logger("trade")

    def work(number: int) -> None:
        for n in range(2_000):
            log.info("sold", n=number * 2_000 + n)

    in_threads(8, work)
    assert one._archiver.flush(60)
    assert penstock.shutdown()

    assert Counter(folder.numbers) == Counter(range(16_000))
    assert max(len(data) for data in folder.contents) <= 20_000
    account = penstock.ledger()["file"]
    assert (account.accepted, account.delivered, account.dropped, account.pending) == (16_000, 16_000, {}, 0)


def test_threads_that_interrupt_each_other_all_the_time(folder: Folder, sink: FileOf, hasty: None) -> None:
    one = sink(max_size=400, keep=100_000)

    def work(number: int) -> None:
        for n in range(300):
            one.write([some_record(b"%d.%d" % (number, n))])

    in_threads(6, work)

    assert Counter(folder.lines) == Counter(f"{number}.{n}" for number in range(6) for n in range(300))
    assert max(len(data) for data in folder.contents) <= 400
    assert len(folder.archives) > 15


def test_each_threads_lines_keep_their_order(folder: Folder, sink: FileOf, hasty: None) -> None:
    one = sink(max_size=500, keep=100_000)

    def work(number: int) -> None:
        for n in range(200):
            one.write([some_record(b"%d.%04d" % (number, n))])

    in_threads(4, work)

    for number in range(4):
        own = [line for line in folder.lines if line.startswith(f"{number}.")]
        assert own == sorted(own)


def test_nobody_closes_a_file_under_a_writer(folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch) -> None:
    one = sink(max_size=100, keep=100, compress="gzip")
    inside, go = threading.Event(), threading.Event()
    write = os.write

    def slow(fd: int, data: bytes) -> int:
        if data.startswith(b"slow"):
            inside.set()
            go.wait(10)
        return write(fd, data)

    monkeypatch.setattr(os, "write", slow)
    writer = threading.Thread(target=one.write, args=([some_record(b"slow")],))
    writer.start()
    assert inside.wait(10)
    one.write([some_record(b"x" * 98)])  # does not fit beside the line that is on its way
    one.flush()
    assert [len(data) for data in folder.contents] == [0, 99]
    first = folder.archives[0]
    assert (first.suffix, first.read_bytes()) == (".jsonl", b""), "it is kept, for the line to come"
    go.set()
    writer.join()
    one._archiver.ring()
    one.flush()

    assert folder.lines == ["slow", "x" * 98]
    assert [path.suffix for path in folder.archives] == [".gz"]


@posix
def test_signal_handlers_that_log_in_the_middle_of_everything(folder: Folder, river: FileOf) -> None:
    river(max_size="1 kB", keep=100_000)
    log = penstock.get_logger("trade")
    from_handler = 0
    handling = False

    def handler(*arguments: object) -> None:
        nonlocal from_handler, handling
        if not handling:  # a handler within a handler is the core's to refuse
            handling = True
            log.info("tick", handled=from_handler)
            from_handler += 1
            handling = False

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.003)
    try:
        for n in range(3_000):
            log.info("sold", n=n)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert from_handler > 20
    assert folder.numbers == list(range(3_000))
    assert sorted(row["handled"] for row in folder.rows if "handled" in row) == list(range(from_handler))
    for data in folder.contents:  # what comes in the middle of a rotation goes to the full file, and is there at once
        assert sum(len(line) + 1 for line in data.splitlines() if b'"sold"' in line) <= 1_000
    account = penstock.ledger()["file"]
    assert (account.delivered, account.dropped) == (3_000 + from_handler, {})


@posix
def test_a_handler_in_the_middle_of_a_rotation_can_log(
    folder: Folder, river: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = river(max_size="300 B", keep=100)
    log = penstock.get_logger("trade")
    move, open_file = one._archives.move, type(one)._open

    def move_and_log(time_ns: int) -> Any:
        log.info("before the move", n=-1)
        target = move(time_ns)
        log.info("after the move", n=-2)
        return target

    def open_and_log(sink: Any) -> Any:
        file = open_file(sink)
        log.info("after the open", n=-3)
        return file

    monkeypatch.setattr(one._archives, "move", move_and_log)
    monkeypatch.setattr(type(one), "_open", open_and_log)
    for n in range(10):
        log.info("sold", n=n)

    assert [n for n in folder.numbers if n >= 0] == list(range(10))
    rotations = len(folder.archives)
    assert rotations > 2
    assert {n: folder.numbers.count(n) for n in (-1, -2, -3)} == dict.fromkeys((-1, -2, -3), rotations)
    assert penstock.ledger()["file"].dropped == {}


class Loud:
    """Something that logs when it is collected."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        penstock.get_logger("trade").info("gone", gone=1)


def test_finalisers_that_log_in_the_middle_of_everything(folder: Folder, river: FileOf) -> None:
    river(max_size="1 kB", keep=100_000)
    before = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for n in range(300):
            Loud()
            penstock.get_logger("trade").info("sold", n=n)
    finally:
        gc.set_threshold(*before)
    gc.collect()

    assert folder.numbers == list(range(300))
    account = penstock.ledger()["file"]
    gone = sum("gone" in row for row in folder.rows)
    assert account.balanced
    assert gone + sum(account.dropped.values()) == 300


def test_an_interrupt_anywhere_leaves_no_writer_behind_and_no_line_torn(folder: Folder, river: FileOf) -> None:
    one = river()
    log = penstock.get_logger("trade")
    for where in everywhere(lambda: lambda: log.info("sold", n=-1)):
        assert one._current.is_quiet, where
    log.info("sold", n=1)
    assert penstock.shutdown()

    assert folder.numbers.count(1) == 1  # reading them fails if one is torn
    account = penstock.ledger()["file"]
    assert account.balanced
    assert account.pending == 0
