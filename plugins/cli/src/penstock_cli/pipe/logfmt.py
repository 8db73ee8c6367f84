"""Logfmt: ``key=value`` pairs; a line in, Parsed out; any thread; what is not made of pairs is None.

Values are texts, quoted where they hold a space; a key alone stands for true. There is no standard: this reads what
logrus, slog's TextHandler and go-logfmt write.
"""

from __future__ import annotations

import json
import re
from typing import Final

from penstock_cli.pipe.parsed import Parsed, add_field
from penstock_cli.pipe.shapes import read_members
from penstock_cli.pipe.times import ReadTime, read_time

_PAIR: Final = re.compile(
    r"""\s*(?P<key>[^\s="]+)(?:(?P<is>=)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"]*)))?(?=\s|$)"""
)
_TELLING: Final = frozenset({"level", "lvl", "severity", "msg", "message", "time", "ts", "timestamp"})
"""A line of pairs without any of these is more likely a sentence about ``uid=0`` than the line of a logger."""


def parse(line: str, times: ReadTime = read_time) -> Parsed | None:
    """Return what *line* says, or None if it is not made of pairs.

    Example:
        >>> parse('level=warn msg="too late" order=7')
        Parsed(message='too late', fields={'order': '7'}, name=None, level=30, time_ns=None, pid=None, ...)
    """
    members, _ = _members(line)
    return None if members is None else read_members(members, times)


def parse_telling(line: str, times: ReadTime = read_time) -> Parsed | None:
    """Return what *line* says if it is most likely logfmt: pairs alone, one of them the level, message or time."""
    members, bare = _members(line)
    if members is None or bare or _TELLING.isdisjoint(members):
        return None
    return read_members(members, times)


def _members(line: str) -> tuple[dict[str, object] | None, int]:
    """Return the pairs of *line*, and how many keys stand alone; None if there are no pairs or something else too."""
    members: dict[str, object] = {}
    at, bare, end = 0, 0, len(line.rstrip())
    while at < end:
        match = _PAIR.match(line, at)
        if match is None:
            return None, 0
        bare += match["is"] is None
        add_field(members, match["key"], _value(match))
        at = match.end()
    return (None, 0) if len(members) == bare else (members, bare)


def _value(match: re.Match[str]) -> object:
    if match["is"] is None:
        return True
    quoted = match["quoted"]
    if quoted is None:
        return match["plain"]
    if "\\" not in quoted:
        return quoted
    try:
        return json.loads(f'"{quoted}"', strict=False)
    except ValueError:  # an escape that JSON does not have
        return quoted
