"""Clock: the time of an event as people read it; nanoseconds in, text out; the caller's thread; a time beyond the
platform's calendar is shown in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_DIGITS: Final = {"s": 0, "ms": 3, "us": 6}


def build_clock(utc: bool, date: bool, precision: str) -> Callable[[int], str]:
    """Return the function that shows a time; it works out a calendar time once a second.

    Args:
        utc: Whether to show UTC, marked with a Z, and not local time.
        date: Whether to show the date too.
        precision: ``s``, ``ms`` or ``us``.

    Example:
        >>> build_clock(True, True, "ms")(1_500_000_000_123_456_789)
        '2017-07-14 02:40:00.123Z'
    """
    pattern = "%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S"
    split = time.gmtime if utc else time.localtime
    digits, zone = _DIGITS[precision], "Z" if utc else ""
    known: tuple[int, str] = (-1, "")

    def show(time_ns: int) -> str:
        nonlocal known
        second, rest = divmod(time_ns, 1_000_000_000)
        before, text = known  # one pair, swapped whole: another thread may be in another second
        if second != before:
            try:
                text = time.strftime(pattern, split(second))
            except (OverflowError, OSError, ValueError):
                return f"@{second}s"
            known = (second, text)
        fraction = f".{rest:09d}"[: digits + 1] if digits else ""
        return f"{text}{fraction}{zone}"

    return show
