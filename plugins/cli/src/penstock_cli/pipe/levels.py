"""Levels: what other programs call their levels; words and numbers in, our numbers out; any thread; unknown is None."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from penstock.plugin import LEVELS, foreign_level_number

Scale: TypeAlias = Literal["tens", "syslog", "python"]
"""How a program numbers its levels: ``tens`` as pino and bunyan do (30 is info), ``syslog`` from 0 (worst) to 7,
``python`` as the standard library does (30 is warning)."""

TRACE, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL = 5, 10, 20, 25, 30, 40, 50

# What `foreign_level_number` does not know. winston: the levels of npm, of which `http` and `verbose` lie between info
# and debug; Java: java.util.logging; zap and logrus: panic; the rest are short forms that loggers print.
_WORDS: Final = {
    "information": INFO, "informational": INFO, "inf": INFO, "log": INFO, "i": INFO,
    "http": DEBUG, "verbose": DEBUG, "silly": TRACE,
    "config": DEBUG, "fine": DEBUG, "finer": TRACE, "finest": TRACE, "severe": ERROR,
    "dpanic": CRITICAL, "panic": CRITICAL, "ftl": CRITICAL, "f": CRITICAL, "c": CRITICAL,
    "dbg": DEBUG, "d": DEBUG, "trc": TRACE, "t": TRACE, "vrb": TRACE, "v": TRACE,
    "wrn": WARNING, "w": WARNING, "e": ERROR, "n": NOTICE,
}  # fmt: skip

_TENS: Final = ((10, TRACE), (20, DEBUG), (30, INFO), (40, WARNING), (50, ERROR), (60, CRITICAL))
"""pino, docs/api.md "loggerLevels"; bunyan has the same (README, "Levels")."""
_HIGHEST: Final = 100
"""A number above this is no level on any scale."""
_SYSLOG: Final = {level.syslog: level.number for level in LEVELS}
_SLOG: Final = re.compile(r"(debug|info|warn|error)([+-]\d{1,3})")
_SLOG_BASE: Final = {"debug": -4, "info": 0, "warn": 4, "error": 8}
"""Go, package log/slog: a level between two names is the lower name and a distance, ``INFO+2``."""


def level_number_of(value: object, scale: Scale = "tens", words: Mapping[str, int] | None = None) -> int | None:
    """Return our number for a level that another program wrote, or None if it is none.

    Args:
        value: A word or a number, or a number as text.
        scale: How to read a number.
        words: Words that mean something else in this program.

    Example:
        >>> level_number_of("WARN"), level_number_of(30), level_number_of("3", "syslog"), level_number_of("INFO+2")
        (30, 20, 40, 25)
        >>> level_number_of("purple") is None
        True
    """
    if isinstance(value, str):
        word = value.strip().lower()
        if not (word.isascii() and word.isdecimal()):
            return (words or {}).get(word) or foreign_level_number(word) or _WORDS.get(word) or _slog(word)
        value = int(word) if len(word) <= 3 else _HIGHEST + 1
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return _numbered(value, scale)


def _numbered(number: float, scale: Scale) -> int | None:
    if scale == "syslog":
        return _SYSLOG.get(int(number)) if number == number // 1 else None
    if not number <= _HIGHEST:  # so that NaN is none either
        return None
    if scale == "python":
        return int(number) if number >= 1 else None
    at = bisect_right(_TENS, number, key=lambda pair: pair[0])
    return _TENS[at - 1][1] if at else None


def _slog(word: str) -> int | None:
    match = _SLOG.fullmatch(word)
    if match is None:
        return None
    # Its four names are 4 apart where ours are 10 apart.
    return max(TRACE, INFO + (_SLOG_BASE[match[1]] + int(match[2])) * 10 // 4)
