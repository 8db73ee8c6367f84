"""Cases: the tables of `[[test]]`, and the event that `penstock route` takes; attrs classes in which TOML and JSON are
structured; any thread; what cannot be meant is refused with its place, as in every other table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

from penstock.assembly.structure import Wrong
from penstock.errors import Problem
from penstock.event import Event, Failure
from penstock.levels import DEBUG, ERROR, INFO
from penstock.units import Duration, Level

How: TypeAlias = Literal["unavailable", "rejected", "closed", "broken"]
"""What a sink raises in a trial: `Unavailable`, `Rejected`, `Closed`, or something that it should not."""
NOTHING: Final = "nothing"
"""What is written for a sink to which no record may come."""
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a test's first event happens if nothing is said, so that its bytes are the same in every run."""


def _not_empty(_: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, list | dict) and not value:
        raise Wrong(f"{attribute.name!r} is empty: such a test could not fail", f"say what to {attribute.name}")


def _patterns(_: object, __: Attribute[Any], value: str | list[str] | None) -> None:
    for pattern in several(value):
        try:
            re.compile(pattern)
        except re.error as error:
            raise Wrong(f"expected a regular expression, got {pattern!r}: {error.msg}") from None


def _at_least(least: int) -> Any:
    def check(_: object, __: Attribute[Any], value: int | None) -> None:
        if value is not None and value < least:
            raise Wrong(f"expected {least} or more, got {value}")

    return check


def _moment(_: object, __: Attribute[Any], value: object) -> None:
    if value is not None:
        moment(value)


