"""Testing: what tests need; events and sinks in, findings out; any thread; raises AssertionError like any test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from penstock import capture as captured
from penstock import files, logger
from penstock.clock import monotonic, sleep
from penstock.event import NOWHERE, Event
from penstock.faults import fault_counts
from penstock.levels import INFO, level_number
from penstock.river.emit import slot
from penstock.types import Record

__all__ = ["Captured", "FailingSink", "RecordingSink", "SlowSink", "capture", "faults", "some_event", "some_record"]

_NAP = 0.005


class Captured(Sequence[Event]):
    """The events of a `capture` block, in the order in which they were emitted."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def __getitem__(self, index: Any) -> Any:
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return f"<Captured {[event.message or event.name for event in self._events]}>"

    def matching(self, what: str | None = None, /, **fields: object) -> list[Event]:
        """Return the events with message or name *what*, and with all of *fields* among theirs."""
        return [
            event
            for event in list(self._events)
            if (what is None or what in (event.message, event.name)) and fields.items() <= _comparable(event, fields)
        ]

    def has(self, what: str | None = None, /, **fields: object) -> bool:
        """Return whether there is an event with message or name *what*, and with all of *fields*."""
        return bool(self.matching(what, **fields))

    def count(self, what: str | None = None, /, **fields: object) -> int:
        """Return how many events have message or name *what*, and all of *fields*."""
        return len(self.matching(what, **fields))

    def wait_for(
        self, what: str | None = None, timeout: float = 5.0, times: int = 1, /, **fields: object
    ) -> list[Event]:
        """Return the events with message or name *what* and all of *fields* as soon as there are *times* of them.

        Called:
            When: in a test of something that emits from another thread.
            Thread: any but the one that emits.
            May block: up to *timeout* seconds. It looks every few milliseconds: a lock that emitters took would stop a
                signal handler that emits.
            If it raises: AssertionError with what came instead.
        """
        until = monotonic() + timeout
        while len(found := self.matching(what, **fields)) < times:
            if monotonic() >= until:
                raise AssertionError(f"{what!r} came {len(found)} of {times} times in {timeout} s; there is {self!r}")
            sleep(_NAP)
        return found


def _comparable(event: Event, wanted: Mapping[str, object]) -> Any:
    merged = event.merged()
    known = {"level": event.level, "name": event.name, "message": event.message}
    return {key: merged.get(key, known.get(key)) for key in wanted if key in merged or key in known}.items()


@contextmanager
def capture() -> Iterator[Captured]:
    """Collect every event that is emitted while the block runs, in any thread; nothing else changes.

    Events keep going down the river as configured; those of every level are emitted meanwhile.

    Example:
        >>> import penstock
        >>> with capture() as events:
        ...     penstock.get_logger("shop").info("sold", qty=2)
        >>> events.has("sold", qty=2), events.count()
        (True, 1)
    """
    captured = Captured()
    tap = captured._events.append
    with _taps:
        slot.taps = (*slot.taps, tap)
        _retune()
    try:
        yield captured
    finally:
        with _taps:
            slot.taps = tuple(one for one in slot.taps if one is not tap)
            _retune()


def faults() -> Mapping[tuple[str, str], int]:
    """Return how often what went wrong inside Penstock since the process started, by kind and subject.

    Example:
        >>> ("sink.failed", "oncall") in faults()
        False
    """
    return fault_counts()


_taps = threading.Lock()


def _after_fork_in_child() -> None:
    global _taps
    _taps = threading.Lock()  # another thread of the parent may have held it, and does not exist here


files.after_fork_in_child(_after_fork_in_child)


def _retune() -> None:
    """Let every level through while there is a tap, of stdlib loggers too if they are captured."""
    logger.retune()
    captured.retune()


def some_event(
    message: str = "something happened", /, *, name: str = "some.event", level: str | int = INFO, **fields: object
) -> Event:
    """Return an event as a log call would make it.

    Example:
        >>> some_event("sold", qty=2).merged()
        {'qty': 2}
    """
    return Event(name, message, level_number(level), fields=fields, site=NOWHERE)


def some_record(data: bytes = b"something happened", /, *, name: str = "some.event", level: str | int = INFO) -> Record:
    """Return a record as a pipeline would make it."""
    return Record(data, level_number(level), name, 1_700_000_000_000_000_000)


class RecordingSink:
    """A sink that keeps what it gets.

    Attributes:
        records: Everything it was given, in order.
        batches: How many records each `write` brought.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.batches: list[int] = []

    def write(self, batch: Sequence[Record], /) -> None:
        """Keep *batch*."""
        self.records.extend(batch)
        self.batches.append(len(batch))

    @property
    def texts(self) -> list[str]:
        """The data of the records as text."""
        return [record.data.decode() for record in self.records]


class FailingSink(RecordingSink):
    """A sink that raises the first *times* it is written to, and keeps what it gets afterwards.

    Args:
        error: Makes what it raises.
        times: How often.
    """

    def __init__(self, error: Callable[[], BaseException], times: int) -> None:
        super().__init__()
        self._error = error
        self._left = times

    def write(self, batch: Sequence[Record], /) -> None:
        """Raise, or keep *batch*."""
        if self._left > 0:
            self._left -= 1
            raise self._error()
        super().write(batch)


class SlowSink(RecordingSink):
    """A sink whose `write` returns only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self._go = threading.Event()

    def write(self, batch: Sequence[Record], /) -> None:
        """Wait for `release`, then keep *batch*."""
        self.entered.set()
        self._go.wait()
        super().write(batch)

    def release(self) -> None:
        """Let every `write` return, this one and all to come."""
        self._go.set()
