"""Queue: bounded exactly, in order, and every record counted where it moves."""

from __future__ import annotations

import gc
import signal
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from deliveries import RECORD, balanced, line
from interrupts import everywhere
from penstock.ledger import SinkAccount, SinkLedger
from penstock.river.env import Bell
from penstock.river.queue.queue import Queue


def queue(size: int = 16_000_000, *, most: int = 100_000, when_full: str = "shed") -> tuple[Queue, SinkAccount]:
    account = SinkAccount("out")
    made = Queue(account, Bell(), size, most, when_full)
    account.waiting = made.__len__
    return made, account


def put_or_crowd_in(store: Queue, data: Any, level: int = 20, time_ns: int = 0) -> bool:
    record = line(data, level, time_ns)
    return store.put(record) or (bool(store.make_room(record)) and store.put(record))


def held(store: Queue) -> int:
    """Return the bytes in which nothing waits."""
    purses = {id(purse): purse for some in (store.room.purses, store.room.urgent) for purse in some.values()}
    return store.room.left + sum(purse.credit for purse in purses.values())


def taken(store: Queue, most: int = 1_000) -> list[str]:
    return [record[0].decode() for record, _ in store.take(most)]


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_it_holds_what_fits_and_not_a_byte_more() -> None:
    store, account = queue(3 * RECORD, when_full="drop_newest")

    assert [store.put(line(number)) for number in range(4)] == [True, True, True, False]
    assert balanced(account) == SinkLedger(3, 0, {}, 3)

    exact, _ = queue(250, when_full="drop_newest")
    assert not exact.put(line("x" * 51))
    assert exact.put(line("x" * 50))


def test_it_holds_so_many_records_and_no_more() -> None:
    store, _ = queue(16_000_000, most=3)

    assert [store.put(line(number, 40)) for number in range(4)] == [True, True, True, False]


def test_the_bound_in_records_is_never_passed_whatever_the_numbers() -> None:
    for most in (1, 2, 7, 33, 70, 71, 79):
        store, _ = queue(16_000, most=most, when_full="drop_newest")
        held = sum(store.put(line("x")) for _ in range(100))
        assert most * 0.95 <= held <= most


