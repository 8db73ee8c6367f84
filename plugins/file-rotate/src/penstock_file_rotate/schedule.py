"""Schedule: when a file has lasted long enough; a wall time in, the period around it out; any thread; never raises.

Periods begin and end at boundaries of the wall clock, not at so many hours after the start, so that a restart shifts
nothing. All times are nanoseconds since the epoch.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

Every: TypeAlias = Literal["hour", "day", "week"]

NEVER: Final = sys.maxsize
"""A time that does not come: the year 2262."""

_SECOND: Final = 1_000_000_000
_LENGTH: Final = {"hour": 3_600, "day": 86_400, "week": 604_800}
"""Nominal seconds, for times that the calendar cannot tell."""


class Period(NamedTuple):
    """From `start`, which belongs to it, to `end`, which does not."""

    start: int
    end: int


ALWAYS: Final = Period(-NEVER, NEVER)
"""The one period of a file that does not rotate by time."""


def period_around(time_ns: int, every: Every | None, utc: bool) -> Period:
    """Return the period that *time_ns* belongs to.

    Args:
        time_ns: A wall time.
        every: How long a period is; a week begins on Monday. None for no rotation by time.
        utc: Whether boundaries are those of UTC, not of local time.

    Example:
        >>> period_around(90_000 * 10**9, "day", True) == (86_400 * 10**9, 172_800 * 10**9)
        True
    """
    if every is None:
        return ALWAYS
    try:
        start, end = _boundaries(time_ns // _SECOND, every, utc)
    except (OverflowError, OSError, ValueError):  # a clock beyond the calendar: any regular period will do
        length = _LENGTH[every] * _SECOND
        start_ns = time_ns // length * length
        return Period(start_ns, start_ns + length)
    return Period(round(start) * _SECOND, round(end) * _SECOND)


def _boundaries(seconds: int, every: Every, utc: bool) -> tuple[float, float]:
    now = datetime.fromtimestamp(seconds, UTC) if utc else datetime.fromtimestamp(seconds).astimezone()
    if every == "hour":
        # By the offset of now, not by naming the hour: one hour of the autumn has the name of the one before.
        offset = (now.utcoffset() or timedelta()).total_seconds()
        start = (seconds + offset) // 3_600 * 3_600 - offset
        return start, start + 3_600
    first = now.date() - timedelta(days=now.weekday() if every == "week" else 0)
    last = first + timedelta(days=7 if every == "week" else 1)
    zone = UTC if utc else None  # None: `timestamp` then knows which offset local time has on that very day
    midnights = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, last))
    start, end = (midnight.timestamp() for midnight in midnights)
    return start, end


def stamp(time_ns: int, utc: bool) -> str:
    """Return a wall time as it stands in the name of an archive; later times sort behind earlier ones.

    Example:
        >>> stamp(1_795_286_700 * 10**9, True)
        '20261121T184500'
    """
    try:
        moment = datetime.fromtimestamp(time_ns // _SECOND, UTC if utc else None)
    except (OverflowError, OSError, ValueError):
        return "99991231T235959"
    return f"{moment:%Y%m%dT%H%M%S}".zfill(15)
