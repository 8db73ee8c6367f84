"""Sink: guards one sink; a batch in, what became of it out; the caller's thread (inline) or the worker's (queued);
three kinds of failure are understood, everything else is a fault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple, final

from penstock.clock import monotonic
from penstock.errors import Closed, Rejected, SinkError, Unavailable
from penstock.faults import ERROR, WARNING, last_resort, report
from penstock.types import Closeable, Flushable, Line, LineSink, Openable, Record, WriteLine

_local: Final = threading.local()
_TIMEOUT: Final = 5.0
_NESTED: Final = 1.0
"""Seconds that a thread inside one sink waits for another."""


def _attempts() -> list[float]:
    """Return the ends of the attempts that run in this thread, the innermost last."""
    try:
        found: list[float] = _local.attempts
    except AttributeError:
        found = _local.attempts = []
    return found


def time_left() -> float:
    """Return how many seconds the running attempt of a sink may still take; 5 outside of one.

    A sink passes it on to whatever may hang.

    Called:
        When: from `write` and `flush` of a sink.
        Thread: the one that runs the attempt.
        May block: no.
        If it raises: nothing.
    """
    attempts = _attempts()
    return max(0.01, attempts[-1] - monotonic()) if attempts else _TIMEOUT


_record: Final[Callable[[Line], Record]] = partial(tuple.__new__, Record)
"""Makes the record that a sink sees; `Record(*line)` takes twice the time."""


class Outcome(NamedTuple):
    """What became of a batch: each of its records is in exactly one of the four."""

    delivered: int
    refused: Sequence[Any] = ()
    """Records that the sink will never take."""
    waiting: Sequence[Any] = ()
    """Records to try again: the end of the batch."""
    unnamed: int = 0
    """So many more were refused, but the sink does not know which."""
    reason: str = ""
    """The drop reason of the refused ones."""
    retry_after: float | None = None
    """Seconds to wait before the next attempt, if the sink said so."""
    fault: Mapping[str, Any] | None = None
    """Arguments for `report`; told once the records are counted, so that the telling cannot disturb the count."""


def _fault(kind: str, text: str, error: SinkError, level: int = WARNING) -> dict[str, Any]:
    # A sink's own error is written by its author for a person: its text is told, unlike that of a foreign one.
    return {"kind": kind, "text": text, "level": level, "why": str(error)}


@final
class GuardedSink:
    """One sink, whatever it does: calls it, understands what it raises, knows its health.

    Attributes:
        name: Its name in the configuration.
        status: ``ok``; ``degraded`` while it fails; ``failed`` once it closed.
        write_line: Writes one line at once, if the sink can; what it raises is for `judge`.
    """

    def __init__(self, name: str, sink: Any, timeout: float = _TIMEOUT) -> None:
        self.name = name
        self.sink = sink
        self.status = "ok"
        self.thread_safe: bool = getattr(sink, "thread_safe", False)
        self.write_line: WriteLine | None = sink.write_line if self.thread_safe and isinstance(sink, LineSink) else None
        self._takes_events = getattr(sink, "accepts", "record") == "event"
        self._timeout = timeout
        self._lock: Any = threading.RLock()
        self._close_later = False

    def open(self) -> None:
        """Open the sink; what it raises is the composer's to judge."""
        if isinstance(self.sink, Openable):
            self.sink.open()

    def write(self, batch: Sequence[Any]) -> Outcome:
        """Give *batch* to the sink and return what became of it; one call at a time, unless the sink is thread-safe.

        Raises:
            KeyboardInterrupt: It is the program's.
        """
        if self.status == "failed":
            return Outcome(0, batch, reason="closed")
        return self._attempt(batch) if self.thread_safe else self._write_alone(batch)

    def _write_alone(self, batch: Sequence[Any]) -> Outcome:
        lock = self._lock
        if lock._is_owned():
            return Outcome(0, (), batch)  # it writes to itself in the middle of a write or flush
        # An interrupt comes behind any call, that of `acquire` too, and a lock that nobody gives back stops everybody.
        # So `release` is the first call of `finally`; an RLock knows by itself whether this thread has it.
        try:
            # A thread inside one sink that waits for another may wait for a thread that waits for the first.
            if lock.acquire(timeout=_NESTED if _attempts() else -1):
                return self._attempt(batch)
            return Outcome(0, (), batch)
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass
            else:
                self._close_if_asked()

    def _attempt(self, batch: Sequence[Any]) -> Outcome:
        attempts = _attempts()
        depth = len(attempts)
        try:
            attempts.append(monotonic() + self._timeout)
            self.sink.write(batch if self._takes_events else [_record(line) for line in batch])
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # promise: a sink never stops the program; not even by SystemExit
            return self.judge(batch, error)
        finally:
            del attempts[depth:]  # no call, as above
        if self.status == "ok":
            return Outcome(len(batch))
        self.status = "ok"
        return Outcome(len(batch), fault={"kind": "sink.recovered", "text": "Sink works again."})

    def judge(self, batch: Sequence[Any], error: BaseException) -> Outcome:
        """Return what became of *batch*, for which the sink raised *error*."""
        if isinstance(error, Unavailable):
            return self._unavailable(batch, error)
        if isinstance(error, Rejected):
            return self._rejected(batch, error)
        if isinstance(error, Closed):
            return self._closed(batch, error)
        self.status = "degraded"
        fault = {"kind": "sink.failed", "text": "Sink raised what it should not.", "level": ERROR, "error": error}
        return Outcome(0, batch, reason="plugin_error", fault=fault)

    def _unavailable(self, batch: Sequence[Any], error: Unavailable) -> Outcome:
        self.status = "degraded"
        done = min(max(error.delivered, 0), len(batch))
        refused = [record for index, record in enumerate(batch[:done]) if index in error.rejected]
        fault = {**_fault("sink.failed", "Sink unavailable.", error), "retry_after": error.retry_after}
        return Outcome(done - len(refused), refused, batch[done:], 0, "rejected", error.retry_after, fault)

    def _closed(self, batch: Sequence[Any], error: Closed) -> Outcome:
        self.status = "failed"
        done = min(max(error.delivered, 0), len(batch))
        return Outcome(
            done, batch[done:], reason="closed", fault=_fault("sink.closed", "Sink closed for good.", error, ERROR)
        )

    def _rejected(self, batch: Sequence[Any], error: Rejected) -> Outcome:
        unnamed = 0
        refused: Sequence[Any] = batch
        if error.indexes is not None:
            refused = [record for index, record in enumerate(batch) if index in error.indexes]
        elif error.count is not None:
            unnamed, refused = min(max(error.count, 0), len(batch)), ()
        fault = _fault("sink.rejected", "Sink refused records.", error, ERROR)
        return Outcome(len(batch) - len(refused) - unnamed, refused, (), unnamed, "rejected", fault=fault)

    def tell(self, outcome: Outcome) -> None:
        """Report the fault of *outcome*, if it has one."""
        if outcome.fault is not None:
            report(subject=self.name, **outcome.fault)

    def flush(self, deadline: float) -> bool:
        """Have the sink pass on what it holds back; return False if it is still busy at *deadline*."""
        if self._lock._is_owned():
            return False  # it flushes itself in the middle of a write or flush
        done = not isinstance(self.sink, Flushable) or self._last(self.sink.flush, deadline)
        self._close_if_asked()
        return done

    def close(self, deadline: float) -> None:
        """Close the sink; it gets no batch afterwards. In the middle of its own write or flush, it is closed later."""
        self._close_later = self._lock._is_owned()
        if isinstance(self.sink, Closeable) and not self._close_later:
            self._last(self.sink.close, deadline)

    def _close_if_asked(self) -> None:
        if self._close_later:
            self.close(monotonic() + self._timeout)

    def _last(self, call: Callable[[], None], deadline: float) -> bool:
        lock, attempts = self._lock, _attempts()
        depth = len(attempts)
        fault: dict[str, Any] = {}
        try:  # as in `_write_alone`
            if not lock.acquire(timeout=max(0.0, deadline - monotonic())):
                fault = {"text": "Sink is busy and was not flushed or closed."}
                return False
            attempts.append(deadline)
            call()
        except Exception as error:  # promise: a sink never stops the program nor its neighbours
            fault = {"text": "Sink raised while it was flushed or closed.", "error": error}
        finally:
            del attempts[depth:]
            try:  # noqa: SIM105, `suppress` is a call
                lock.release()
            except RuntimeError:
                pass
            if fault:  # told when the sink is free again: the fault becomes an event, and may come back here
                report("sink.failed", subject=self.name, **fault)
        return True

    def after_fork_in_child(self) -> None:
        """Make a new lock: the old one may be held by a thread that does not exist here."""
        self._lock = threading.RLock()


class LastResortSink:
    """Plain lines on standard error, needing no plugin: never blocks, at most 100 lines a second."""

    default_format = "plain"
    thread_safe = True
    delivery: ClassVar[Mapping[str, object]] = {"mode": "inline"}

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0

    def write(self, batch: Sequence[Record], /) -> None:
        """Write each record as one line; what is too much at once is `Unavailable`."""
        for done, record in enumerate(batch):
            second = int(monotonic())
            if second != self._second:
                self._second, self._lines = second, 0
            self._lines += 1
            if self._lines > 100 or not last_resort(record.data.decode("utf-8", "replace")):
                raise Unavailable("standard error takes no more lines now", delivered=done)
