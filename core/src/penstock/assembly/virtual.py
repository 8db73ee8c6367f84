"""Virtual: a world in which time passes when somebody says so; what is to be done later in, done in order; the thread
of the trial that owns it; starts no thread, and never waits.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from math import inf
from typing import final

from penstock.clock import Cancel
from penstock.river.env import Env


@final
class _NoThread(threading.Thread):
    """Stands for a worker: its owner lets it do one thing after the other."""

    def is_alive(self) -> bool:
        return True

    def join(self, timeout: float | None = None) -> None:
        """Return at once: whoever owns the world did all its work."""


@final
class VirtualEnv(Env):
    """Time that stands still until it is moved, and chance that always takes the middle.

    Args:
        begin_ns: When it begins, in nanoseconds since the epoch.

    Attributes:
        time: Seconds, from 0.
        sleeper: Lets time pass for somebody who sleeps.
    """

    def __init__(self, begin_ns: int = 0) -> None:
        self.time = 0.0
        self._begin_ns = begin_ns
        self.sleeper: Callable[[float], None] = self._pass
        self._timers: list[tuple[float, int, list[Callable[[], None]]]] = []
        self._count = 0

    def _pass(self, seconds: float) -> None:
        self.time += seconds

    def now(self) -> float:
        """Return its time."""
        return self.time

    def now_ns(self) -> int:
        """Return its time in nanoseconds since the epoch."""
        return self._begin_ns + round(self.time * 1_000_000_000)

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of its time pass."""
        self.sleeper(seconds)

    def jitter(self, most: float) -> float:
        """Return the middle, so that two runs are alike."""
        return most / 2

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Return a thread that does nothing by itself."""
        return _NoThread(name=name, daemon=True)

    def later(self, seconds: float, function: Callable[[], None]) -> Cancel:
        """Do nothing: what deliveries watch for, threads that die and writes that hang, is not to be had here."""
        return _nothing

    def timer(self, seconds: float, function: Callable[[], None], /) -> Cancel:
        """Call *function* once *seconds* of its time have passed; what emit stages get as `Later`."""
        todo = [function]
        self._count += 1
        heapq.heappush(self._timers, (self.time + max(0.0, seconds), self._count, todo))
        return todo.clear

    def next_timer(self) -> float:
        """Return when the next timer is due, or infinity."""
        while self._timers and not self._timers[0][2]:
            heapq.heappop(self._timers)  # cancelled
        return self._timers[0][0] if self._timers else inf

    def due(self) -> list[Callable[[], None]]:
        """Take out and return what is due by now."""
        found: list[Callable[[], None]] = []
        while self.next_timer() <= self.time:
            found += heapq.heappop(self._timers)[2]
        return found


def _nothing() -> None:
    """Cancel what would never come."""
