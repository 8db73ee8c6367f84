"""Flat: one object, own keys first, then the fields beside them; Event in, members out; the caller's thread; it does
not fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.plugin import Event
from penstock_json.keys import Keys
from penstock_json.parts import Members, Run, Severity, build_severity, build_site, error_object

OWN: Final = (
    "time",
    "severity",
    "severity_code",
    "message",
    "event",
    "logger",
    "module",
    "function",
    "line",
    "pid",
    "node",
    "thread",
    "error",
)
_SITE: Final = ("module", "function", "line", "pid", "node")


def build_flat(keys: Keys, stamp: Callable[[int], str], severity: Severity, node: str, label: str) -> Members:
    """Return the function that makes the members of a flat line."""
    time, message, name, thread, error = (keys[key] for key in ("time", "message", "event", "thread", "error"))
    level, severity_of = build_severity(keys, severity)
    called, measured = Run(keys, ("logger", *_SITE)), Run(keys, _SITE)
    logger, module = called.key, measured.key
    call_site, event_site = (build_site(run, f"{label} {run.key}", _values(node)) for run in (called, measured))
    are_plain, place = keys.are_plain, keys.place

    def members(event: Event) -> dict[str, object]:
        context, fields = event.context, event.fields
        if event.measurements is not None:
            line = {
                time: stamp(event.time_ns),
                level: severity_of(event.level),
                name: event.name,
                module: event_site(event),
                thread: event.thread,
                **place(event.merged()),
            }
        else:
            if event.arguments or not (are_plain(fields) and are_plain(context)):
                context, fields = place(event.merged()), {}
            line = {
                time: stamp(event.time_ns),
                level: severity_of(event.level),
                message: event.message,
                logger: call_site(event),
                thread: event.thread,
                **context,
                **fields,
            }
        if event.error is not None:
            line[error] = error_object(event.error)
        return line

    return members


def _values(node: str) -> Callable[[Event], Mapping[str, object]]:
    def values(event: Event) -> Mapping[str, object]:
        site = event.site
        return {
            "logger": event.name,
            "module": site.module,
            "function": site.function,
            "line": site.line,
            "pid": event.pid,
            "node": node,
        }

    return values
