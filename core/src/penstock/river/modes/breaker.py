"""Breaker: stops asking what failed again and again; failures and successes in, whether to ask out; one thread at a
time; never fails.

    closed ──(so many failures in a row)──> open ──(its pause is over)──> half-open: one probe
      ^                                      ^                                 │
      └────────────── it succeeded ──────────┼───────── it failed ─────────────┘
"""

from __future__ import annotations

from typing import Final, final

_LIMIT: Final = 5
"""Failures in a row; fewer are a service that hiccups, which the backoff alone takes care of."""


@final
class Breaker:
    """Knows whether something is worth asking.

    Attributes:
        failures: In a row.
        is_open: Whether only a probe may ask, each time a pause is over.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self.failures = 0
        self.is_open = False
        self._probe_at = 0.0

    def allows(self, now: float) -> bool:
        """Return whether to ask now: always while it is closed, once a pause is over while it is open."""
        return not self.is_open or now >= self._probe_at

    def failed(self, now: float, pause: float) -> bool:
        """Count a failure, and allow nothing for *pause* seconds if it is open; return whether it opened just now."""
        self.failures += 1
        self._probe_at = now + pause
        opened = not self.is_open and self.failures >= self._limit
        self.is_open = self.is_open or opened
        return opened

    def succeeded(self) -> bool:
        """Forget the failures; return whether it was open until now."""
        was_open, self.is_open = self.is_open, False
        self.failures = 0
        return was_open
