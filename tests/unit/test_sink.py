"""One sink, whatever it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from interrupts import everywhere
from penstock.clock import monotonic
from penstock.errors import Closed, Rejected, Unavailable
from penstock.faults import fault_counts
from penstock.river.sink import GuardedSink, LastResortSink, Outcome, time_left
from penstock.testing import FailingSink, RecordingSink, some_record
from penstock.types import Record

SOON = monotonic() + 60
BATCH = [some_record(data) for data in (b"a", b"b", b"c")]


def after(error: BaseException) -> Outcome:
    return GuardedSink("out", FailingSink(lambda: error, times=1)).write(BATCH)


def test_a_batch_that_arrives_is_delivered() -> None:
    assert GuardedSink("out", RecordingSink()).write(BATCH) == Outcome(3)


@pytest.mark.parametrize(
    ("error", "delivered", "refused", "waiting", "unnamed", "reason"),
    [
        (Unavailable(), 0, [], BATCH, 0, "rejected"),
        (Unavailable(delivered=2), 2, [], BATCH[2:], 0, "rejected"),
        (Unavailable(delivered=2, rejected=[0]), 1, BATCH[:1], BATCH[2:], 0, "rejected"),
        (Unavailable(delivered=99), 3, [], [], 0, "rejected"),
        (Unavailable(delivered=-1), 0, [], BATCH, 0, "rejected"),
        (Rejected(), 0, BATCH, [], 0, "rejected"),
        (Rejected(indexes=[1, 7]), 2, BATCH[1:2], [], 0, "rejected"),
        (Rejected(count=2), 1, [], [], 2, "rejected"),
        (Rejected(count=99), 0, [], [], 3, "rejected"),
        (Closed(), 0, BATCH, [], 0, "closed"),
        (Closed(delivered=1), 1, BATCH[1:], [], 0, "closed"),
        (ValueError(), 0, BATCH, [], 0, "plugin_error"),
    ],
)
def test_every_record_of_a_batch_is_in_exactly_one_place(
    error: Exception,
    delivered: int,
    refused: list[Record],
    waiting: list[Record],
    unnamed: int,
    reason: str,
) -> None:
    outcome = after(error)

    assert outcome.delivered == delivered
    assert list(outcome.refused) == refused
    assert list(outcome.waiting) == waiting
    assert outcome.unnamed == unnamed
    assert outcome.reason == reason
    assert delivered + len(refused) + len(waiting) + unnamed == 3


def test_health_goes_down_and_comes_back() -> None:
    sink = GuardedSink("out", FailingSink(lambda: Unavailable(), times=1))
    sink.write(BATCH)
    assert sink.status == "degraded"

    outcome = sink.write(BATCH)
    sink.tell(outcome)

    assert sink.status == "ok"
    assert fault_counts()["sink.recovered", "out"] == 1


def test_a_closed_sink_is_never_called_again() -> None:
    inner = FailingSink(lambda: Closed(), times=1)
    sink = GuardedSink("out", inner)
    sink.write(BATCH)

    assert sink.status == "failed"
    assert sink.write(BATCH).reason == "closed"
    assert inner.records == []


def test_what_flush_and_close_raise_is_a_fault() -> None:
    class Bad(RecordingSink):
        def flush(self) -> None:
            raise ZeroDivisionError

        close = flush

    sink = GuardedSink("out", Bad())
    sink.flush(SOON)
    sink.close(SOON)

    assert fault_counts()["sink.failed", "out"] == 2


def test_flush_and_close_are_called_where_there_are_any() -> None:
    calls: list[str] = []

    class Whole(RecordingSink):
        def open(self) -> None:
            calls.append("open")

        def flush(self) -> None:
            calls.append("flush")

        def close(self) -> None:
            calls.append("close")

    sink = GuardedSink("out", Whole())
    sink.open()
    sink.flush(SOON)
    sink.close(SOON)
    assert calls == ["open", "flush", "close"]
    plain = GuardedSink("out", RecordingSink())
    plain.open()
    plain.flush(SOON)
    plain.close(SOON)


def test_an_attempt_knows_how_much_time_it_has() -> None:
    seen: list[float] = []

    class Asks(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            seen.append(time_left())

    GuardedSink("out", Asks(), timeout=2.0).write(BATCH)

    assert 1.0 < seen[0] <= 2.0
    assert time_left() == 5.0


def test_the_last_resort_writes_plain_lines_at_a_bounded_rate(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.river.sink.monotonic", lambda: 7.0)
    sink = LastResortSink()
    sink.write([some_record(b"one\x1b"), some_record(b"two")])
    with pytest.raises(Unavailable) as caught:
        sink.write([some_record()] * 200)

    assert capfd.readouterr().err.splitlines()[:2] == ["one\\x1b", "two"]
    assert caught.value.delivered == 98


def test_a_sink_that_flushes_or_closes_itself_in_a_write_does_not_hang() -> None:
    calls: list[str] = []

    class Restless(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            calls.append(f"flushed {guarded.flush(SOON)}")
            guarded.close(SOON)
            calls.append("written")

        def flush(self) -> None:
            calls.append("flush")

        def close(self) -> None:
            calls.append("close")

    guarded = GuardedSink("out", Restless())
    assert guarded.write(BATCH).delivered == 3
    assert calls == ["flushed False", "written", "close"]


def test_a_busy_sink_does_not_hold_up_a_flush_beyond_its_deadline() -> None:
    inside, go = threading.Event(), threading.Event()

    class Busy(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            inside.set()
            go.wait(10)

        def flush(self) -> None:
            raise AssertionError("in the middle of a write")

    guarded = GuardedSink("out", Busy())
    thread = threading.Thread(target=guarded.write, args=(BATCH,))
    thread.start()
    inside.wait(5)

    assert guarded.flush(monotonic() + 0.05) is False
    go.set()
    thread.join()


def test_two_sinks_that_emit_into_each_other_do_not_wait_for_each_other_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("penstock.river.sink._NESTED", 0.05)
    both = threading.Barrier(2)
    sinks: dict[str, GuardedSink] = {}

    class Crossed(RecordingSink):
        def __init__(self, other: str) -> None:
            super().__init__()
            self.other = other

        def write(self, batch: Sequence[Record], /) -> None:
            if len(batch) == 1:
                return
            both.wait(5)
            outcomes.append(sinks[self.other].write(BATCH[:1]))

    outcomes: list[Outcome] = []
    sinks |= {"a": GuardedSink("a", Crossed("b")), "b": GuardedSink("b", Crossed("a"))}
    threads = [threading.Thread(target=sink.write, args=(BATCH,)) for sink in sinks.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert not any(thread.is_alive() for thread in threads)
    assert any(len(outcome.waiting) == 1 for outcome in outcomes)


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_is_no_exception_is_a_fault_of_the_sink_all_the_same(error: type[BaseException]) -> None:
    assert after(error()).reason == "plugin_error"


def test_an_interrupt_is_the_programs() -> None:
    with pytest.raises(KeyboardInterrupt):
        after(KeyboardInterrupt())


def test_a_sink_that_is_flushed_knows_how_much_time_there_is() -> None:
    left: list[float] = []

    class Asks(RecordingSink):
        def flush(self) -> None:
            left.append(time_left())

    GuardedSink("out", Asks()).flush(monotonic() + 1.0)

    assert 0 < left[0] <= 1.0


@pytest.mark.parametrize("error", [None, Unavailable("busy"), ValueError("bug")])
@pytest.mark.parametrize("does", ["write", "flush", "close"])
def test_an_interrupt_anywhere_leaves_the_sink_free_and_no_attempt_running(
    does: str, error: BaseException | None
) -> None:
    class Whole(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            if error is not None:
                raise error

        def flush(self) -> None:
            self.write([])

        close = flush

    made: list[GuardedSink] = []

    def prepare() -> Callable[[], object]:
        made[:] = [GuardedSink("out", Whole())]
        return partial(getattr(made[0], does), BATCH if does == "write" else SOON)

    for where in everywhere(prepare):
        other = threading.Thread(target=made[0].write, args=[BATCH], daemon=True)
        other.start()
        other.join(5)
        assert not other.is_alive(), where
        assert time_left() == 5.0, where


def test_a_sink_that_speaks_to_itself_while_it_flushes_is_refused_at_once() -> None:
    class Speaks(RecordingSink):
        def flush(self) -> None:
            began = monotonic()
            outcomes.append(guarded.write(BATCH))
            assert monotonic() - began < 0.5

    outcomes: list[Outcome] = []
    guarded = GuardedSink("out", Speaks())
    guarded.flush(SOON)

    assert outcomes == [Outcome(0, (), BATCH)]
    assert guarded.write(BATCH) == Outcome(3)
