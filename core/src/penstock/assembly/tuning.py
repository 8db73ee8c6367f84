"""Tuning: levels that change while a river runs; a level in, new `Levels` applied; any thread, the timers' when one
expires; nothing of it outlives the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, TypeAlias, final

from penstock.clock import TIMERS, Cancel, monotonic
from penstock.river.pipeline import Levels

Key: TypeAlias = tuple[str, str]
"""``("sink", its name)`` or ``("name", a prefix of names)``; the empty prefix is the river's own level."""


class _Passing(NamedTuple):
    """A level that expires."""

    level: int
    ends: float
    cancel: Cancel


@final
class Tuning:
    """The levels of one river: as configured, under what was set for good, under what was set for a while.

    Args:
        configured: As the document says.
        apply: Takes the levels that hold from now on.
    """

    def __init__(self, configured: Levels, apply: Callable[[Levels], None]) -> None:
        self._configured = configured
        self._apply = apply
        self._lasting: dict[Key, int] = {}
        self._passing: dict[Key, _Passing] = {}
        self._lock = threading.RLock()

    def set(self, key: Key, level: int, seconds: float | None) -> None:
        """Set a level, for *seconds* or, if None, until the river ends."""
        with self._lock:
            self._forget(key)
            if seconds is None:
                self._lasting[key] = level
            else:
                self._begin(key, level, seconds)
            self._apply(self._levels())

    def _begin(self, key: Key, level: int, seconds: float) -> None:
        ends = monotonic() + seconds
        self._passing[key] = _Passing(level, ends, TIMERS.after(seconds, lambda: self._expire(key, ends)))

    def _expire(self, key: Key, ends: float) -> None:
        with self._lock:
            passing = self._passing.get(key)
            if passing is not None and passing.ends == ends:  # else a newer one was set while this one expired
                del self._passing[key]
                self._apply(self._levels())

    def _forget(self, key: Key) -> None:
        passing = self._passing.pop(key, None)
        if passing is not None:
            passing.cancel()

    def _levels(self) -> Levels:
        levels = self._configured
        passing = {key: one.level for key, one in self._passing.items()}
        for (kind, subject), level in {**self._lasting, **passing}.items():
            levels = levels.with_level(kind, subject, level)
        return levels

    def end(self) -> None:
        """Cancel every timer."""
        with self._lock:
            for key in list(self._passing):
                self._forget(key)

    def after_fork_in_child(self) -> None:
        """Time again what expires: the parent's timers do not run here."""
        self._lock = threading.RLock()
        for key, passing in list(self._passing.items()):
            self._begin(key, passing.level, max(0.0, passing.ends - monotonic()))
