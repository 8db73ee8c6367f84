"""Queued: bounded, never in the caller's way, and every record accounted for."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from deliveries import balanced, soon
from interrupts import everywhere
from penstock.clock import monotonic
from penstock.errors import Closed, Rejected, Unavailable
from penstock.faults import fault_counts
from penstock.ledger import SinkAccount, SinkLedger
from penstock.river.deliver import DeliveryOptions, delivering
from penstock.river.env import Env
from penstock.river.letters import DeadLetters, read_letters
from penstock.river.modes.inline import InlineDelivery
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.sink import GuardedSink, time_left
from penstock.testing import FailingSink, RecordingSink, SlowSink, some_record
from penstock.types import Record
from penstock.units import Duration, Size

Queue = Callable[..., QueuedDelivery]


@pytest.fixture
def queued() -> Iterator[Queue]:
    made: list[QueuedDelivery] = []

    def make(sink: Any, **options: Any) -> QueuedDelivery:
        options.setdefault("batch_wait", Duration("0 s"))
        made.append(QueuedDelivery(GuardedSink("out", sink), SinkAccount("out"), DeliveryOptions(**options)))
        return made[-1]

    yield make
    for delivery in made:
        if isinstance(delivery.sink.sink, SlowSink):
            delivery.sink.sink.release()
        delivery.close(monotonic() + 1)
        assert delivery.account.read().balanced


def inline(sink: Any) -> InlineDelivery:
    return InlineDelivery(GuardedSink("out", sink), SinkAccount("out"))


def test_queued_delivers_in_order_and_in_batches(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink, batch=10)
    delivery.deliver(some_record(b"0"))
    sink.entered.wait(5)
    for number in range(1, 26):
        delivery.deliver(some_record(str(number).encode()))
    assert balanced(delivery.account) == SinkLedger(26, 0, {}, 26)  # waiting and in flight, both counted

    sink.release()
    assert delivery.flush(soon())

    assert sink.texts == [str(number) for number in range(26)]
    assert sink.batches == [1, 10, 10, 5]
    assert balanced(delivery.account) == SinkLedger(26, 26, {}, 0)


def test_no_worker_runs_before_the_first_record(queued: Queue) -> None:
    queued(RecordingSink())

    assert "penstock-out" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("when_full", "kept"), [("drop_oldest", [b"0", b"3", b"4"]), ("drop_newest", [b"0", b"1", b"2"])]
)
def test_a_full_queue_drops_as_it_is_told_and_counts_it(queued: Queue, when_full: Any, kept: list[bytes]) -> None:
    sink = SlowSink()
    size = 201  # a record of one byte, with what it costs beside
    delivery = queued(sink, queue=Size(3 * size), when_full=when_full)
    delivery.deliver(some_record(b"0"))
    sink.entered.wait(5)  # in flight: it is not taken back

    for number in range(1, 5):
        delivery.deliver(some_record(str(number).encode()))

    assert balanced(delivery.account) == SinkLedger(5, 0, {"queue_full": 2}, 3)
    sink.release()
    assert delivery.flush(soon())
    assert [record.data for record in sink.records] == kept


def test_block_waits_for_room_but_not_for_ever(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink, queue=Size(402), when_full="block", timeout=Duration("100 ms"))
    for data in (b"0", b"1", b"2"):
        delivery.deliver(some_record(data))

    assert balanced(delivery.account).dropped == {"queue_full": 1}

    threading.Timer(0.02, sink.release).start()
    delivery.deliver(some_record(b"3"))
    assert delivery.flush(soon())
    assert sink.texts == ["0", "1", "3"]


def test_a_record_larger_than_the_queue_is_dropped_and_empties_nothing_it_cannot_use(queued: Queue) -> None:
    delivery = queued(RecordingSink(), queue=Size(1_000))

    delivery.deliver(some_record(b"x" * 2_000))

    assert balanced(delivery.account).dropped == {"queue_full": 1}


def test_unavailable_keeps_the_batch_and_tries_again(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.river.modes.retry._BACKOFF", 0.001)
    sink = FailingSink(lambda: Unavailable("down"), times=3)
    delivery = queued(sink)

    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())

    assert sink.texts == ["a"]
    ledger = balanced(delivery.account)
    assert (ledger.delivered, ledger.redelivered, ledger.dropped) == (1, 3, {})
    assert delivery.sink.status == "ok"


def test_retry_after_is_obeyed_exactly(queued: Queue) -> None:
    times: list[float] = []

    class Asks(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            times.append(monotonic())
            if len(times) == 1:
                raise Unavailable("slow down", retry_after=0.15)
            super().write(batch)

    delivery = queued(Asks())
    delivery.deliver(some_record())
    assert delivery.flush(soon())

    assert times[1] - times[0] >= 0.15


def test_some_delivered_some_refused_and_the_rest_kept_are_each_counted_once(queued: Queue) -> None:
    calls: list[list[bytes]] = []

    class Partial(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            calls.append([record.data for record in batch])
            if len(batch) == 10:
                raise Unavailable("slow down", retry_after=0.01, delivered=3, rejected=[1])
            super().write(batch)

    gate = SlowSink()
    delivery = queued(gate)
    delivery.deliver(some_record(b"-"))
    gate.entered.wait(5)
    for number in range(10):
        delivery.deliver(some_record(str(number).encode()))
    delivery.sink.sink = Partial()
    gate.release()
    assert delivery.flush(soon())

    assert [len(call) for call in calls] == [10, 7]
    assert calls[1] == [b"3", b"4", b"5", b"6", b"7", b"8", b"9"]
    ledger = balanced(delivery.account)
    assert (ledger.accepted, ledger.delivered, ledger.dropped) == (11, 10, {"rejected": 1})


def test_what_waited_too_long_is_dropped_as_too_old(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.river.modes.retry._BACKOFF", 0.001)
    delivery = queued(FailingSink(lambda: Unavailable("down"), times=10**9), max_age=Duration("50 ms"))

    delivery.deliver(some_record())
    assert delivery.flush(soon())

    assert balanced(delivery.account).dropped == {"too_old": 1}


def test_what_a_worker_meets_costs_one_batch_and_the_worker_lives(queued: Queue) -> None:
    sink = FailingSink(lambda: ZeroDivisionError(), times=1)
    delivery = queued(sink)

    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())
    delivery.deliver(some_record(b"b"))
    assert delivery.flush(soon())

    assert sink.texts == ["b"]
    assert balanced(delivery.account) == SinkLedger(2, 1, {"plugin_error": 1}, 0)


def test_what_is_dropped_goes_to_the_fallback_in_its_own_account(queued: Queue) -> None:
    rescue = RecordingSink()
    delivery = queued(FailingSink(lambda: Rejected("bad"), times=1))
    delivery.drops.fallback = inline(rescue)

    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())

    ledger = balanced(delivery.account)
    assert (ledger.dropped, ledger.diverted) == ({"rejected": 1}, 1)
    assert rescue.texts == ["a"]


def test_flush_waits_until_the_fallback_has_it_too(queued: Queue) -> None:
    slow = threading.Event()

    class Rescue(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            slow.wait(0.05)
            super().write(batch)

    rescue = Rescue()
    delivery = queued(FailingSink(lambda: Rejected("bad"), times=1))
    delivery.drops.fallback = inline(rescue)

    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())

    assert rescue.texts == ["a"]


def test_after_closed_everything_goes_to_the_fallback(queued: Queue) -> None:
    rescue = RecordingSink()
    sink = FailingSink(lambda: Closed("401"), times=1)
    delivery = queued(sink)
    delivery.drops.fallback = inline(rescue)

    for data in (b"a", b"b", b"c"):
        delivery.deliver(some_record(data))
        assert delivery.flush(soon())

    assert rescue.texts == ["a", "b", "c"]
    assert sink.records == []
    assert balanced(delivery.account).dropped == {"closed": 3}


def test_close_drains_and_then_refuses(queued: Queue) -> None:
    sink = RecordingSink()
    delivery = queued(sink)
    for number in range(100):
        delivery.deliver(some_record(str(number).encode()))

    assert delivery.close(soon()) is True
    delivery.deliver(some_record(b"late"))

    assert len(sink.records) == 100
    assert balanced(delivery.account).dropped == {"closed": 1}


def test_a_hung_sink_cannot_hold_up_close_and_what_is_left_is_counted_once(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink)
    for number in range(5):
        delivery.deliver(some_record(str(number).encode()))
    sink.entered.wait(5)

    assert delivery.close(monotonic() + 0.05) is False
    assert balanced(delivery.account).dropped == {"shutdown_deadline": 5}

    sink.release()  # it comes back too late: what it did is not counted a second time
    worker = delivery._thread
    assert worker is not None
    worker.join(5)
    assert balanced(delivery.account) == SinkLedger(5, 0, {"shutdown_deadline": 5}, 0)


def test_close_does_not_ask_again_before_the_peer_allows_it(queued: Queue) -> None:
    sink = FailingSink(lambda: Unavailable("slow down", retry_after=60), times=10**9)
    delivery = queued(sink)
    delivery.deliver(some_record())
    while not balanced(delivery.account).redelivered:
        threading.Event().wait(0.001)
    before = monotonic()

    assert delivery.close(monotonic() + 5) is False

    assert monotonic() - before < 4  # hopeless: it does not wait for its deadline
    assert balanced(delivery.account).redelivered == 1


def test_close_without_a_thread_delivers_in_the_closing_thread(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_threads(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", no_threads)
    sink = RecordingSink()
    delivery = queued(sink)
    delivery.deliver(some_record(b"a"))

    assert delivery.close(soon())

    assert sink.texts == ["a"]


def test_flush_says_no_when_the_sink_hangs(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink)
    delivery.deliver(some_record())

    assert delivery.flush(monotonic() + 0.05) is False


def test_a_sink_that_emits_from_its_worker_is_cut_off(queued: Queue) -> None:
    class Echo(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            delivery.deliver(some_record(b"echo"))
            super().write(batch)

    sink = Echo()
    delivery = queued(sink)
    delivery.deliver(some_record(b"first"))
    assert delivery.flush(soon())

    assert sink.texts == ["first"]
    assert balanced(delivery.account).dropped == {"recursion": 1}


def test_a_sink_knows_how_much_time_its_attempt_has_left(queued: Queue) -> None:
    left: list[float] = []

    class Asks(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            left.append(time_left())

    delivery = QueuedDelivery(GuardedSink("out", Asks(), 2.0), SinkAccount("out"), DeliveryOptions())
    delivery.deliver(some_record())
    assert delivery.flush(soon())
    delivery.close(soon())

    assert 0 < left[0] <= 2.0
    assert time_left() == 5.0  # outside of an attempt


def test_the_counts_are_exact_under_many_threads(queued: Queue) -> None:
    sink = RecordingSink()
    delivery = queued(sink)

    def emit() -> None:
        for _ in range(2_000):
            delivery.deliver(some_record())

    threads = [threading.Thread(target=emit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert delivery.flush(soon())

    assert len(sink.records) == 16_000
    assert balanced(delivery.account) == SinkLedger(16_000, 16_000, {}, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_leaves_what_waits_to_its_parent_and_delivers_its_own(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink)
    for _ in range(3):
        delivery.deliver(some_record(b"parent"))
    sink.entered.wait(5)
    reader, writer = os.pipe()

    if os.fork() == 0:  # pragma: no cover, in the child
        delivery.after_fork_in_child()
        sink.release()
        delivery.deliver(some_record(b"child"))
        flushed = delivery.flush(soon())
        os.write(writer, json.dumps([flushed, sink.texts, *delivery.account.read()[:4]]).encode())
        os._exit(0)

    os.wait()
    told = json.loads(os.read(reader, 1_000))
    os.close(reader)
    os.close(writer)
    assert told == [True, ["child"], 4, 1, {"fork_inherited": 3}, 0]
    sink.release()
    assert delivery.flush(soon())
    assert sink.texts == ["parent"] * 3


def test_a_record_that_is_larger_than_the_queue_drives_nothing_out(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink, queue=Size(1_000))
    for _ in range(3):
        delivery.deliver(some_record(b"x"))
    delivery.deliver(some_record(b"x" * 2_000))

    assert balanced(delivery.account).dropped == {"queue_full": 1}
    sink.release()
    assert delivery.flush(soon())
    assert len(sink.records) == 3


def test_a_sink_that_asks_for_no_pause_is_not_asked_as_often_as_the_processor_can(queued: Queue) -> None:
    sink = FailingSink(lambda: Unavailable("busy", retry_after=0), times=10**9)
    delivery = queued(sink)
    delivery.deliver(some_record())
    threading.Event().wait(0.1)

    assert balanced(delivery.account).redelivered < 50


def test_a_worker_survives_what_is_no_exception(queued: Queue) -> None:
    sink = FailingSink(SystemExit, times=1)
    delivery = queued(sink)
    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())
    delivery.deliver(some_record(b"b"))
    assert delivery.flush(soon())

    assert sink.texts == ["b"]
    assert balanced(delivery.account).dropped == {"plugin_error": 1}


def test_a_shortage_of_threads_during_a_flush_is_not_the_end(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_threads(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    sink = RecordingSink()
    delivery = queued(sink)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_threads)
        delivery.deliver(some_record(b"a"))
        assert delivery.flush(soon())
    delivery.deliver(some_record(b"b"))
    assert delivery.flush(soon())

    assert sink.texts == ["a", "b"]


def test_a_sink_whose_attempt_outlives_the_deadline_is_closed_after_it(queued: Queue) -> None:
    closed = threading.Event()

    class Closes(SlowSink):
        def close(self) -> None:
            closed.set()

    sink = Closes()
    delivery = queued(sink)
    delivery.deliver(some_record())
    sink.entered.wait(5)

    assert delivery.close(monotonic() + 0.02) is False
    assert not closed.is_set()
    sink.release()
    assert closed.wait(5)


# -- the worker's thread ----------------------------------------------------------------------------------------------


def wait_until(condition: Callable[[], object]) -> None:
    deadline = soon()
    while not condition():
        assert monotonic() < deadline
        threading.Event().wait(0.001)


def let_worker_die(delivery: QueuedDelivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker's thread end as if an exception came up where it is not caught."""

    def die(standing_in: bool) -> bool:
        raise SystemExit

    thread = delivery._thread
    assert thread is not None
    with monkeypatch.context() as patch:
        patch.setattr(delivery.worker, "_goes_on", die)
        delivery._bell.ring()
        thread.join(5)
    assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_died_is_started_again_by_the_next_record(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = RecordingSink()
    delivery = queued(sink)
    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())
    let_worker_die(delivery, monkeypatch)
    delivery.deliver(some_record(b"b"))
    wait_until(lambda: len(sink.texts) == 2)

    assert sink.texts == ["a", "b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_died_while_records_wait_is_started_again_without_a_new_one(
    queued: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FailingSink(lambda: Unavailable("slow down", retry_after=0.2), times=1)
    delivery = queued(sink)
    delivery.deliver(some_record(b"a"))
    wait_until(lambda: balanced(delivery.account).redelivered)
    let_worker_die(delivery, monkeypatch)
    wait_until(lambda: sink.texts)

    assert fault_counts()["worker.died", "out"] == 1
    assert balanced(delivery.account) == SinkLedger(1, 1, {}, 0, redelivered=1)


def test_an_exception_out_of_nowhere_does_not_end_the_worker(queued: Queue) -> None:
    sink = RecordingSink()
    delivery = queued(sink)
    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())
    thread = delivery._thread
    assert thread is not None
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    delivery.deliver(some_record(b"b"))
    assert delivery.flush(soon())

    assert sink.texts == ["a", "b"]
    assert delivery._thread is thread


