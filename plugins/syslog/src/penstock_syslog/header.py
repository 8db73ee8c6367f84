"""Header: the part of a message that every receiver understands; an event's facts in, ASCII text out; the caller's
thread; what cannot be said is the NILVALUE, so it does not fail.

Source of every limit: RFC 5424, section 6, its ABNF, and section 6.2.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Final, Literal, TypeAlias, final, get_args

from penstock.plugin import level_of

Facility: TypeAlias = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip
"""The names that syslog daemons use for the facilities 0 to 23 of section 6.2.1, in their order."""
Precision: TypeAlias = Literal["s", "ms", "us"]

FACILITIES: Final[Mapping[str, int]] = {name: number for number, name in enumerate(get_args(Facility))}
NIL: Final = "-"
HOST_LENGTH: Final = 255
APP_LENGTH: Final = 48
MSGID_LENGTH: Final = 32
_DIGITS: Final[Mapping[Precision, int]] = {"s": 0, "ms": 3, "us": 6}
"""Of a fraction of a second; more than six are forbidden (section 6.2.3)."""
_SECOND: Final = 1_000_000_000
_WITHOUT_OFFSET: Final = len("2003-08-24T05:14:15")
_WITH_OFFSET: Final = len("2003-08-24T05:14:15-07:00")
_REMEMBERED: Final = 1_000
"""Levels and names kept as they are written; both can come from other programs, so the tables are bounded."""
_NOT_PRINTABLE: Final = re.compile(r"[^!-~]")


def word(text: str, longest: int) -> str:
    """Return *text* as a word of the header: printable ASCII, cut to *longest*, the NILVALUE if nothing is left.

    Example:
        >>> word("my app", 48), word("", 48)
        ('my_app', '-')
    """
    return _NOT_PRINTABLE.sub("_", text)[:longest] or NIL


def host_name() -> str:
    """Return what the system calls this host; the name server is not asked, it could hang."""
    return socket.gethostname()


def program_name() -> str:
    """Return the name of the running program: of its main file, or of the package whose ``__main__`` it is."""
    main = PurePath(sys.argv[0] if sys.argv else "")
    name = main.parent.name if main.name == "__main__.py" else main.stem
    return name if name not in ("", "-c", "-m", "-") else "python"


def build_stamp(precision: Precision, utc: bool) -> Callable[[int], str]:
    """Return the function that writes nanoseconds since the epoch as a TIMESTAMP.

    Example:
        >>> build_stamp("us", True)(1_500_000_000_123_456_789)
        '2017-07-14T02:40:00.123456Z'
    """
    digits = _DIGITS[precision]
    unit = 10 ** (9 - digits)
    last = (1, "", "")  # start of a second, its text, its offset; one tuple, so that threads never see half of it

    def stamp(time_ns: int) -> str:
        nonlocal last
        start, text, offset = last
        rest = time_ns - start
        if not 0 <= rest < _SECOND or not text:
            rest = time_ns % _SECOND
            text, offset = _second(time_ns // _SECOND, utc)
            if not text:
                return NIL
            last = (time_ns - rest, text, offset)
        return f"{text}.{rest // unit:0{digits}d}{offset}" if digits else text + offset

    return stamp


def _second(seconds: int, utc: bool) -> tuple[str, str]:
    """Return a second as date and time, and its offset; empty for what no calendar has."""
    try:
        time = datetime.fromtimestamp(seconds, UTC)
        local = time if utc else time.astimezone()
    except (OverflowError, OSError, ValueError):
        return "", ""
    if local.utcoffset() in (None, timedelta(0)) or len(local.isoformat(timespec="seconds")) != _WITH_OFFSET:
        local = time  # an offset with seconds, as in the nineteenth century, is no TIME-OFFSET
    text = local.isoformat(timespec="seconds")
    return text[:_WITHOUT_OFFSET], "Z" if local is time else text[_WITHOUT_OFFSET:]


@final
class Header:
    """Writes the headers of one program.

    Args:
        facility: Which part of the system speaks.
        host: HOSTNAME; empty: what the system says.
        app: APP-NAME; empty: the name of the program.
        precision: Smallest unit of TIMESTAMP.
        utc: Whether TIMESTAMP is in UTC; else it is local time with its offset.
    """

    def __init__(
        self, facility: Facility = "user", host: str = "", app: str = "", precision: Precision = "us", utc: bool = True
    ) -> None:
        self._facility = FACILITIES[facility] * 8
        self._who = f"{word(host or host_name(), HOST_LENGTH)} {word(app or program_name(), APP_LENGTH)}"
        self._stamp = build_stamp(precision, utc)
        self._priorities: dict[int, str] = {}
        self._ids: dict[str, str] = {}

    def write(self, level: int, time_ns: int, pid: int, name: str) -> str:
        """Return PRI, VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID and MSGID, and the space behind them.

        Example:
            >>> Header("local0", "web-1", "shop").write(30, 0, 7, "shop.till")
            '<132>1 1970-01-01T00:00:00.000000Z web-1 shop 7 shop.till '
        """
        priority = self._priorities.get(level) or self._priority(level)
        return f"{priority}{self._stamp(time_ns)} {self._who} {pid or NIL} {self._ids.get(name) or self._id(name)} "

    def _priority(self, level: int) -> str:
        text = f"<{self._facility + level_of(level).syslog}>1 "
        if len(self._priorities) < _REMEMBERED:
            self._priorities[level] = text
        return text

    def _id(self, name: str) -> str:
        text = word(name, MSGID_LENGTH)
        if len(self._ids) < _REMEMBERED:
            self._ids[name] = text
        return text
