"""Env: what a queued delivery asks of the world: time, chance, threads, timers, a bell; nothing in, the world out; any
thread; only `start` and `later` can fail, with RuntimeError, when the interpreter starts no thread any more.

Tests put another one in its place, in which time passes when they say so.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import final

from penstock.clock import TIMERS, Cancel, monotonic, sleep


class Env:
    """The world as it is."""

    def now(self) -> float:
        """Return the seconds of a clock that nobody sets."""
        return monotonic()

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        sleep(seconds)

    def jitter(self, most: float) -> float:
        """Return a number between 0 and *most* by chance."""
        return random.uniform(0, most)

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread that does *run*."""
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def later(self, seconds: float, function: Callable[[], None]) -> Cancel:
        """Call *function* once in *seconds*; return what cancels it."""
        return TIMERS.after(seconds, function)


@final
class Bell:
    """Wakes the worker; and shows whether it sleeps, and about what time it is, to whoever puts records.

    Attributes:
        tick: The time at which the worker last looked around; None while it sleeps until the bell rings.
        woke: When it last woke: about then what came in during its sleep was put.
    """

    __slots__ = ("_rings", "tick", "woke")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start anew, in a forked child too: asleep."""
        # A SimpleQueue: unlike `Event.set`, its `put` may interrupt itself (signal handlers, finalizers).
        self._rings: SimpleQueue[None] = SimpleQueue()
        self.tick: float | None = None
        self.woke = 0.0

    def ring(self) -> None:
        """Wake the worker, now or as soon as it wants to sleep."""
        self._rings.put(None)

    def wait(self, seconds: float) -> None:
        """Sleep until the bell rings or *seconds* are over; hear all rings that came meanwhile as one."""
        rings = self._rings
        try:
            rings.get(timeout=seconds)
            while True:
                rings.get_nowait()
        except Empty:
            return