def moment(value: object) -> datetime:
    """Return a time of TOML, or a text of RFC 3339; without an offset it is UTC.

    Raises:
        Wrong: If it is neither.
    """
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise Wrong(f"expected a date and time, got {value!r}", "such as 2026-01-01T12:00:00Z") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def several(value: Any) -> Sequence[Any]:
    """Return *value* as a sequence: nothing, one, or several."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


@frozen(kw_only=True)
class ErrorTable:
    """The exception of an event."""

    type: str = field(metadata={"doc": "Class of the exception, with its module: `shop.errors.Refused`."})
    message: str = field(default="", metadata={"doc": "Its text."})
    stack: str | None = field(default=None, metadata={"doc": "The traceback; else the line of type and message."})

    def failure(self) -> Failure:
        """Return it as an event carries it."""
        line = f"{self.type}: {self.message}" if self.message else self.type
        return Failure(self.type, self.message, line if self.stack is None else self.stack)


@frozen(kw_only=True)
class EventTable:
    """One event, as a program would emit it."""

    name: str = field(metadata={"doc": "Name of the logger, or of the telemetry event."})
    level: Level | None = field(
        default=None,
        metadata={"doc": "Else `info`; of telemetry `debug`, and `error` if the name ends in `.exception`."},
    )
    message: str = field(default="", metadata={"doc": "Text of a log call."})
    # What follows may hold what somebody takes for a secret: `repr` keeps silent about it.
    fields: dict[str, Any] = field(factory=dict, repr=False, metadata={"doc": "Fields of a log call."})
    context: dict[str, Any] = field(factory=dict, repr=False, metadata={"doc": "Fields of the context."})
    measurements: dict[str, Any] | None = field(default=None, repr=False, metadata={"doc": "Makes it telemetry."})
    metadata: dict[str, Any] | None = field(default=None, repr=False, metadata={"doc": "Makes it telemetry."})
    error: ErrorTable | str | None = field(
        default=None, repr=False, metadata={"doc": "An exception: a table, or its type as a text."}
    )
    time: Any = field(default=None, validator=_moment, metadata={"doc": "When: so much time passes before it."})
    after: Duration = field(default=Duration(0), metadata={"doc": "So much time passes before it."})
    times: int = field(default=1, validator=_at_least(1), metadata={"doc": "How often it is emitted."})

    def __attrs_post_init__(self) -> None:
        if self.is_telemetry and (self.fields or self.message):
            raise Wrong("an event has a message and fields, or measurements and metadata", "take out one of the two")

    @property
    def is_telemetry(self) -> bool:
        """Whether `execute` or a span would emit it."""
        return self.measurements is not None or self.metadata is not None

    @property
    def number(self) -> int:
        """Its level as a number, the default filled in."""
        if self.level is not None:
            return int(self.level)
        if not self.is_telemetry:
            return INFO
        return ERROR if self.name.endswith(".exception") else DEBUG

    @property
    def time_ns(self) -> int | None:
        """Its time in nanoseconds since the epoch, or None."""
        return None if self.time is None else nanoseconds(moment(self.time))

    def event(self, static: Mapping[str, object], time_ns: int) -> Event:
        """Return the event, with *static* fields, at *time_ns* if it has no time of its own."""
        own = self.time_ns
        error = ErrorTable(type=self.error) if isinstance(self.error, str) else self.error
        return Event(
            self.name,
            self.message,
            self.number,
            time_ns=time_ns if own is None else own,
            fields=dict(self.fields),
            measurements=dict(self.measurements or {}) if self.is_telemetry else None,
            metadata=dict(self.metadata or {}) if self.is_telemetry else None,
            context={**static, **self.context},
            error=None if error is None else error.failure(),
            pid=1,
            thread="MainThread",
        )


def nanoseconds(time: datetime) -> int:
    """Return *time* as nanoseconds since the epoch, exactly."""
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


BEGIN_NS: Final = nanoseconds(_BEGIN)


@frozen(kw_only=True)
class ExpectTable:
    """What has to come to one sink; that something does, goes without saying."""

    contains: str | list[str] | None = field(default=None, metadata={"doc": "A record has this text, or all of these."})
    matches: str | list[str] | None = field(
        default=None, validator=_patterns, metadata={"doc": "A regular expression, or several, found in that record."}
    )
    json: dict[str, Any] | None = field(
        default=None, repr=False, metadata={"doc": "That record is a JSON object with these members, at any depth."}
    )
    equals: str | list[str] | None = field(
        default=None, metadata={"doc": "The only record, or all of them in order, whole."}
    )
    lacks: str | list[str] | None = field(default=None, metadata={"doc": "No record has this text, or any of these."})
    count: int | None = field(default=None, validator=_at_least(0), metadata={"doc": "How many records come."})


@frozen(kw_only=True)
class FailTable:
    """How a sink fails."""

    how: How = field(metadata={"doc": "What it raises."})
    times: int | None = field(
        default=None, validator=_at_least(1), metadata={"doc": "How many writes; then it works. Else it never does."}
    )


@frozen(kw_only=True)
class CaseTable:
    """`[[test]]`: events, and what has to come out at the sinks."""

    emit: EventTable | list[EventTable] = field(validator=_not_empty, metadata={"doc": "An event, or several."})
    expect: dict[str, ExpectTable | Literal["nothing"]] = field(
        validator=_not_empty, metadata={"doc": 'What comes to a sink; or `"nothing"`.'}
    )
    name: str = field(default="", metadata={"doc": "What it claims, for a person."})
    profile: str | None = field(default=None, metadata={"doc": "Lay the table `[profile.NAME]` over the rest."})
    fail: dict[str, FailTable | How] = field(factory=dict, metadata={"doc": "Sinks that fail, and how."})

    @property
    def events(self) -> Sequence[EventTable]:
        """The events, in order."""
        return several(self.emit)

    def failing(self) -> Mapping[str, FailTable]:
        """Return the sinks that fail."""
        return {name: FailTable(how=how) if isinstance(how, str) else how for name, how in self.fail.items()}

    def dangling(self, at: tuple[str | int, ...], sinks: Sequence[str]) -> Iterator[Problem]:
        """Yield a problem for each sink that it names and that is none of *sinks*."""
        for key, names in (("expect", self.expect), ("fail", self.fail)):
            for name in names:
                if name not in sinks:
                    near = difflib.get_close_matches(name, sinks, 1, 0.6)
                    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sinks) or 'none'}"
                    text = f"there is no sink {name!r}"
                    yield Problem("dangling-reference", (*at, key, name), text, hint, degrades=True)
