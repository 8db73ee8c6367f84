"""Inline: one write in the caller's thread, and every record accounted for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from deliveries import balanced, soon
from interrupts import everywhere
from penstock.errors import Closed, Rejected, Unavailable
from penstock.ledger import SinkAccount, SinkLedger
from penstock.river.modes.inline import InlineDelivery
from penstock.river.sink import GuardedSink, Outcome
from penstock.testing import FailingSink, RecordingSink, some_record
from penstock.types import Record


def inline(sink: Any) -> InlineDelivery:
    return InlineDelivery(GuardedSink("out", sink), SinkAccount("out"))


def test_inline_writes_at_once_in_the_callers_thread() -> None:
    threads: list[int] = []

    class Here(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            threads.append(threading.get_ident())
            super().write(batch)

    delivery = inline(Here())
    delivery.deliver(some_record(b"a"))

    assert threads == [threading.get_ident()]
    assert balanced(delivery.account) == SinkLedger(1, 1, {}, 0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("busy"), "stalled"),
        (Rejected("bad"), "rejected"),
        (Closed("gone"), "closed"),
        (ValueError("bug"), "plugin_error"),
        (OSError(28, "disk full"), "plugin_error"),
    ],
)
def test_what_an_inline_sink_raises_is_a_counted_drop_and_never_the_callers(error: Exception, reason: str) -> None:
    delivery = inline(FailingSink(lambda: error, times=1))

    delivery.deliver(some_record(b"a"))

    assert balanced(delivery.account) == SinkLedger(1, 0, {reason: 1}, 0)


def test_after_closed_an_inline_sink_is_not_called_again() -> None:
    sink = FailingSink(lambda: Closed("gone"), times=1)
    delivery = inline(sink)

    delivery.deliver(some_record(b"a"))
    delivery.deliver(some_record(b"b"))

    assert sink.records == []
    assert balanced(delivery.account).dropped == {"closed": 2}
    assert delivery.sink.status == "failed"


def test_an_interrupt_during_an_inline_write_passes_and_is_counted() -> None:
    delivery = inline(FailingSink(KeyboardInterrupt, times=1))

    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(some_record())

    assert balanced(delivery.account).dropped == {"plugin_error": 1}
    delivery.deliver(some_record())
    assert balanced(delivery.account).delivered == 1


def test_a_sink_that_emits_into_itself_is_cut_off_and_counted() -> None:
    class Echo(RecordingSink):
        delivery: InlineDelivery

        def write(self, batch: Sequence[Record], /) -> None:
            self.delivery.deliver(some_record(b"echo"))
            super().write(batch)

    sink = Echo()
    sink.delivery = inline(sink)
    sink.delivery.deliver(some_record(b"first"))

    assert sink.texts == ["first"]
    assert balanced(sink.delivery.account) == SinkLedger(2, 1, {"recursion": 1}, 0)


def test_a_thread_safe_sink_may_be_entered_once_more_by_its_own_thread() -> None:
    class Echo(RecordingSink):
        thread_safe = True
        delivery: InlineDelivery

        def write(self, batch: Sequence[Record], /) -> None:
            self.delivery.deliver(some_record(b"echo"))
            super().write(batch)

    sink = Echo()
    sink.delivery = inline(sink)
    sink.delivery.deliver(some_record(b"first"))

    assert sink.texts == ["echo", "first"]
    assert balanced(sink.delivery.account) == SinkLedger(3, 2, {"recursion": 1}, 0)


def test_a_sink_that_is_not_thread_safe_gets_one_write_at_a_time() -> None:
    inside = [0]
    worst = [0]

    class Counting(RecordingSink):
        def write(self, batch: Sequence[Record], /) -> None:
            inside[0] += 1
            worst[0] = max(worst[0], inside[0])
            threading.Event().wait(0.001)
            inside[0] -= 1
            super().write(batch)

    delivery = inline(Counting())
    threads = [threading.Thread(target=lambda: [delivery.deliver(some_record()) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert worst == [1]
    assert balanced(delivery.account).delivered == 80


def test_what_comes_after_close_is_counted_and_goes_to_the_fallback() -> None:
    rescue = RecordingSink()
    delivery = inline(RecordingSink())
    delivery.drops.fallback = inline(rescue)
    delivery.close(soon())
    delivery.deliver(some_record(b"late"))

    assert rescue.texts == ["late"]
    assert balanced(delivery.account).dropped == {"closed": 1}


class Lines(RecordingSink):
    """Takes lines, or raises."""

    thread_safe = True

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self._error = error

    def write_line(self, data: bytes, time_ns: int, /) -> None:
        if self._error is not None:
            raise self._error


class Batches(Lines):
    """Takes batches, one at a time, or raises."""

    thread_safe = False

    def write(self, batch: Sequence[Record], /) -> None:
        self.write_line(b"", 0)


@pytest.mark.parametrize("error", [None, Unavailable("busy"), Rejected("bad"), Closed("gone"), ValueError("bug")])
@pytest.mark.parametrize("kind", [Lines, Batches])
@pytest.mark.parametrize("status", ["ok", "degraded"])
def test_an_interrupt_anywhere_leaves_the_account_balanced_and_nothing_pending(
    kind: type[Lines], error: BaseException | None, status: str
) -> None:
    made: list[InlineDelivery] = []

    def prepare() -> Callable[[], None]:
        delivery = inline(kind(error))
        delivery.sink.status = status
        delivery.drops.fallback = inline(Batches(None))
        made[:] = [delivery, delivery.drops.fallback]
        return lambda: delivery.deliver(some_record(b"a"))

    for where in everywhere(prepare):
        for delivery in made:
            assert balanced(delivery.account).pending == 0, where
            delivery.deliver(some_record(b"b"))
            assert "recursion" not in balanced(delivery.account).dropped, where


def test_a_stack_at_its_end_leaves_nothing_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(batch: Sequence[Any], error: BaseException) -> Outcome:
        raise RecursionError

    delivery = inline(Lines(RecursionError()))
    monkeypatch.setattr(delivery.sink, "judge", too_deep)
    for _ in range(3):
        with pytest.raises(RecursionError):
            delivery.deliver(some_record(b"a"))

    assert balanced(delivery.account) == SinkLedger(3, 0, {"plugin_error": 3}, 0)
