"""Spans: how long something took, and how it ended; a block in, `.start` and `.stop` or `.exception` events out; the
block's thread; never raises, and what the block raises goes on unchanged.

    <event>.start       measurements  monotonic_time, system_time (ns)
                        metadata      those of the span
    <event>.stop        measurements  duration, monotonic_time (ns), and what `measure` added
                        metadata      those of the span, and what `add` added
    <event>.exception   measurements  duration, monotonic_time (ns), and what `measure` added
                        metadata      as `.stop`, and kind, reason, stacktrace

Each has `telemetry_span_context` in its metadata: the caller's, or a number that the three share with no others.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import FrameType, TracebackType

from penstock.clock import monotonic_ns, time_ns
from penstock.event import Site
from penstock.hints import TYPE_CHECKING, final
from penstock.levels import ERROR
from penstock.river.emit import name_of, site_of_function
from penstock.telemetry import send
from penstock.wrapping import wrap_in

if TYPE_CHECKING:
    from typing import Final, ParamSpec, Self, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

_contexts: Final = itertools.count(1)
_frame: Final = sys._getframe


@final
class Span:
    """One measured block; made by `span`, entered once.

    Attributes:
        event: Its name; `.start`, `.stop` and `.exception` are appended.
    """

    __slots__ = ("_context", "_fields", "_measured", "_started", "_where", "event")

    def __init__(self, event: str, fields: dict[str, object], where: Site | None = None) -> None:
        self.event = event if type(event) is str else name_of(event)
        self._where = where
        self._fields = fields
        self._measured: dict[str, object] = {}
        self._started = 0
        self._context = 0

    def measure(self, /, **measurements: object) -> Self:
        """Add *measurements* to the event that ends the span; `duration` and `monotonic_time` stay the span's own."""
        self._measured.update(measurements)
        return self

    def add(self, /, **metadata: object) -> Self:
        """Add *metadata* to the event that ends the span."""
        self._fields = {**self._fields, **metadata}
        return self

    def __enter__(self) -> Self:
        self._begin(self._where or _frame(1))
        return self

    def _begin(self, where: FrameType | Site) -> None:
        self._context = next(_contexts)
        numbers = {"monotonic_time": monotonic_ns(), "system_time": time_ns()}
        send(f"{self.event}.start", numbers, self._facts(), None, where)
        self._started = monotonic_ns()  # after the handlers of `.start`: their time is not the block's

    def _facts(self) -> dict[str, object]:
        facts = dict(self._fields)
        facts.setdefault("telemetry_span_context", self._context)
        return facts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        now = monotonic_ns()
        numbers = {**self._measured, "duration": now - self._started, "monotonic_time": now}
        facts = self._facts()
        where = self._where or _frame(1)
        if error is None:
            send(f"{self.event}.stop", numbers, facts, None, where)
            return
        how = "error" if isinstance(error, Exception) else "exit"
        facts |= {"kind": how, "reason": error, "stacktrace": trace}
        send(f"{self.event}.exception", numbers, facts, ERROR, where)

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Return *function* with a new span around every call of it."""
        event, fields, where = self.event, self._fields, site_of_function(function)
        return wrap_in(lambda: Span(event, fields, where), function)


def span(event: str, /, **metadata: object) -> Span:
    """Return a span: a context manager, and a decorator of functions, coroutine functions and generators.

    Called:
        When: around whatever is worth measuring.
        Thread: any; the events are emitted in it.
        May block: as long as handlers and inline sinks do.
        If it raises: it does not; an exception of the block is told as ``.exception`` and goes on, cancellation too.

    Args:
        event: Full dotted name, without the ending.
        metadata: Goes with every event of the span.

    Example:
        >>> with span("db.query", table="orders") as query:
        ...     _ = query.measure(rows=3).add(cached=False)
    """
    return Span(event, metadata)
