"""Retry: when to try a sink again, and with how much; what became of attempts in, seconds and a number out; the
worker's thread; never fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from penstock.river.modes.breaker import Breaker

_BACKOFF: Final = 0.5
"""Seconds; the first retry waits at most this long, each further one at most twice as long as the one before."""
_LONGEST_BACKOFF: Final = 60.0
_LONGEST_WAIT: Final = 86_400.0
"""Seconds; whatever a sink asks for. Beyond, the clocks of the system overflow."""
_CLOSING_BACKOFF: Final = 0.1
"""Seconds; when time is short, try as often as is decent."""


@final
class Retry:
    """The patience with one sink.

    Exponential backoff with full jitter (each wait is between nothing and the present limit, so that many programs
    whose service comes back do not all come at once), or exactly as long as the sink said. After some failures in a row
    the breaker opens: then one record is tried each time, and a whole batch only once that arrived.

    Args:
        jitter: Returns a number between 0 and its argument by chance.
    """

    def __init__(self, jitter: Callable[[float], float]) -> None:
        self._jitter = jitter
        self._breaker = Breaker()
        self._not_before = 0.0
        self._exact = False

    def failed(self, now: float, retry_after: float | None) -> bool:
        """Plan the next attempt; return whether the breaker opened just now.

        Args:
            now: The time.
            retry_after: Seconds the sink asked for, or None. "At once" would be as often as the processor can, so it is
                like none.
        """
        self._exact = retry_after is not None and retry_after > 0
        if retry_after is not None and self._exact:  # it is there, and says when: no reason to doubt it
            pause, opened = min(retry_after, _LONGEST_WAIT), False
        else:
            pause = self._jitter(min(_LONGEST_BACKOFF, _BACKOFF * 2 ** min(self._breaker.failures, 20)))
            opened = self._breaker.failed(now, pause)
        self._not_before = now + pause
        return opened

    def succeeded(self) -> bool:
        """Forget all failures; return whether the breaker was open until now."""
        self._not_before = 0.0
        return self._breaker.succeeded()

    def most(self, batch: int) -> int:
        """Return how many records to try at once, of at most *batch*."""
        return 1 if self._breaker.is_open else batch

    def wait(self, now: float, stop_at: float | None) -> float | None:
        """Return the seconds until the next attempt; 0: at once.

        Args:
            now: The time.
            stop_at: When the time for all attempts is over, if it is to end.

        Returns:
            None if the sink must not be asked before the time is over.
        """
        left = max(0.0, self._not_before - now)
        if stop_at is None or not left:
            return left
        if self._exact:
            return left if self._not_before <= stop_at else None
        self._not_before = min(self._not_before, now + _CLOSING_BACKOFF)
        return self._not_before - now
