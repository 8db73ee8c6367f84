"""Chains: what several threads do to segments, nobody waits for without end."""

from __future__ import annotations

import signal
import threading
from _thread import RLock
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from penstock.river.spool.chain import Chain, finish_left, holding, merged
from penstock.river.spool.frames import Header
from penstock.river.spool.segment import Segment
from spools import Interrupted, interrupts


def segment(path: Path | None = None) -> Segment:
    return Segment(Header(1, 20, 4_096, 0, 0), path)


def is_free(lock: RLock) -> bool:
    try:
        lock.release()
    except RuntimeError:  # it is not ours
        return True
    return False


@contextmanager
def held_elsewhere(lock: RLock) -> Iterator[None]:
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            enough.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_several_chains_are_merged_by_time_and_each_keeps_its_order() -> None:
    heads = [[1, 5, 3, 9], [2, 4, 4, 6]]  # a clock that was set back

    together = merged(heads, int)

    assert together == [1, 2, 4, 4, 5, 3, 6, 9]
    assert [one for one in together if one in (1, 5, 3, 9)] == heads[0]


def test_what_is_done_under_a_lock_is_done_alone_or_not_at_all() -> None:
    lock, done = RLock(), list[int]()

    assert holding(lock, 0, lambda: done.append(1))
    with held_elsewhere(lock):
        assert not holding(lock, 0.01, lambda: done.append(2))
    assert holding(lock, 0, lambda: done.append(3))

    assert done == [1, 3]


def test_the_lock_is_free_again_whatever_was_raised() -> None:
    lock = RLock()

    def fail() -> None:
        raise OSError

    with pytest.raises(OSError):
        holding(lock, 0, fail)
    assert is_free(lock)


def test_a_segment_is_finished_once_nobody_writes_to_it() -> None:
    one = segment()
    finish_left(one)
    assert not one.finished  # it is not full yet

    one.seal()
    with held_elsewhere(one.lock):
        finish_left(one)
    assert not one.finished
    one.writer = 1  # this thread, below a signal handler
    finish_left(one)
    assert not one.finished
    one.writer = 0
    finish_left(one)
    assert one.finished


def test_letting_go_closes_every_file_and_takes_no_more(tmp_path: Path) -> None:
    one = segment(tmp_path / "1.seg")
    one.open_file(durable=False)
    chain = Chain(20, one)
    chain.segments.append(one)

    chain.let_go(1)

    assert (one.sealed, one.fd) == (True, -1)
    assert one.where.exists()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals here")
def test_an_interrupt_at_any_moment_leaves_the_lock_free() -> None:
    lock = RLock()
    with interrupts() as interrupted:
        while len(interrupted) < 300:
            with suppress(Interrupted):
                holding(lock, 0.05, lambda: None)
                assert is_free(lock)
    assert is_free(lock)
