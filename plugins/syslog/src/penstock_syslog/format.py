"""Format: one RFC 5424 message; Event in, bytes out; the caller's thread; if it fails: the core's minimal line.

    <165>1 2026-03-01T08:30:00.000003Z web-1 shop 811 shop.till [event@32473 name="shop.till" …][fields@32473 …] MSG

The parts of an event are elements of the structured data: `event`, `error`, `measurements`, `fields`, `metadata`,
`context`, in this order, since what has no room is left out from behind. MSG is for people: the message, or the name of
a telemetry event, and the traceback.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, final

from attrs import Attribute, define, field

from penstock.plugin import Event, Failure, Site, Size, level_name
from penstock_syslog.header import Facility, Header, Precision
from penstock_syslog.message import fit
from penstock_syslog.names import PARAM_LENGTH, Names, param_name
from penstock_syslog.text import on_one_line, text_of, with_its_lines

_REMEMBERED: Final = 1_000
"""Elements `event` that are kept; names and threads can come from users, so the table is bounded."""
_LEAST: Final = 480
"""Octets that every receiver takes: RFC 5424, section 6.1."""
_ENTERPRISE: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_ENTERPRISE: Final = PARAM_LENGTH - len("measurements@")
_ESCAPED: Final = re.compile(r'["\\\]]')
_WITH_BACKSLASH: Final = r"\\\g<0>"
"""What has to have a backslash before it in a value, and how it gets one: RFC 5424, section 6.3.3."""
_BOM: Final = "\ufeff"


def _judge_enterprise(instance: object, attribute: Attribute[Any], value: str) -> None:
    if not _ENTERPRISE.fullmatch(value) or len(value) > _LONGEST_ENTERPRISE:
        raise ValueError(f'expected a private enterprise number such as "32473", of up to {_LONGEST_ENTERPRISE} digits')


def _judge_size(instance: object, attribute: Attribute[Any], value: int) -> None:
    if value < _LEAST:
        raise ValueError(f"expected {_LEAST} B or more, which every receiver takes")


@final
@define(kw_only=True)
class Rfc5424Format:
    """Writes an event as an RFC 5424 message with structured data."""

    facility: Facility = field(
        default="user", metadata={"doc": "Which part of the system speaks: `user`, `daemon`, `local0` to `local7`, …"}
    )
    hostname: str = field(default="", metadata={"doc": "HOSTNAME; empty: what the system says."})
    app: str = field(default="", metadata={"doc": "APP-NAME; empty: the name of the program."})
    enterprise: str = field(
        default="32473",
        validator=_judge_enterprise,
        metadata={"doc": "Private enterprise number behind the `@` of each SD-ID; the default is for documentation."},
    )
    event: bool = field(
        default=True, metadata={"doc": "Write the element `event`: full name, level, thread and call site."}
    )
    newlines: Literal["escape", "keep"] = field(
        default="escape", metadata={"doc": r"Newlines and tabs as `\n` and `\t`, or as they are: not for files."}
    )
    bom: bool = field(
        default=True, metadata={"doc": "Begin an MSG that is not ASCII with the BOM, as RFC 5424 demands."}
    )
    precision: Precision = field(default="us", metadata={"doc": "Smallest unit of the time: `s`, `ms` or `us`."})
    utc: bool = field(default=True, metadata={"doc": "The time in UTC; `false`: local time with its offset."})
    max_size: Size = field(
        default=Size("8192 B"),
        validator=_judge_size,
        metadata={"doc": "Bytes of a message; the text is cut, then whole values are left out."},
    )
    _header: Header = field(init=False, repr=False, eq=False)
    _names: Names = field(init=False, repr=False, eq=False)
    _events: dict[tuple[str, int, str, Site], str] = field(init=False, repr=False, eq=False, factory=dict)
    _shown: Callable[[str], str] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._header = Header(self.facility, self.hostname, self.app, self.precision, self.utc)
        self._names = Names(param_name, PARAM_LENGTH)
        self._shown = on_one_line if self.newlines == "escape" else with_its_lines

    def format(self, event: Event, /) -> bytes:
        """Return *event* as a message of at most `max_size` bytes."""
        text = self._text(event)
        if text:
            text = f" {_BOM}{text}" if self.bom and not text.isascii() else f" {text}"
        head = self._header.write(event.level, event.time_ns, event.pid, event.name)
        data = f"{head}{self._data(event) or '-'}{text}".encode()
        return data if len(data) <= self.max_size else fit(data, self.max_size)

    def _text(self, event: Event) -> str:
        """Return MSG."""
        text = event.message or (event.name if event.measurements is not None else "")
        if isinstance(event.error, Failure) and event.error.stack:
            text = f"{text}\n{event.error.stack}" if text else event.error.stack
        return self._shown(text)

    # -- structured data ----------------------------------------------------------------------------------------------

    def _data(self, event: Event) -> str:
        """Return the elements, or nothing."""
        data = self._event(event) if self.event else ""
        if event.error is not None:
            data += self._element("error", _error(event))
        if event.measurements:
            data += self._element("measurements", event.measurements)
        fields = event.fields
        if event.arguments:
            fields = {"args": event.arguments, **fields}
        if fields:
            data += self._element("fields", fields)
        if event.metadata:
            data += self._element("metadata", event.metadata)
        if event.context:
            data += self._element("context", event.context)
        return data

    def _element(self, name: str, values: Mapping[str, object]) -> str:
        shown = self._shown
        text = f"[{name}@{self.enterprise}"
        for key, value in zip(self._names.of(values.keys()), values.values(), strict=True):
            written = text_of(value)
            if not written.isalnum():  # most need a look
                written = _quoted(shown(written))
            text += f' {key}="{written}"'
        return f"{text}]"

    def _event(self, event: Event) -> str:
        """Return the element `event`, which is the same for most events of a call site."""
        key = (event.name, event.level, event.thread, event.site)
        text = self._events.get(key)
        if text is None:
            site = event.site
            known = {
                "name": event.name,
                "level": level_name(event.level),
                "thread": event.thread,
                "module": site.module,
                "function": site.function,
                "line": site.line,
            }
            text = self._element("event", {key: value for key, value in known.items() if value})
            if len(self._events) >= _REMEMBERED:
                self._events.clear()
            self._events[key] = text
        return text


def _quoted(text: str) -> str:
    """Return *text* as it stands between the quotes of a value."""
    if '"' in text or "\\" in text or "]" in text:
        return _ESCAPED.sub(_WITH_BACKSLASH, text)
    return text


def _error(event: Event) -> Mapping[str, object]:
    if isinstance(event.error, Failure):
        return {"type": event.error.type, "message": event.error.message}
    return {"type": type(event.error).__qualname__, "message": str(event.error)}
