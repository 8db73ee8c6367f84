"""Teller: lets a stage speak later; a time in, a call of the stage then, its events down the pipeline; the timers'
thread, and at the end the one that shuts down; what the pipeline raises is a fault, and the next event follows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final, TypeAlias, final
from weakref import WeakSet

from penstock.plugin import Cancel, Event, Later, Resume, files, report

Due: TypeAlias = Callable[[float], tuple[Sequence[Event], float | None]]
"""Told what time it is, returns the events to send, and when to ask again, or None for not at all; the lock is held."""

_PATIENCE: Final = 1.0
"""Seconds that `close` waits for a telling that hangs in a sink."""
_all: Final[WeakSet[Teller]] = WeakSet()


@final
class Teller:
    """The clock, the lock and the voice of one stage.

    Args:
        due: Asked when it is time.
        rest: Returns the last events, when the stage is closed; the lock is held.
        forget: Makes all counts zero, in a forked child.

    Attributes:
        lock: Held while the stage counts, never while it speaks. Re-entrant: a signal handler may emit.
        closed: Whether the stage has said its last word; it holds nothing back any more.
        now: The time, as `monotonic` goes.
    """

    def __init__(self, due: Due, rest: Callable[[], Sequence[Event]], forget: Callable[[], None]) -> None:
        self._due = due
        self._rest = rest
        self._forget = forget
        self._resume: Resume | None = None
        self._timer: Later | None = None
        self.now: Callable[[], float] = monotonic
        self.closed = False
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        self.lock: Any = threading.RLock()
        self._telling: Any = threading.RLock()
        self._at: float | None = None
        self._cancel: Cancel = _nothing

    def open(self, resume: Resume, timer: Later) -> None:
        """Take the way on and the timer of the stage."""
        self._resume, self._timer = resume, timer

    def wake(self, at: float) -> None:
        """Have the stage asked at *at*, or earlier if that was wanted before; the lock is held."""
        if self._timer is None or self.closed or (self._at is not None and self._at <= at):
            return
        self._cancel()
        self._at = at
        try:
            self._cancel = self._timer(max(0.0, at - self.now()), self._look)
        except RuntimeError:  # the interpreter ends and starts no thread: `close` tells what is left
            self._at = None

    def close(self) -> None:
        """Tell what is left, and let everything pass from now on."""
        mine = self._telling.acquire(timeout=_PATIENCE)
        try:
            with self.lock:
                self._cancel()
                self.closed = True
                events = self._rest()
            self._tell(events)
        finally:
            if mine:
                self._telling.release()

    def _look(self) -> None:
        with self._telling:
            with self.lock:
                if self.closed:
                    return
                self._at = None
                events, at = self._due(self.now())
                if at is not None:
                    self.wake(at)
            self._tell(events)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            try:
                if self._resume is not None:
                    self._resume(event)
            except Exception as error:  # promise: one event that fails does not keep back the others
                report("stage.failed", "A digest could not be sent.", subject=event.name, error=error)

    def after_fork_in_child(self) -> None:
        """Forget what the parent counted, which the parent tells, and locks that its threads may hold."""
        self._reset()
        self._forget()


def _nothing() -> None:
    """Stand for the cancelling of no timer."""


def _after_fork_in_child() -> None:
    for teller in list(_all):
        teller.after_fork_in_child()


files.after_fork_in_child(_after_fork_in_child)
