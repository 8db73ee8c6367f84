"""Basic: time, severity and message, and the fields in an object of their own, as LoggerJSON's formatter of this name
does; Event in, members out; the caller's thread; it does not fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.plugin import Event
from penstock_json.keys import Keys
from penstock_json.known import take_known
from penstock_json.parts import Members, Severity, build_severity, error_object, without

OWN: Final = ("time", "severity", "severity_code", "message", "metadata", "request", "span", "trace")
INSIDE: Final = ("error",)
"""The style's own keys inside `metadata`."""

# Where a known field goes: https://github.com/Nebo15/logger_json, lib/logger_json/formatters/basic.ex
_IDS: Final = {"span.id": "span", "trace.id": "trace"}
_REQUEST: Final = {
    "http.version": ("connection", "protocol"),
    "http.request.method": ("connection", "method"),
    "url.path": ("connection", "path"),
    "http.response.status_code": ("connection", "status"),
    "client.ip": ("client", "ip"),
    "user_agent.original": ("client", "user_agent"),
}
_TAKEN: Final = frozenset({*_IDS, *_REQUEST})


def build_basic(keys: Keys, inside: Keys, stamp: Callable[[int], str], severity: Severity) -> Members:
    """Return the function that makes the members of a basic line.

    Args:
        keys: The names of the line.
        inside: The names in its `metadata`.
        stamp: Writes the time.
        severity: How the level is written.
    """
    time, message, metadata, request = (keys[key] for key in ("time", "message", "metadata", "request"))
    ids = {name: keys[own] for name, own in _IDS.items()}
    level, severity_of = build_severity(keys, severity)
    fields_of = without(_build_fields(inside), inside.left_out)

    def members(event: Event) -> dict[str, object]:
        rest, known = take_known(fields_of(event), _TAKEN)
        line = {
            time: stamp(event.time_ns),
            level: severity_of(event.level),
            message: event.message if event.measurements is None else event.name,
            metadata: rest,
        }
        if known:
            asked = _request(known)
            if asked:
                line[request] = asked
            line |= {ids[name]: value for name, value in known.items() if name in ids}
        return line

    return members


def _build_fields(inside: Keys) -> Members:
    """Return the function that makes what stands in `metadata`, and the known fields."""
    error = inside["error"]

    def fields_of(event: Event) -> dict[str, object]:
        fields = dict(inside.place(event.merged()))
        if event.error is not None:
            fields[error] = error_object(event.error)
        return fields

    return fields_of


def _request(known: Mapping[str, object]) -> dict[str, dict[str, object]]:
    asked: dict[str, dict[str, object]] = {}
    for name, (part, key) in _REQUEST.items():
        if name in known:
            asked.setdefault(part, {})[key] = known[name]
    return asked
