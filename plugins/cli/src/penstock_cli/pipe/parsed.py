"""Parsed: what a line says of itself; made by the parsers, read by `intake`; plain data; nothing here can fail."""

from __future__ import annotations

from typing import Final, NamedTuple


class Parsed(NamedTuple):
    """One line, understood; what it does not say is None."""

    message: str
    fields: dict[str, object]
    name: str | None = None
    level: int | None = None
    time_ns: int | None = None
    pid: int | None = None
    unparsed: str = ""
    """What the line is not, if it is not what it should be."""
    valid: bool = True
    """Whether all of its bytes were UTF-8."""


_LONGEST_NAME: Final = 200
"""Characters; a longer text is not the name of a logger, and every name met is remembered by the river for a while."""
_HIGHEST_PID: Final = 2**32
"""Process numbers are 32 bits wide on Windows, and at most 22 on Linux (proc(5), pid_max)."""


def name_of(value: object) -> str | None:
    """Return *value* if it can be the name of an event, else None.

    Example:
        >>> name_of("web.server"), name_of(""), name_of(3)
        ('web.server', None, None)
    """
    if not isinstance(value, str):
        return None
    name = value.strip()
    return name if name.isprintable() and 0 < len(name) <= _LONGEST_NAME else None


def pid_of(value: object) -> int | None:
    """Return *value*, a number or its digits, as a process number, else None.

    Example:
        >>> pid_of("4711"), pid_of(True), pid_of("a1")
        (4711, None, None)
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if type(value) is not int:
        return None
    return value if 0 <= value < _HIGHEST_PID else None


def add_field(fields: dict[str, object], name: str, value: object) -> None:
    """Put *value* into *fields*; where the name is taken, under the name with underscores behind it.

    Example:
        >>> fields = {"stream": "mine"}
        >>> add_field(fields, "stream", "stderr")
        >>> fields
        {'stream': 'mine', 'stream_': 'stderr'}
    """
    while name in fields:
        name += "_"
    fields[name] = value
