"""Gate: holds the input back while a sink's queue fills; sizes of lines in, time passes; the main thread; a sink that
makes no progress is not waited for longer than `wait`.

A queued sink that is slow would drop what does not fit. A pipe has a better way: it does not read, and the program that
writes waits. But a program must not hang for ever on a sink that is down; then the queue's `when_full` decides, as it
does for every other program.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Final, final

import penstock

_SHARE: Final = 4
"""The input is held back once a queue is filled to this fraction: our sizes are those of lines, not of records."""
_OVERHEAD: Final = 400
"""Bytes that a record is longer than its line, roughly: time, level, name and its place in the queue."""
_GROWTH: Final = 2
"""A line may grow so many times: escapes, a field for each group."""
_LINES: Final = 500
"""Lines between two looks at the ledger, at most."""
_NAP: Final = 0.005
_BY_THE_QUEUE: Final = frozenset({"queue_full", "shed", "spool_full"})
"""Reasons for which a queue drops while its sink does nothing at all."""


@final
class Gate:
    """Lets lines pass, or makes them wait.

    Args:
        queue: Bytes of the smallest queue.
        wait: Seconds to wait for sinks that make no progress.
    """

    def __init__(self, queue: int, wait: float) -> None:
        self._room = max(1, queue // _SHARE)
        self._wait = wait
        self._lines = 0
        self._bytes = 0
        self._allowed = _LINES
        self._given_up_at: int | None = None

    def passed(self, size: int) -> None:
        """Count a line that was emitted, and wait if too many are still on their way."""
        self._lines += 1
        self._bytes += size * _GROWTH + _OVERHEAD
        if self._lines >= min(_LINES, self._allowed) or self._bytes >= self._room:
            self._allowed = self._room * self._lines // self._bytes
            self._lines = self._bytes = 0
            self._hold()

    def _hold(self) -> None:
        allowed = self._allowed
        if self._given_up_at is not None:
            if _progress() == self._given_up_at:
                return
            self._given_up_at = None
        if not settled(lambda: _pending() <= allowed, self._wait):
            self._given_up_at = _progress()


def _pending() -> int:
    return max((account.pending for account in penstock.ledger().values()), default=0)


def _progress() -> int:
    """Return a number that changes whenever a sink has done something about what waits for it."""
    return sum(
        account.delivered + sum(count for reason, count in account.dropped.items() if reason not in _BY_THE_QUEUE)
        for account in penstock.ledger().values()
        if account.pending
    )


def settled(done: Callable[[], bool], wait: float) -> bool:
    """Wait until *done*, or until the busy sinks made no progress for *wait* seconds; return whether it is done."""
    before, since = _progress(), monotonic()
    while not done():
        now = monotonic()
        progress = _progress()
        if progress != before:
            before, since = progress, now
        elif now - since >= wait:
            return False
        sleep(_NAP)
    return True
