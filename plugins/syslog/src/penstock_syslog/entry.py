"""Entry: the fields of a journal entry as one line of JSON; Event in, bytes out; the caller's thread; if it fails: the
core's minimal line.

    {"MESSAGE":"card charged","PRIORITY":"6","SYSLOG_IDENTIFIER":"shop","LOGGER":"shop.till",…,"ORDER":"17"}

It is what `journalctl -o json` shows of an entry. The sink turns it into journald's protocol, whose values can have
lines: a record has none, so that any sink can be the fallback of this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, final

from attrs import define, field

from penstock.plugin import Event, Failure, level_name, level_of
from penstock_syslog.header import FACILITIES, Facility, build_stamp, program_name
from penstock_syslog.names import FIELD_LENGTH, Names, field_name
from penstock_syslog.text import text_of

OWN: Final = (
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_FACILITY",
    "SYSLOG_PID",
    "TIMESTAMP",
    "LEVEL",
    "LOGGER",
    "EVENT",
    "THREAD_NAME",
    "CODE_FILE",
    "CODE_LINE",
    "CODE_FUNC",
    "EXCEPTION_TYPE",
    "EXCEPTION_MESSAGE",
    "EXCEPTION_TEXT",
    "FIELDS_LEFT_OUT",
)
"""Names that a field of the event cannot have: systemd.journal-fields(7), and what systemd's own handler for Python
writes.
"""
_MOST: Final = 900
"""Fields of the event in one entry; journald throws away an entry that has more than 1,024 with its own (systemd,
src/shared/journal-importer.h).
"""


@final
@define(kw_only=True)
class JournaldFormat:
    """Writes an event as the fields of a journal entry."""

    facility: Facility = field(
        default="user", metadata={"doc": "Which part of the system speaks: `user`, `daemon`, `local0` to `local7`, …"}
    )
    app: str = field(default="", metadata={"doc": "SYSLOG_IDENTIFIER; empty: the name of the program."})
    _names: Names = field(init=False, repr=False, eq=False)
    _who: dict[str, str] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._names = Names(field_name, FIELD_LENGTH, OWN)
        self._who = {
            "SYSLOG_IDENTIFIER": self.app or program_name(),
            "SYSLOG_FACILITY": str(FACILITIES[self.facility]),
        }

    def format(self, event: Event, /) -> bytes:
        """Return *event* as a JSON object of texts, in ASCII."""
        entry = {
            "MESSAGE": event.message or (event.name if event.measurements is not None else ""),
            "PRIORITY": str(level_of(event.level).syslog),
            **self._who,
            **dict(_known(event)),
        }
        fields = event.merged()
        if len(fields) > _MOST:
            entry["FIELDS_LEFT_OUT"] = str(len(fields) - _MOST)
            fields = dict(islice(fields.items(), _MOST))
        names = self._names.of(fields.keys())
        entry |= {name: text_of(value) for name, value in zip(names, fields.values(), strict=True)}
        return json.dumps(entry, separators=(",", ":")).encode("ascii")


_stamp: Final = build_stamp("us", utc=True)


def _known(event: Event) -> Iterator[tuple[str, str]]:
    """Yield what is known of *event* beside its message and fields."""
    yield "TIMESTAMP", _stamp(event.time_ns)  # the journal's own time is that of the arrival, perhaps hours later
    yield "LEVEL", level_name(event.level)
    yield "LOGGER" if event.measurements is None else "EVENT", event.name
    if event.pid:
        yield "SYSLOG_PID", str(event.pid)
    if event.thread:
        yield "THREAD_NAME", event.thread
    if event.site.file:
        yield "CODE_FILE", event.site.file
        yield "CODE_LINE", str(event.site.line)
        yield "CODE_FUNC", event.site.function
    yield from _error(event).items()


def _error(event: Event) -> Mapping[str, str]:
    if event.error is None:
        return {}
    if isinstance(event.error, Failure):
        told = (event.error.type, event.error.message, event.error.stack)
    else:
        told = (type(event.error).__qualname__, str(event.error), "")
    return dict(zip(("EXCEPTION_TYPE", "EXCEPTION_MESSAGE", "EXCEPTION_TEXT"), told, strict=True))
