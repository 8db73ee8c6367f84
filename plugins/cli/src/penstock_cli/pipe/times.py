"""Times: when a line says that it was written; numbers and texts in, nanoseconds since the epoch out; any thread; what
is no time is None.

A time without a zone is taken as local time. One without a year (syslog) gets this year, or the last one in which it
is not in the future: a log read in January has lines of December.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from time import time_ns
from typing import Final, TypeAlias

ReadTime: TypeAlias = Callable[[object], int | None]
"""Reads a time; None if the value is none."""

_NANO: Final = 10**9
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**63, 1))
"""Numbers below the first are seconds, below the next milli-, micro- and nanoseconds: 10^11 milliseconds after the
epoch was in 1973, 10^11 seconds after it will be in 5138."""
_END: Final = 2**63
"""Nanoseconds, in 2262: what comes later is no time that the formats and protocols behind us could express."""
_SMALLEST: Final = 10**8
"""Seconds; a smaller number is a duration, or anything else that happens to be called ``time``."""
_AHEAD: Final = timedelta(days=1)
"""So far in the future a time without a year may lie: clocks and zones differ."""
_YEARS_BACK: Final = 9
"""29 February is found in one of so many years (1900 and 2100 had none)."""

_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_CLOCK: Final = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
_ZONE: Final = r"(?: ?(?P<zone>Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_LAYOUTS: Final = tuple(
    re.compile(layout, re.ASCII)
    for layout in (
        # RFC 3339, and the same with a space, a comma, slashes (Go's log) or without a zone (Python's logging)
        rf"(?P<year>\d{{4}})[-/](?P<month>\d\d)[-/](?P<day>\d\d)[Tt ]{_CLOCK}{_ZONE}",
        # RFC 3164, section 4.1.2 (without a year), ctime and Apache's error log (with one behind)
        rf"(?:[A-Za-z]{{3}},? )?(?P<month>[A-Za-z]{{3}}) +(?P<day>\d{{1,2}}) {_CLOCK}(?: (?P<year>\d{{4}}))?{_ZONE}",
        # The common log format of web servers
        rf"(?P<day>\d\d)/(?P<month>[A-Za-z]{{3}})/(?P<year>\d{{4}}):{_CLOCK}{_ZONE}",
        # RFC 5322, section 3.3
        rf"(?:[A-Za-z]{{3}}, )?(?P<day>\d{{1,2}}) (?P<month>[A-Za-z]{{3}}) (?P<year>\d{{4}}) {_CLOCK}{_ZONE}",
    )
)
_NUMBER: Final = re.compile(r"\d{9,19}(?:\.\d{1,12})?", re.ASCII)


def read_time(value: object, now: Callable[[], int] = time_ns) -> int | None:
    """Return the time that *value* tells, in nanoseconds since the epoch, or None.

    Args:
        value: A number in seconds, milli-, micro- or nanoseconds, told apart by their size; or a text.
        now: The time, for texts without a year.

    Example:
        >>> read_time(1700000000.25), read_time("2023-11-14T22:13:20.000000001Z"), read_time("soon")
        (1700000000250000000, 1700000000000000001, None)
    """
    told = _told(value, now)
    return told if told is not None and told < _END else None


def _told(value: object, now: Callable[[], int]) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        return _of_number(Decimal(text)) if _NUMBER.fullmatch(text) else _of_text(text, now)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    # A double holds today's seconds to a quarter of a microsecond: what is behind that is not the program's.
    return _of_number(value) if isinstance(value, int) else _of_number(Decimal(f"{value:.6f}"))


def _of_number(number: int | Decimal) -> int | None:
    if number < _SMALLEST:
        return None
    for limit, nanoseconds in _UNITS:
        if number < limit:
            return int(number * nanoseconds)
    return None


def _of_text(text: str, now: Callable[[], int]) -> int | None:
    for layout in _LAYOUTS:
        match = layout.fullmatch(text)
        if match is not None:
            return _of_parts(match.groupdict(), now)
    return None


def _of_parts(parts: dict[str, str | None], now: Callable[[], int]) -> int | None:
    month = parts["month"] or ""
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0)
    day, hour, minute = (int(parts[key] or 0) for key in ("day", "hour", "minute"))
    rest = timedelta(seconds=int(parts["second"] or 0))  # added afterwards: a leap second is written as 60
    nanoseconds = int((parts["fraction"] or "").ljust(9, "0"))
    year = parts["year"]

    def at(year: int) -> datetime:
        return datetime(year, number, day, hour, minute, tzinfo=_zone(parts["zone"])) + rest

    try:
        moment = at(int(year)) if year else _latest(at, now)
        return None if moment is None else _epoch(moment) + nanoseconds
    except (ValueError, OverflowError, OSError):  # no such day or zone; before what the platform knows
        return None


def _zone(text: str | None) -> timezone | None:
    """Return the zone that *text* names; None is local time."""
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(offset if text[0] == "+" else -offset)


def _latest(at: Callable[[int], datetime], now: Callable[[], int]) -> datetime | None:
    """Return what *at* makes of the latest year in which that is a day, and not in the future."""
    limit = datetime.fromtimestamp(now() / _NANO, UTC) + _AHEAD
    for year in range(limit.year, limit.year - _YEARS_BACK, -1):
        try:
            moment = at(year)
        except ValueError:  # 29 February
            continue
        if moment.astimezone(UTC) <= limit:
            return moment
    return None


def _epoch(moment: datetime) -> int:
    """Return *moment* in nanoseconds since the epoch; one without a zone is local time."""
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * _NANO + moment.microsecond * 1_000


# -- a format that the user names -------------------------------------------------------------------------------------

_YEAR: Final = re.compile(r"%[YyGcx]")
_DAY: Final = re.compile(r"%[djcxUWVu]")


def build_read_time(time_format: str | None, now: Callable[[], int] = time_ns) -> ReadTime:
    """Return a function that reads times in *time_format* first, then in all common ones.

    Args:
        time_format: As for `datetime.strptime`. Without a year it gets one as above, without a day today's.
        now: The time.

    Raises:
        ValueError: If *time_format* is wrong.

    Example:
        >>> build_read_time("%d.%m.%Y %H:%M %z")("14.11.2023 22:13 +0000")
        1699999980000000000
    """
    if time_format is None:
        return lambda value: read_time(value, now)
    check_format(time_format)
    read = _read_with_format(time_format, now)

    def read_both(value: object) -> int | None:
        found = read(value.strip()) if isinstance(value, str) else None
        return read_time(value, now) if found is None else found

    return read_both


def check_format(time_format: str) -> None:
    """Raise ValueError if `strptime` cannot work with *time_format*."""
    try:
        datetime.strptime("2000 no time", f"%Y {time_format}")
    except ValueError as error:
        if "does not match" not in str(error) and "unconverted" not in str(error):
            raise ValueError(f"no format of a time: {error}") from None
    except (re.error, IndexError, KeyError):
        if not _YEAR.search(time_format):  # two years, one of them ours, are no fault of the user's
            raise ValueError("no format of a time: it names the same part twice") from None


def _read_with_format(time_format: str, now: Callable[[], int]) -> Callable[[str], int | None]:
    has_day, has_year = _DAY.search(time_format), _YEAR.search(time_format)

    def at(text: str, prefix: str, prefix_format: str) -> datetime:
        return datetime.strptime(f"{prefix}{text}", f"{prefix_format}{time_format}")

    def read(text: str) -> int | None:
        try:
            if has_year:
                return _epoch(at(text, "", ""))
            if not has_day:
                today = datetime.fromtimestamp(now() / _NANO).strftime("%Y-%m-%d ")
                return _epoch(at(text, today, "%Y-%m-%d "))
            at(text, "2000 ", "%Y ")  # a leap year: is it a time at all?
            moment = _latest(lambda year: at(text, f"{year} ", "%Y "), now)
            return None if moment is None else _epoch(moment)
        except (ValueError, OverflowError, OSError):
            return None

    return read
