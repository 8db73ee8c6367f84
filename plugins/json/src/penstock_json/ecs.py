"""Ecs: the Elastic Common Schema 8.11, with dotted keys at the top level; Event in, members out; the caller's thread;
it does not fail.

Elasticsearch refuses a whole document for one field of the wrong shape. So a field that has the name of a field set of
ECS, but not its shape, gets another name, as one that collides does; all other fields stand at the top level as they
are. The order of the first keys and the four that are always there: https://github.com/elastic/ecs-logging, spec/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import PurePath
from typing import Final, final

from penstock.plugin import Event
from penstock_json.keys import Keys
from penstock_json.known import FIELDS
from penstock_json.parts import Members, Run, Severity, build_level, build_site, failure_of
from penstock_json.shapes import is_ordinary, parents_of, shaped

VERSION: Final = "8.11.0"
REQUIRED: Final = ("@timestamp", "log.level", "message", "ecs.version")
"""Always there, always called so: without them a line is no ECS."""
_SITE: Final = (
    "ecs.version",
    "log.logger",
    "log.origin.file.name",
    "log.origin.file.line",
    "log.origin.function",
    "process.pid",
    "host.name",
)
_CODE: Final = "log.syslog.severity.code"
"""Written on request."""
_ERROR: Final = ("error.type", "error.message", "error.stack_trace")
OWN: Final = (*REQUIRED[:3], *_SITE, "process.thread.name", _CODE, "event.action", "event.duration", *_ERROR)
_FAILURE: Final = ("type", "message", "stack")
"""Members of an exception that is a field."""


def build_ecs(keys: Keys, stamp: Callable[[int], str], severity: Severity, node: str, label: str) -> Members:
    """Return the function that makes the members of an ECS line."""
    time, level, message = REQUIRED[:3]
    thread, action = keys["process.thread.name"], keys["event.action"]
    error_names = tuple(keys[key] for key in _ERROR)
    level_name = build_level("name")
    run, values = Run(keys, _SITE), _values(node)
    version = run.key
    # Two: a telemetry event has no logger, and may have the name and site of a log call.
    call_site, event_site = (build_site(run, f"{label} {kind}", values) for kind in ("log", "telemetry"))
    are_plain, place = keys.are_plain, _Placing(keys).place
    code = keys[_CODE] if severity == "both" else None
    code_of = build_level("syslog")

    def members(event: Event) -> dict[str, object]:
        of_log = event.measurements is None
        line = {
            time: stamp(event.time_ns),
            level: level_name(event.level),
            message: event.message if of_log else event.name,
            version: call_site(event) if of_log else event_site(event),
            thread: event.thread,
        }
        if code is not None:
            line[code] = code_of(event.level)
        if not of_log:
            line[action] = event.name
        fields = event.merged()
        line |= fields if are_plain(fields) and not _is_span(event) else place(fields, event)
        if event.error is not None:
            failure = failure_of(event.error)
            line |= zip(error_names, (failure.type, failure.message, failure.stack), strict=True)
        return line

    return members


def _values(node: str) -> Callable[[Event], Mapping[str, object]]:
    """Return the function that returns what a site determines, less what is not known of it."""

    def values(event: Event) -> Mapping[str, object]:
        site = event.site
        known = {
            "log.logger": event.name if event.measurements is None else "",
            "log.origin.file.name": PurePath(site.file).name,
            "log.origin.file.line": site.line,
            "log.origin.function": site.function,
            "process.pid": event.pid,
            "host.name": node,
        }
        return {"ecs.version": VERSION, **{key: value for key, value in known.items() if value}}

    return values


@final
class _Placing:
    """Gives every field a name under which Elasticsearch takes it."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._error = tuple(keys[key] for key in _ERROR)
        self._duration = keys["event.duration"]
        # The keys of the errors and of telemetry are the fields' own where the format does not write them.
        log = keys.reserved - {keys["event.action"], self._duration, *self._error}
        telemetry = log | {keys["event.action"]}
        self._own = {
            (of_telemetry, failed): names.union(self._error) if failed else names
            for of_telemetry, names in ((False, log), (True, telemetry))
            for failed in (False, True)
        }

    def place(self, fields: Mapping[str, object], event: Event) -> dict[str, object]:
        """Return *fields* of *event* under the names they have in the line."""
        placed = _Placed(self._own[event.measurements is not None, event.error is not None])
        plain = self._keys.plain
        of_span = _is_span(event)
        for key, value in fields.items():
            special = of_span and _ends_span(key, value)
            if not special and (key in plain or self._stays(key)):
                placed[key] = value
                continue
            for name, leaf in self._leaves(key, value, special):
                placed.put(self._unlike_fields(placed.free(name), placed, fields), leaf)
        return placed

    def _stays(self, key: str) -> bool:
        """Return whether a field called *key* keeps its name, whatever its value and the other fields are."""
        stays = self._keys.stays(key) and is_ordinary(key)
        if stays:
            self._keys.learn(key)
        return stays

    def _leaves(self, key: str, value: object, special: bool) -> Iterator[tuple[str, object]]:
        """Yield names in ECS for the field *key*, and what stands under each."""
        name = self._keys.name_of(key)
        if name is None:
            return
        if not special or name != key:
            yield from shaped(name, value)
        elif isinstance(value, dict):
            yield from zip(self._error, value.values(), strict=True)
        else:
            yield self._duration, value

    def _unlike_fields(self, name: str, placed: _Placed, fields: Mapping[str, object]) -> str:
        while name in fields and self._stays(name):
            name = placed.free(f"{name}_")
        return name


@final
class _Placed(dict[str, object]):
    """The fields that have their place; knows which names are free beside them and the own keys *own*."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own
        self._parents = _objects_in(own)

    def put(self, name: str, value: object) -> None:
        """Put *value* under *name*, which may be dotted."""
        self[name] = value
        if "." in name:
            self._parents = self._parents.union(parents_of(name))

    def free(self, name: str) -> str:
        """Return *name*, or one like it that nothing else has, and that is no object where another is a value."""
        for parent in parents_of(name) if "." in name else ():
            if parent in self or parent in self._own or parent in FIELDS:
                name = name.replace(".", "_")
                break
        while name in self or name in self._own or name in self._parents:
            name += "_"
        return name


@cache
def _objects_in(own: frozenset[str]) -> frozenset[str]:
    """Return the names of the objects that the dotted names *own* are in."""
    return frozenset(parent for name in own for parent in parents_of(name))


def _is_span(event: Event) -> bool:
    return bool(event.metadata) and "telemetry_span_context" in (event.metadata or ())


def _ends_span(key: str, value: object) -> bool:
    """Return whether a field of a span's last event has a name of its own in ECS."""
    if key == "duration":
        return type(value) is int
    return key == "reason" and isinstance(value, dict) and tuple(value) == _FAILURE
