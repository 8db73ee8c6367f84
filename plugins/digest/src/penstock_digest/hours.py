"""Hours: when it is quiet; a moment in, the spell around it out; any thread; never raises.

Quiet hours are written as a wall clock shows them, and a wall clock jumps twice a year. An hour that does not exist
begins, or ends, at the jump; of one that comes twice the quiet takes all: it begins with the first and ends with the
second. All moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple, final

from attrs import frozen

_UNKNOWN: Final = 60.0
"""Seconds until a clock beyond the calendar is asked again."""
_WEEK: Final = range(-2, 9)
"""Days around today whose quiet hours may touch this moment, or be the next to come."""


class Spell(NamedTuple):
    """From `start`, which belongs to it, to `end`, which does not."""

    quiet: bool
    start: float
    end: float


NO_SPELL: Final = Spell(False, 0.0, 0.0)
"""Contains no moment: whoever has it has to ask."""


@final
@frozen(kw_only=True)
class Hours:
    """The quiet hours of a week.

    Attributes:
        start: When they begin.
        end: When they end, the next day if that is not later; None for midnight.
        days: Days on which they begin, Monday is 0.
        zone: Whose clock it is; None for that of this machine.

    Example:
        >>> from zoneinfo import ZoneInfo
        >>> hours = Hours(start=time(22), end=time(7), days=range(7), zone=ZoneInfo("Europe/Oslo"))
        >>> spell = hours.around(datetime(2026, 3, 29, 1, tzinfo=hours.zone).timestamp())
        >>> spell.quiet, (spell.end - spell.start) / 3600  # the night in which the clock jumps
        (True, 8.0)
    """

    start: time
    end: time | None
    days: Collection[int]
    zone: tzinfo | None

    def around(self, moment: float) -> Spell:
        """Return the quiet hours that *moment* is in, or the time between two of them."""
        try:
            return self._around(moment)
        except (OverflowError, OSError, ValueError):  # a clock beyond the calendar wakes nobody up, and loses nothing
            return Spell(False, moment, moment + _UNKNOWN)

    def _around(self, moment: float) -> Spell:
        last_end, next_start = moment, moment + 86_400.0
        for start, end in self._all_near(datetime.fromtimestamp(moment, self.zone).date()):
            if start <= moment < end:
                return Spell(True, start, end)
            if end <= moment:
                last_end = end
            elif start > moment:
                next_start = start
                break
        return Spell(False, min(last_end, moment), next_start)

    def _all_near(self, today: date) -> Iterator[tuple[float, float]]:
        """Yield the quiet hours of the days around *today*, in order."""
        for day in (today + timedelta(days=days) for days in _WEEK):
            if day.weekday() in self.days:
                over_midnight = self.end is None or self.end <= self.start
                last_day = day + timedelta(days=1) if over_midnight else day
                yield (
                    _moment_of(datetime.combine(day, self.start, self.zone)),
                    _moment_of(datetime.combine(last_day, self.end or time(), self.zone).replace(fold=1)),
                )


def _moment_of(wall: datetime) -> float:
    """Return the moment at which the clock shows *wall*, or jumps over it."""
    moment = wall.timestamp()
    if datetime.fromtimestamp(moment, wall.tzinfo).replace(fold=wall.fold) == wall:
        return moment
    # The clock never shows it: with the offset before the jump the moment is behind it, with the one after, before it.
    before, after = sorted(wall.replace(fold=fold).timestamp() for fold in (0, 1))
    shown = wall.replace(tzinfo=None)
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, wall.tzinfo).replace(tzinfo=None) >= shown:
            after = middle
        else:
            before = middle
    return after
