"""Tuning: levels that change while a program runs; a level in, new `Levels` applied; any thread, the timers' when one
expires; nothing of it outlives the process, and all of it a reload.

For each name and sink the word that came last holds, until its time is over; then the one before it, if it still has
time; then what the document says. A document that says something else than before is the last word, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from math import inf
from typing import Final, NamedTuple, TypeAlias, final

from penstock.clock import TIMERS, Cancel, monotonic
from penstock.faults import report
from penstock.river.pipeline import Levels

Key: TypeAlias = tuple[str, str]
"""``("sink", its name)`` or ``("name", a prefix of names)``; the empty prefix is the river's own level."""
_EARLY: Final = 0.001
"""Seconds; so much earlier than asked for it may end, as times are rounded when a child computes them anew."""


class _Word(NamedTuple):
    """A level that was set, and the `monotonic` time until which it holds."""

    level: int
    ends: float
    cancel: Cancel


@final
class Tuning:
    """The levels of what runs: as configured, under what was set.

    Args:
        configured: As the document says; of each sink, too.
        apply: Takes the levels that hold from now on.
    """

    def __init__(self, configured: Levels, apply: Callable[[Levels], None]) -> None:
        self._configured = configured
        self._apply = apply
        self._words: dict[Key, tuple[_Word, ...]] = {}
        """By key, the last one last; each ends before the one it covers, or that would never be seen again."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may set a level while its thread does

    def set(self, key: Key, level: int, seconds: float | None) -> None:
        """Set a level, for *seconds* or, if None, for good.

        Called:
            When: by `penstock.set_level`.
            Thread: any.
            May block: shortly, while another thread sets one.
            If it raises: ValueError for a time that is none; nothing has changed. An interrupt that comes in the middle
                is the program's; the level is set or it is not, and holds for every logger alike.
        """
        with self._lock:
            # The timer first: a level that was set with no timer behind it would never end.
            word = _Word(level, inf, _nothing) if seconds is None else self._passing(level, seconds)
            covered = [earlier for earlier in self._words.get(key, ()) if earlier.ends > word.ends]
            self._keep(key, [*covered, word])
            self._change()

    def _passing(self, level: int, seconds: float) -> _Word:
        if not seconds >= 0:
            raise ValueError(f"a level is set for 0 seconds or more, got {seconds}")
        ends = monotonic() + seconds
        return _Word(level, ends, TIMERS.after(seconds, self._expire))

    def _expire(self) -> None:
        """Let go of every word whose time is over."""
        with self._lock:
            now = monotonic() + _EARLY
            for key, words in list(self._words.items()):
                self._keep(key, [word for word in words if word.ends > now])
            self._change()

    def _keep(self, key: Key, words: list[_Word]) -> None:
        """Let *words* be those that were set for *key*."""
        before = self._words.get(key, ())
        if words:
            self._words[key] = tuple(words)
        else:
            self._words.pop(key, None)
        for word in before:
            if word not in words:
                word.cancel()

    def _change(self) -> None:
        """Apply what holds now; if an interrupt cuts that short, the timers' thread does it once more."""
        try:
            self._apply(self.over(self._configured))
        except BaseException:
            TIMERS.after(0.0, self._expire)
            raise

    # -- a reload -----------------------------------------------------------------------------------------------------

    def over(self, configured: Levels) -> Levels:
        """Return *configured* under what was set, as long as the document goes on to say of it what it said."""
        levels = configured
        for (kind, subject), words in list(self._words.items()):
            if _said(configured, (kind, subject)) == _said(self._configured, (kind, subject)):
                levels = levels.with_level(kind, subject, words[-1].level)
        return levels

    def succeed(self, configured: Levels, apply: Callable[[Levels], None], swap: Callable[[Levels], bool]) -> bool:
        """Go on with another document and another river, unless it does not come to that; return whether it did.

        Args:
            configured: As the other document says.
            apply: Takes the levels that hold from then on.
            swap: Installs the other river with these levels; returns whether it did. No level is set meanwhile.
        """
        with self._lock:
            if not swap(self.over(configured)):
                return False
            before, self._configured, self._apply = self._configured, configured, apply
            for key in list(self._words):
                if _said(configured, key) != _said(before, key):
                    self._keep(key, [])
            return True

    def end(self) -> None:
        """Forget everything that was set."""
        with self._lock:
            for key in list(self._words):
                self._keep(key, [])

    def after_fork_in_child(self) -> None:
        """Time again what expires: the parent's timers do not run here."""
        self._lock = threading.RLock()
        now = monotonic()
        try:
            self._words = {key: tuple([self._timed(word, now) for word in words]) for key, words in self._words.items()}
        except RuntimeError as error:  # no thread can be started here: they end with the next one that is set
            report("timer.failed", "Levels that were set for a while stay in a child.", error=error)

    def _timed(self, word: _Word, now: float) -> _Word:
        if word.ends == inf:
            return word
        return word._replace(cancel=TIMERS.after(max(0.0, word.ends - now), self._expire))


def _said(levels: Levels, key: Key) -> int | None:
    """Return what the document says of *key*; None if nothing."""
    kind, subject = key
    said: Mapping[str, int] = levels.sinks if kind == "sink" else levels.names
    return said.get(subject) if subject else levels.default


def _nothing() -> None:
    """Cancel nothing: what is set for good has no timer."""
