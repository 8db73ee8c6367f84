"""NDJSON: one JSON object on each line; a line in, Parsed out; any thread; what is no object is None."""

from __future__ import annotations

import json

from penstock_cli.pipe.parsed import Parsed
from penstock_cli.pipe.shapes import read_members
from penstock_cli.pipe.times import ReadTime, read_time


def parse(line: str, times: ReadTime = read_time) -> Parsed | None:
    """Return what *line* says, or None if it is no JSON object.

    Example:
        >>> parse('{"level":30,"time":1531171074631,"pid":657,"msg":"hello","qty":2}')
        Parsed(message='hello', fields={'qty': 2}, name=None, level=20, time_ns=1531171074631000000, pid=657, ...)
        >>> parse("[1, 2]") is None
        True
    """
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):  # no JSON; digits beyond the limit; nested too deeply
        return None
    return read_members(members, times) if isinstance(members, dict) else None
