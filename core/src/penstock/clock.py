"""Clock: the time, and things to do later; the one place that asks the system for it; timers run on one daemon thread.

Wall time is data (`time_ns`); every interval is measured with `monotonic`, which no clock change can bend. An event
that nobody stamps asks `now_ns`, which in a trial is the trial's time.
"""

from __future__ import annotations

import heapq
import threading
from _thread import get_ident
from collections.abc import Callable
from time import monotonic, monotonic_ns, perf_counter_ns, sleep, time, time_ns

from penstock.hints import TYPE_CHECKING, Protocol, final

if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "TIMERS",
    "Cancel",
    "Elsewhere",
    "Later",
    "Timers",
    "monotonic",
    "monotonic_ns",
    "now_ns",
    "perf_counter_ns",
    "sleep",
    "time",
    "time_ns",
]

_SLICE: Final = 86_400.0
"""Seconds waited at once: the system takes no wait beyond `threading.TIMEOUT_MAX`, which can be 49 days."""
_FOREVER: Final = 1e12
"""Seconds; later than this, and infinitely late, is the same."""

_Timer = tuple[float, int, list[Callable[[], None]]]
"""When it is due, which it is (two may be due at once), and what to call, unless that was taken out."""

Cancel = Callable[[], None]
"""Call it to make a timer do nothing; calling it twice, or too late, is fine."""


class World(Protocol):
    """Somewhere with a time of its own."""

    def now_ns(self) -> int:
        """Return the nanoseconds since the epoch."""
        ...


_elsewhere: dict[int, World] = {}
"""The threads that are in another world, by id."""


@final
class Elsewhere:
    """A block in which `now_ns` tells this thread the time of *world*."""

    __slots__ = ("_before", "_ident", "_world")

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> None:
        self._ident = get_ident()
        self._before = _elsewhere.get(self._ident)
        _elsewhere[self._ident] = self._world

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            _elsewhere.pop(self._ident, None)
        else:
            _elsewhere[self._ident] = self._before


def now_ns() -> int:
    """Return the nanoseconds since the epoch: `time.time_ns`, and in a trial the trial's time."""
    if _elsewhere and (world := _elsewhere.get(get_ident())) is not None:
        return world.now_ns()
    return time_ns()


class Later(Protocol):
    """Something that calls a function after a while."""

    def __call__(self, seconds: float, function: Callable[[], None], /) -> Cancel:
        """Call *function* once in *seconds*; return what cancels it."""
        ...


class Timers:
    """Calls functions later, in order of time, on one daemon thread that starts with the first timer.

    A function that raises costs nobody else their timer: *failed* is told and the thread goes on.
    """

    def __init__(self, failed: Callable[[BaseException], None] | None = None) -> None:
        self.failed = failed
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._heap: list[_Timer] = []
        self._count = 0
        self._thread: threading.Thread | None = None

    def after_fork_in_child(self) -> None:
        """Forget the parent's timers and its thread, which does not exist here."""
        self._reset()

    def after(self, seconds: float, function: Callable[[], None], /) -> Cancel:
        """Call *function* once in *seconds*; return what cancels it.

        Called:
            When: by stages that emit later and by settings that expire.
            Thread: any.
            May block: no.
            If it raises: `RuntimeError` if the interpreter is too far gone to start a thread, `ValueError` for NaN.
        """
        if seconds != seconds:
            raise ValueError("a timer needs a number of seconds, got NaN")
        todo = [function]
        with self._changed:
            self._count += 1
            heapq.heappush(self._heap, (monotonic() + min(seconds, _FOREVER), self._count, todo))
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, args=(self._changed, self._heap), name="penstock-timers", daemon=True
                )
                thread.start()
                self._thread = thread
            self._changed.notify()
        return todo.clear

    def _run(self, changed: threading.Condition, heap: list[_Timer]) -> None:
        # Its own condition and heap, for ever: those of a later generation are another thread's.
        while True:
            with changed:
                while not heap or heap[0][0] > monotonic():
                    changed.wait(min(heap[0][0] - monotonic(), _SLICE) if heap else None)
                todo = heapq.heappop(heap)[2]
            for function in todo[:]:
                try:
                    function()
                except BaseException as error:  # promise: one timer never stops the others, not even by SystemExit
                    if self.failed is not None:
                        self.failed(error)


TIMERS: Final = Timers()
"""The process's timers."""
