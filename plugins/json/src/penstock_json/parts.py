"""Parts: the pieces that all styles are put together from; parts of an event in, values for the encoder out; the
caller's thread; they do not fail.

What is the same for many events is encoded once and kept: a `Run` is several keys of the line as one finished value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from sys import intern
from typing import Final, Literal, NamedTuple, TypeAlias, final

import msgspec

from penstock.plugin import Event, Failure, LevelInfo, iso_time, level_of
from penstock_json.keys import Keys
from penstock_json.strict import encode, encode_text, text_of

Members: TypeAlias = Callable[[Event], dict[str, object]]
"""Returns the members of an event's line, in their order."""
Precision: TypeAlias = Literal["ms", "us", "ns"]
Severity: TypeAlias = Literal["name", "rfc5424", "both"]

UNITS: Final[Mapping[Precision, int]] = {"ms": 1_000_000, "us": 1_000, "ns": 1}
_SECOND: Final = 1_000_000_000
_LEVELS: Final = 200
"""Levels remembered; other libraries use numbers of their own, so the table is bounded."""


def build_stamp(precision: Precision) -> Callable[[int], str]:
    """Return the function that writes nanoseconds since the epoch as RFC 3339 text in UTC."""
    digits, unit = {"ms": 3, "us": 6, "ns": 9}[precision], UNITS[precision]
    endings = tuple(f"{part:03d}Z" for part in range(1_000)) if precision == "ms" else ()
    second = (0, iso_time(0)[:-4])  # start and text of the last second; one tuple, so threads never see half of it

    def stamp(time_ns: int) -> str:
        nonlocal second
        start, text = second
        rest = time_ns - start
        if not 0 <= rest < _SECOND:
            rest = time_ns % _SECOND
            whole = iso_time(time_ns - rest)
            if not whole.endswith(".000Z"):  # no calendar has it: the core's text for such a time
                return whole
            second = (time_ns - rest, whole[:-4])
            text = whole[:-4]
        return text + (endings[rest // unit] if endings else f"{rest // unit:0{digits}d}Z")

    return stamp


def build_opening(key: str, precision: Precision) -> Callable[[int], bytes]:
    """Return the function that writes a line up to its time, which stands first under *key*."""
    stamp = build_stamp(precision)
    name = encode({key: 0})[: -len("0}")]
    return lambda time_ns: name + encode_text(stamp(time_ns))


@final
class Run:
    """Some neighbouring keys of the line that are encoded once, as the value of the first of them.

    Args:
        keys: The names of the line.
        own: The own keys of the run, in order; the first that is written must always have a value.

    Attributes:
        key: The name of the first.
    """

    def __init__(self, keys: Keys, own: Sequence[str]) -> None:
        self._names = {key: keys[key] for key in own if keys.writes(key)}
        # If none is written, this name is one of those that are left out at the end.
        self.key = next(iter(self._names.values()), keys[own[0]])
        self._start = len(encode({self.key: 0})) - len("0}")

    def value(self, values: Mapping[str, object]) -> object:
        """Return *values*, by own key, as the value of the first; those it has no value for are left out."""
        members = {name: values[key] for key, name in self._names.items() if key in values}
        return msgspec.Raw(encode(members)[self._start : -1])


@final
class _Table(dict[int, object]):
    """What is written for a level, made when it is first asked for."""

    def __init__(self, make: Callable[[LevelInfo], object]) -> None:
        self._make = make

    def __missing__(self, level: int) -> object:
        made = self._make(level_of(level))
        if len(self) < _LEVELS:
            self[level] = made
        return made


def build_severity(keys: Keys, severity: Severity) -> tuple[str, Callable[[int], object]]:
    """Return the key of the severity, and the function that returns its value for a level."""
    run = Run(keys, ("severity", "severity_code") if severity == "both" else ("severity",))

    def make(level: LevelInfo) -> object:
        first = level.syslog if severity == "rfc5424" else level.name
        return run.value({"severity": first, "severity_code": level.syslog})

    return run.key, _Table(make).__getitem__


def build_level(field: Literal["name", "syslog"]) -> Callable[[int], object]:
    """Return the function that returns the name of a level, or its severity of RFC 5424."""
    return _Table(lambda level: getattr(level, field)).__getitem__


def build_site(run: Run, label: str, values: Callable[[Event], Mapping[str, object]]) -> Callable[[Event], object]:
    """Return the function that returns *run* for an event, kept on the event's call site.

    Args:
        run: The keys.
        label: Names everything in the options that the run depends on: formats that are configured alike share it.
        values: Returns values that depend on the site, name and process of an event alone.
    """
    kept_as = intern(f"penstock-json {label}")

    def site(event: Event) -> object:
        cache = event.site.cache
        kept = cache.get(kept_as)
        if isinstance(kept, _Kept) and kept.name == event.name and kept.pid == event.pid:
            return kept.value
        made = run.value(values(event))
        cache[kept_as] = _Kept(event.name, event.pid, made)
        return made

    return site


class _Kept(NamedTuple):
    """What was made of a site, and for which logger and process."""

    name: str
    pid: int
    value: object


def failure_of(error: BaseException | Failure) -> Failure:
    """Return *error* as plain text; it is that already, unless the format is called directly."""
    return error if isinstance(error, Failure) else Failure(type(error).__qualname__, text_of(error), "")


def error_object(error: BaseException | Failure) -> dict[str, object]:
    """Return *error* as an object of the line."""
    failure = failure_of(error)
    return {"type": failure.type, "message": failure.message, "stack": failure.stack}


def without(members: Members, names: Sequence[str]) -> Members:
    """Return *members* less *names*."""
    if not names:
        return members

    def fewer(event: Event) -> dict[str, object]:
        line = members(event)
        for name in names:
            line.pop(name, None)
        return line

    return fewer