def test_a_signal_handler_that_flushes_gets_an_answer_wherever_it_interrupts(queued: Queue) -> None:
    sink = RecordingSink()
    delivery = queued(sink, queue=Size(40 * 201))
    took: list[float] = []

    def handler(number: int, frame: FrameType | None) -> None:
        before = monotonic()
        delivery.flush(before + 60)
        took.append(monotonic() - before)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
        while len(took) < 100:
            for level in ("debug", "info", "error"):
                delivery.deliver(some_record(b"x", level=level))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert max(took) < 30
    assert delivery.flush(soon())
    assert balanced(delivery.account).delivered == len(sink.records)


def test_a_burst_is_delivered_within_milliseconds_of_an_idle_sink(queued: Queue) -> None:
    seen = threading.Event()

    class Sees(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            super().write(batch)
            seen.set()

    delivery = queued(Sees(), batch_wait=Duration("10 s"))
    delivery.deliver(some_record())  # a sink that nobody wrote to lately: no batch gathers

    assert seen.wait(5)


def test_a_sink_that_emits_is_cut_off_also_after_its_worker_put_a_notice(queued: Queue) -> None:
    class Echo(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            delivery.deliver(some_record(b"echo"))
            super().write(batch)

    sink = Echo()
    delivery = queued(sink)
    delivery.drops.notify = lambda text, counts: some_record(b"notice")
    cell = delivery.account.cell()
    cell.accepted += 1
    cell.dropped["shed"] += 1
    delivery.drops.untold = True
    delivery.deliver(some_record(b"a"))
    assert delivery.flush(soon())
    delivery.deliver(some_record(b"b"))
    assert delivery.flush(soon())

    assert sink.texts == ["a", "notice", "b"]
    assert balanced(delivery.account).dropped == {"recursion": 3, "shed": 1}


def test_nobody_stands_in_for_a_worker_that_is_at_it(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = SlowSink()
    delivery = queued(sink)
    delivery.deliver(some_record(b"a"))
    assert sink.entered.wait(5)
    monkeypatch.setattr(delivery, "_runs", lambda: False)  # as it looks when the thread is just being started
    monkeypatch.setattr(delivery, "_start", lambda: False)

    assert delivery.flush(monotonic() + 0.05) is False
    sink.release()
    assert delivery.flush(soon())
    assert sink.texts == ["a"]


def test_room_that_comes_by_itself_is_used_though_nothing_gives_way(
    queued: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SlowSink()
    delivery = queued(sink, queue=Size(201), when_full="drop_newest")
    delivery.deliver(some_record(b"a"))
    assert sink.entered.wait(5)

    def meanwhile(record: object) -> list[object]:
        sink.release()
        wait_until(lambda: not len(delivery._store))
        return []

    monkeypatch.setattr(delivery._store, "make_room", meanwhile)
    delivery.deliver(some_record(b"b"))
    assert delivery.flush(soon())

    assert sink.texts == ["a", "b"]
    assert balanced(delivery.account) == SinkLedger(2, 2, {}, 0)


def test_what_the_sink_refused_is_kept_to_be_sent_again(queued: Queue, tmp_path: Path) -> None:
    delivery = queued(FailingSink(lambda: Rejected("bad", indexes=[0]), times=1))
    delivery.drops.letters = DeadLetters(tmp_path / "dead.jsonl", "out")
    delivery.deliver(some_record(b"bad"))
    assert delivery.flush(soon())

    assert [(letter.record[0], letter.reason) for letter in read_letters(tmp_path / "dead.jsonl")] == [
        (b"bad", "rejected")
    ]


def test_a_thread_that_waits_for_room_gets_it_when_the_sink_goes_on(queued: Queue) -> None:
    sink = SlowSink()
    delivery = queued(sink, queue=Size(402), when_full="block", timeout=Duration("60 s"))
    for data in (b"0", b"1"):
        delivery.deliver(some_record(data))
    waiting = threading.Thread(target=lambda: delivery.deliver(some_record(b"2")))
    waiting.start()
    sink.entered.wait(5)
    assert waiting.is_alive()

    sink.release()
    waiting.join(5)
    assert delivery.flush(soon())
    assert sink.texts == ["0", "1", "2"]


class NoThreads(Env):
    """A process that is too far gone to start a thread."""

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        raise RuntimeError("can't create new thread at interpreter shutdown")


@pytest.mark.parametrize("end", ["flush", "close"])
def test_an_interrupt_anywhere_in_a_thread_that_stands_in_for_the_worker_leaves_the_law(end: str) -> None:
    made: list[tuple[QueuedDelivery, RecordingSink]] = []

    def prepare() -> Callable[[], object]:
        sink = RecordingSink()
        options = DeliveryOptions(queue=Size(3 * 201), batch_wait=Duration("0 s"))
        delivery = QueuedDelivery(GuardedSink("out", sink), SinkAccount("out"), options, NoThreads())
        made.append((delivery, sink))

        def use() -> None:
            for number in range(4):
                delivery.deliver(some_record(str(number).encode()))
            getattr(delivery, end)(soon())

        return use

    places = list(everywhere(prepare))

    assert len(places) > 100
    for where, (delivery, sink) in zip(places, made, strict=False):
        assert delivery.account.read().balanced, (where, delivery.account.read())
        delivery.close(soon())
        ledger = delivery.account.read()
        assert ledger.balanced, (where, ledger)
        assert ledger.pending == 0, (where, ledger)
        assert len(set(sink.texts)) >= ledger.delivered, (where, ledger)
        assert not delivering, where
