"""Kind: what makes two events the same trouble; an Event in, a small tuple out; the emitter's thread; never raises.

A kind is a level, a name, the type of the error, and two places in the source: where the event was emitted and where
the error was raised, since one handler at the top of a program logs errors of every origin. It holds no value of the
event; of a message, if that is asked for, only a hash.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from penstock.plugin import Event, Failure, level_name, level_of

Detail: TypeAlias = tuple[str, str, int, int]
"""Type of the error, file and line that raised it, hash of the message."""
Kind: TypeAlias = tuple[int, str, str, int, Detail | None]
"""Level, name, file and line that emitted, and more for what has an error. Short tuples: each event makes one."""

_DEEPEST: Final = 2_000
"""Frames of a traceback that are followed: twice the depth at which the interpreter itself gives up."""
_VARYING: Final = re.compile(r"(?i:0x)?[0-9][0-9a-fA-F]*")
_SEPARATOR: Final = re.compile(r"[\\/]")
_NO_DETAIL: Final[Detail] = ("", "", 0, 0)
_SEEN: Final = 200
"""Characters of a message that count: what distinguishes two messages comes early in them."""


def kind_of(event: Event) -> Kind:
    """Return the kind of *event*.

    Example:
        >>> kind_of(Event("shop.till", "stuck", 40))
        (40, 'shop.till', '', 0, None)
    """
    site = event.site
    error = event.error
    if error is None:
        return (event.level, event.name, site.file, site.line, None)
    file, line = ("", 0) if isinstance(error, Failure) else _raised_at(error)
    return (event.level, event.name, site.file, site.line, (_type_of(error), file, line, 0))


def kind_by_message(event: Event) -> Kind:
    """Return the kind of *event*, its message looked at too, with every number in it left out.

    Example:
        >>> kind_by_message(Event("nginx", "worker 7 died")) == kind_by_message(Event("nginx", "worker 12 died"))
        True
    """
    level, name, file, line, detail = kind_of(event)
    error, raised_file, raised_line, _ = detail or _NO_DETAIL
    shape = hash(_VARYING.sub("#", event.message[:_SEEN]))
    return (level, name, file, line, (error, raised_file, raised_line, shape))


def choose_kind(by_message: bool) -> Callable[[Event], Kind]:
    """Return what tells events apart."""
    return kind_by_message if by_message else kind_of


def other_kinds(level: int) -> Kind:
    """Return the kind that stands for all beyond a full table, of about this level."""
    return (level_of(level).number, "", "", 0, None)


def error_of(kind: Kind) -> str:
    """Return the type of the error, or an empty text."""
    return kind[4][0] if kind[4] else ""


def place_of(kind: Kind) -> str:
    """Return the last name of a file and a line: where the error was raised, or else where the event was emitted."""
    _, _, file, line, detail = kind
    if detail and detail[1]:
        file, line = detail[1:3]
    return f"{_SEPARATOR.split(file)[-1]}:{line}" if file else ""


def in_words(kind: Kind) -> str:
    """Return *kind* as a person reads it.

    Example:
        >>> in_words((40, "shop.till", "/app/till.py", 33, ("ValueError", "/app/coins.py", 7, 0)))
        'error shop.till ValueError (coins.py:7)'
    """
    level, name, place = level_name(kind[0]), kind[1], place_of(kind)
    if not name:
        return f"{level} of other kinds"
    return " ".join(part for part in (level, name, error_of(kind), place and f"({place})") if part)


def _type_of(error: BaseException | Failure) -> str:
    """Return the qualified name of the class, as the rendered error will have it."""
    if isinstance(error, Failure):
        return error.type
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _raised_at(error: BaseException) -> tuple[str, int]:
    """Return where *error* was raised, or no place for one that never was."""
    deepest = error.__traceback__
    if deepest is None:
        return "", 0
    for _ in range(_DEEPEST):
        if deepest.tb_next is None:
            break
        deepest = deepest.tb_next
    return deepest.tb_frame.f_code.co_filename, deepest.tb_lineno or 0