@pytest.mark.parametrize("threads", [1, 8])
def test_the_bound_is_exact_however_many_threads_put(threads: int) -> None:
    store, account = queue(300 * RECORD, when_full="drop_newest")
    deliver = store.entrance(lambda record: None if store.put(record) else refused.append(record), lambda: None)
    refused: list[object] = []

    def put() -> None:
        for _ in range(1_000):
            deliver(line("x"))

    working = [threading.Thread(target=put) for _ in range(threads)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()

    assert len(store) == 300
    assert len(refused) == 1_000 * threads - 300
    assert balanced(account).accepted == 300


def test_what_was_settled_makes_room_for_as_much() -> None:
    store, account = queue(3 * RECORD, when_full="drop_newest")
    for number in range(3):
        store.put(line(number))
    store.take(2)
    assert not store.put(line(3))

    assert store.settle(1, 1, "rejected")

    assert [store.put(line(number)) for number in (3, 4, 5)] == [True, True, False]
    assert balanced(account) == SinkLedger(5, 1, {"rejected": 1}, 3)


# -- what gives way ---------------------------------------------------------------------------------------------------


def test_the_lowest_level_gives_way_first_and_of_that_the_oldest() -> None:
    store, account = queue(6 * RECORD)
    for number, (data, level) in enumerate([("i0", 20), ("d0", 10), ("i1", 20), ("d1", 10), ("w0", 30)]):
        assert store.put(line(data, level, number))

    assert put_or_crowd_in(store, "w1", 30, 9)
    assert taken(store) == ["i0", "i1", "d1", "w0", "w1"]
    assert balanced(account).dropped == {"shed": 1}


def test_a_record_of_the_lowest_level_gives_way_itself() -> None:
    store, account = queue(6 * RECORD)
    for number in range(5):
        store.put(line(number))

    assert not put_or_crowd_in(store, "late")
    assert not put_or_crowd_in(store, "lower", 10)
    assert store.reason(line("late")) == "shed"
    assert len(store) == 5
    assert balanced(account).dropped == {}


def test_lower_levels_never_fill_the_reserve_and_errors_do() -> None:
    store, _ = queue(100 * RECORD)
    assert sum(store.put(line("x")) for _ in range(200)) == 90

    assert sum(store.put(line("x", 40)) for _ in range(200)) == 10


def test_every_error_gets_in_as_long_as_anything_lower_waits_and_then_none_pushes_out_another() -> None:
    store, account = queue(100 * RECORD)
    for _ in range(90):
        store.put(line("x"))

    assert sum(put_or_crowd_in(store, "x", 40) for _ in range(150)) == 100
    assert balanced(account).dropped == {"shed": 90}
    assert put_or_crowd_in(store, "x", 50)  # a critical one pushes out an error
    assert balanced(account).dropped == {"shed": 91}

    store.settle(len(store.take(1_000)))
    assert sum(store.put(line("x")) for _ in range(200)) == 90, "the room of those that gave way is theirs again"


def test_with_drop_oldest_the_oldest_gives_way_whatever_its_level() -> None:
    store, account = queue(3 * RECORD, when_full="drop_oldest")
    for number, level in enumerate([50, 10, 20]):
        store.put(line(number, level))

    assert put_or_crowd_in(store, 3, 5)
    assert taken(store) == ["1", "2", "3"]
    assert balanced(account).dropped == {"queue_full": 1}


@pytest.mark.parametrize("when_full", ["drop_newest", "block"])
def test_otherwise_nothing_gives_way(when_full: str) -> None:
    store, account = queue(3 * RECORD, when_full=when_full)
    for number in range(3):
        store.put(line(number))

    assert store.make_room(line(3, 70)) == []
    assert store.reason(line(3)) == "queue_full"
    assert balanced(account) == SinkLedger(3, 0, {}, 3)


def test_what_was_taken_does_not_give_way() -> None:
    store, _ = queue(3 * RECORD, when_full="drop_oldest")
    for number in range(3):
        store.put(line(number))
    store.take(2)

    assert put_or_crowd_in(store, 3)
    assert not put_or_crowd_in(store, "x" * RECORD)  # which would need two
    assert taken(store) == ["0", "1", "3"]


def test_nothing_gives_way_to_a_record_for_which_it_would_not_be_enough() -> None:
    store, account = queue(10 * RECORD)
    for level in (20, 20, 20, 40, 40, 40, 40, 40, 40):
        assert store.put(line("x", level))

    assert store.make_room(line("x" * 5 * RECORD, 40)) == []
    assert store.make_room(line("x" * 11 * RECORD, 50)) == []
    assert store.reason(line("x" * 11 * RECORD, 50)) == "queue_full"
    assert balanced(account) == SinkLedger(9, 0, {}, 9)


# -- order ------------------------------------------------------------------------------------------------------------


def test_what_was_taken_comes_again_until_it_is_settled() -> None:
    store, _ = queue()
    for number in range(5):
        store.put(line(number))

    assert taken(store, 2) == ["0", "1"]
    assert taken(store, 1) == ["0"]
    assert taken(store, 3) == ["0", "1", "2"]
    store.settle(1)
    assert taken(store, 9) == ["1", "2", "3", "4"]


def test_what_was_put_while_the_worker_slept_was_put_when_it_woke() -> None:
    store, _ = queue()
    store._bell.tick = None
    store.put(line(0))
    store._bell.woke = store._bell.tick = 50.0
    store.put(line(1))
    store._bell.tick = 51.0
    store.put(line(2))

    assert [since for _, since in store.take(9)] == [50.0, 50.0, 51.0]


# -- signals, finalizers, other threads -------------------------------------------------------------------------------


def test_a_signal_handler_may_put_in_the_middle_of_anything() -> None:
    store, account = queue(40 * RECORD)
    put = [0]

    def deliver(record: Any) -> None:
        put[0] += 1
        if not store.put(record):
            store.make_room(record)
            if not store.put(record):
                cell = account.cell()
                cell.accepted += 1
                cell.dropped["shed"] += 1

    entrance = store.entrance(deliver, lambda: None)
    calls = [0]

    def handler(number: int, frame: FrameType | None) -> None:
        calls[0] += 1
        entrance(line("signal", 40))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        rounds = 0
        while calls[0] < 300:
            rounds += 1
            entrance(line("main", 20 if rounds % 3 else 10))
            if rounds % 7 == 0:
                count = len(store.take(5))
                store.settle(count)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    ledger = balanced(account)
    assert ledger.accepted == rounds + calls[0]
    store.close("shutdown_deadline")
    assert balanced(account).pending == 0


@pytest.mark.parametrize("when_full", ["shed", "drop_oldest", "drop_newest"])
def test_an_interrupt_anywhere_leaves_each_record_counted_once_and_no_byte_lost(when_full: str) -> None:
    size = 20 * RECORD
    made: list[tuple[Queue, SinkAccount]] = []

    def prepare() -> Callable[[], object]:
        store, account = queue(size, when_full=when_full)
        made.append((store, account))
        for number in range(30):
            store.put(line("x", (10, 20, 30)[number % 3]))
        store.settle(len(store.take(2)))
        deliver = store.entrance(lambda record: put_or_crowd_in(store, record[0], record[1]), lambda: None)

        def use() -> None:
            for level in (10, 40, 40, 20, 50):
                deliver(line("y", level))
            store.settle(1, len(store.take(3)) - 1, "rejected")
            deliver(line("z", 60))

        return use

    places = list(everywhere(prepare))

    assert len(places) > 50
    for where, (store, account) in zip(places, made, strict=False):
        ledger = account.read()
        assert ledger.balanced, (where, ledger)
        gone = sum(len(purse.gone) for held in (store.room.purses, store.room.urgent) for purse in held.values())
        if not gone:
            assert held(store) + len(store) * RECORD == size, where


def test_an_interrupt_of_what_pushes_out_is_made_good_by_the_next_one() -> None:
    store, account = queue(10 * RECORD)
    for _ in range(9):
        store.put(line("x"))
    store.put(line("x", 40))
    purse = store.room.purse(urgent=True)
    store._lanes.of(20).drop_oldest(purse.gone, purse.cell.dropped, "shed")  # and here came the interrupt

    assert put_or_crowd_in(store, "y", 40)
    assert put_or_crowd_in(store, "z", 40)
    assert balanced(account).dropped["shed"] == 2
    assert held(store) + len(store) * RECORD == 10 * RECORD


def test_without_memory_for_it_a_record_is_dropped_and_counted() -> None:
    class Full(deque[Any]):
        def append(self, entry: Any, /) -> None:
            raise MemoryError

    store, account = queue(10 * RECORD)
    store._lanes.of(20).entries = Full()

    assert store.put(line("x"))
    store.entrance(store.put, lambda: None)(line("x"))
    assert balanced(account).dropped == {"queue_full": 2}
    assert held(store) == 10 * RECORD


def test_a_finalizer_may_put_in_the_middle_of_a_put() -> None:
    store, account = queue()
    deliver = store.entrance(store.put, lambda: None)
    died = [0]

    class Dying:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            died[0] += 1
            deliver(line("last words"))

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(300):
            Dying()
            deliver(line("x"))
    finally:
        gc.set_threshold(*threshold)

    gc.collect()
    assert died == [300]
    assert balanced(account) == SinkLedger(600, 0, {}, 600)


def test_threads_that_put_crowd_in_and_take_at_once_lose_no_count_and_no_byte() -> None:
    store, account = queue(50 * RECORD)
    working = [True]

    def refuse(record: Any) -> None:
        if not (store.put(record) or (store.make_room(record) and store.put(record))):
            cell = account.cell()
            cell.accepted += 1
            cell.dropped["shed"] += 1

    deliver = store.entrance(refuse, lambda: None)

    def emit() -> None:
        for number in range(3_000):
            deliver(line("x", (10, 20, 30, 40, 50)[number % 5]))

    def work() -> None:
        while working[0] or len(store):
            store.settle(len(store.take(7)))

    worker = threading.Thread(target=work)
    emitters = [threading.Thread(target=emit) for _ in range(4)]
    for thread in (worker, *emitters):
        thread.start()
    for thread in emitters:
        thread.join()
    working[0] = False
    worker.join()

    assert balanced(account).accepted == 12_000
    assert held(store) == 50 * RECORD


def test_a_reading_meanwhile_always_balances() -> None:
    store, account = queue(400 * RECORD, when_full="drop_oldest")
    deliver = store.entrance(lambda record: bool(store.put(record) or store.make_room(record)) and None, lambda: None)
    working = [True]

    def emit() -> None:
        while working[0]:
            deliver(line("x"))
            threading.Event().wait(0.0005)

    def work() -> None:
        while working[0]:
            store.settle(len(store.take(50)))
            threading.Event().wait(0.0005)

    threads = [threading.Thread(target=target) for target in (emit, emit, work)]
    for thread in threads:
        thread.start()
    try:
        readings = [account.read() for _ in range(300)]
    finally:
        working[0] = False
        for thread in threads:
            thread.join()

    assert all(reading.balanced for reading in readings)


# -- the end, and a new beginning -------------------------------------------------------------------------------------


def test_close_drops_what_is_left_counts_it_and_gives_it_back() -> None:
    store, account = queue()
    for number, level in enumerate([20, 10, 40]):
        store.put(line(number, level))
    store.take(1)

    left = store.close("shutdown_deadline")

    assert sorted(record[0] for record in left) == [b"0", b"1", b"2"]
    assert balanced(account) == SinkLedger(3, 0, {"shutdown_deadline": 3}, 0)
    assert store.settle(1) is False
    assert store.put(line(3)) is False
    assert store.take(9) == []
    assert balanced(account).accepted == 3


def test_who_has_credit_when_it_closes_cannot_spend_it() -> None:
    refused: list[object] = []
    store, account = queue()
    deliver: Callable[..., None] = store.entrance(
        lambda record: refused.append(record) if not store.put(record) else None, lambda: None
    )
    deliver(line(0))
    deliver(line(1))
    store.close("shutdown_deadline")
    deliver(line(2))

    assert len(refused) == 1
    assert balanced(account).accepted == 2


def test_a_forked_child_starts_empty_and_counts_the_copy_as_inherited() -> None:
    store, account = queue(10 * RECORD)
    for number in range(5):
        store.put(line(number))
    store.take(2)
    account.reset()
    store.after_fork_in_child()

    assert balanced(account) == SinkLedger(5, 0, {"fork_inherited": 5}, 0)
    assert sum(store.put(line(number)) for number in range(20)) == 9


def test_who_puts_while_the_worker_sleeps_rings() -> None:
    rung: list[int] = []
    store, _ = queue()
    deliver = store.entrance(store.put, lambda: rung.append(1))
    deliver(line(0))
    store._bell.tick = 1.0
    deliver(line(1))
    assert rung == []

    store._bell.tick = None
    deliver(line(2))
    assert rung == [1]
