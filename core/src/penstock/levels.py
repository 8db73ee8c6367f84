"""Levels: nine names and their numbers here and elsewhere; names in, numbers out; any thread; a wrong name raises
ValueError.
"""

from __future__ import annotations

from penstock.hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final


class Level(NamedTuple):
    """One level, and what other worlds call it."""

    name: str
    number: int
    syslog: int
    """Severity of RFC 5424, section 6.2.1: 0 is worst."""
    otel: int
    """SeverityNumber of the OpenTelemetry logs data model; above error the choice is ours."""
    stdlib: str
    """Nearest level name of the standard library's `logging`."""


LEVELS: Final = (
    Level("trace", 5, 7, 1, "DEBUG"),
    Level("debug", 10, 7, 5, "DEBUG"),
    Level("info", 20, 6, 9, "INFO"),
    Level("notice", 25, 5, 10, "INFO"),
    Level("warning", 30, 4, 13, "WARNING"),
    Level("error", 40, 3, 17, "ERROR"),
    Level("critical", 50, 2, 21, "CRITICAL"),
    Level("alert", 60, 1, 22, "CRITICAL"),
    Level("emergency", 70, 0, 23, "CRITICAL"),
)
NAMES: Final = tuple(level.name for level in LEVELS)

TRACE, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL, ALERT, EMERGENCY = (level.number for level in LEVELS)
NOTHING: Final = 1_000
"""Above every level: a threshold that nothing passes."""

_NUMBERS: Final = {level.name: level.number for level in LEVELS}
_ALIASES: Final = {"warn": WARNING, "fatal": CRITICAL, "err": ERROR, "crit": CRITICAL, "emerg": EMERGENCY}
_levels_by_number: dict[int, Level] = {level.number: level for level in LEVELS}


def level_number(level: str | int) -> int:
    """Return the number of *level*, given by name (any case) or already as a number.

    Raises:
        ValueError: If no level has that name, or the number is negative.

    Example:
        >>> level_number("notice")
        25
    """
    if isinstance(level, int) and not isinstance(level, bool):
        if level < 0:
            raise ValueError(f"a level is 0 or more, got {level}")
        return int(level)
    number = _NUMBERS.get(str(level).lower())
    if number is None:
        raise ValueError(f"unknown level {level!r}; one of {', '.join(NAMES)}")
    return number


def foreign_level_number(word: str) -> int | None:
    """Return the number for a level word of another program (`WARN`, `fatal`, `err`), or None.

    Example:
        >>> foreign_level_number("WARN")
        30
    """
    word = word.strip().lower()
    return _NUMBERS.get(word) or _ALIASES.get(word)


def level_of(number: int) -> Level:
    """Return the highest level that is not above *number*; below all of them, the lowest.

    Other libraries use numbers between ours: 35 is still a warning.

    Example:
        >>> level_of(35).name
        'warning'
    """
    level = _levels_by_number.get(number)
    if level is None:
        at_most = [level for level in LEVELS if level.number <= number]
        level = at_most[-1] if at_most else LEVELS[0]
        if len(_levels_by_number) < 200:  # numbers come from other programs: the table is bounded
            _levels_by_number[number] = level
    return level


def level_name(number: int) -> str:
    """Return the name of the highest level that is not above *number*.

    Example:
        >>> level_name(30)
        'warning'
    """
    return level_of(number).name
