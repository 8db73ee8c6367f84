"""Pattern: a regular expression with named groups; a line in, Parsed out; any thread; a line without it is None.

The groups time, level, name, message, pid and hostname have their meaning, every other is a field. Without a group
`message` the whole line is the message, so that nothing of it is lost.
"""

from __future__ import annotations

import re
from typing import Final, final

from penstock_cli.pipe.levels import level_number_of
from penstock_cli.pipe.parsed import Parsed, add_field, name_of, pid_of
from penstock_cli.pipe.times import ReadTime, read_time

_NAMED: Final = re.compile(r"(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*)=(?P<expression>.*)", re.DOTALL)

_FOREIGN_GROUP: Final = re.compile(r"(?<!\\)\(\?<(?=[A-Za-z_])")
"""``(?<name>`` is how most other languages write a named group."""


@final
class Pattern:
    r"""A regular expression, and the name of the events that it finds.

    Args:
        text: ``[NAME=]REGEX``; named groups also as ``(?<name>…)``. A regular expression that itself begins like a
            name and ``=`` has to be written with a ``^`` or a group in front.
        times: Reads the group `time`.

    Attributes:
        name: Of its events, or None.

    Raises:
        ValueError: If the regular expression is wrong.

    Example:
        >>> Pattern(r"login.failed=Failed password for (?P<user>\S+)").parse("Failed password for root from there")
        Parsed(message='Failed password for root from there', fields={'user': 'root'}, name='login.failed', ...)
    """

    def __init__(self, text: str, times: ReadTime = read_time) -> None:
        named = _NAMED.fullmatch(text)
        self.name = None if named is None else named["name"]
        try:
            self.expression = re.compile(_FOREIGN_GROUP.sub("(?P<", named["expression"] if named else text))
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"no regular expression: {error}") from None
        self._times = times

    def parse(self, line: str) -> Parsed | None:
        """Return what *line* says, or None if the expression is not found in it."""
        groups = self.groups(line)
        if groups is None:
            return None
        message = groups.pop("message", line)
        level = level_number_of(groups.get("level"))
        time_ns = self._times(groups.get("time"))
        pid = pid_of(groups.get("pid"))
        name = name_of(groups.get("name"))
        for key, understood in (("level", level), ("time", time_ns), ("pid", pid), ("name", name)):
            if understood is not None:
                del groups[key]
        fields: dict[str, object] = dict(groups)
        if self.name is not None:
            if name is not None:
                add_field(fields, "source", name)
            name = self.name
        return Parsed(message, fields, name, level, time_ns, pid)

    def groups(self, text: str) -> dict[str, str] | None:
        """Return the named groups that took part, or None if the expression is not found in *text*."""
        match = self.expression.search(text)
        if match is None:
            return None
        return {key: value for key, value in match.groupdict().items() if value is not None}
