"""Event: what happened, once, as one plain object; made in the emitter's thread and never shared with another.

An event is the only thing that travels from a mouth (`log.info`, `execute`, a captured record) to the formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock import clock
from penstock.hints import TYPE_CHECKING, final

if TYPE_CHECKING:
    from typing import Final, Self

EMPTY: Final[Mapping[str, object]] = {}
"""Stands for "no fields"; shared, never written to."""


@final
class Site:
    """The place in the source that emits: one object per call site, for the life of the process.

    Attributes:
        module: Dotted name of the module.
        function: Qualified name of the function, ``<module>`` at the top level.
        file: Path of the source file as the interpreter knows it.
        line: Line number from 1.
        cache: Formatters keep what they rendered of this site here, under a key of their own.
    """

    __slots__ = ("cache", "file", "function", "line", "module")

    def __init__(self, module: str, function: str, file: str, line: int) -> None:
        self.module = module
        self.function = function
        self.file = file
        self.line = line
        self.cache: dict[object, object] = {}

    def __repr__(self) -> str:
        return f"<Site {self.module}.{self.function}:{self.line}>"


NOWHERE: Final = Site("", "", "", 0)
"""The site of events that come from no Python source, such as a line on standard input."""


@final
class Failure:
    """An exception as plain text, made once, in the emitter's thread, before redaction.

    Attributes:
        type: Qualified name of the class.
        message: ``str()`` of the exception.
        stack: The whole rendered chain with causes, groups and notes, without local variables.
    """

    __slots__ = ("message", "stack", "type")

    def __init__(self, type: str, message: str, stack: str) -> None:
        self.type = type
        self.message = message
        self.stack = stack

    def __repr__(self) -> str:
        return f"<Failure {self.type}>"


@final
class Event:
    """Something that happened.

    Attributes:
        name: Dotted: the telemetry event, or the logger.
        message: The text of a log call; empty for telemetry.
        level: A number; see `penstock.levels`.
        time_ns: Nanoseconds since the epoch, UTC.
        fields: Bound fields and those of the call; the call wins.
        measurements: Numbers of a telemetry event; None for a log call.
        metadata: The rest of a telemetry event; None for a log call.
        context: Static fields and those of `penstock.context`; the context wins.
        site: Where it was emitted.
        error: The exception, a `Failure` once it is redacted, or None.
        pid: Process that emitted it.
        thread: Name of the thread that emitted it.
        arguments: Values that a captured message was made of; shown as the field `args`, unless redaction changed the
            message: what is secret in the text is secret in its parts.
        rendered: What has been made of it already, so that pipelines that render alike do it once.
    """

    __slots__ = (
        "arguments",
        "context",
        "error",
        "fields",
        "level",
        "measurements",
        "message",
        "metadata",
        "name",
        "pid",
        "rendered",
        "site",
        "thread",
        "time_ns",
    )

    def __init__(
        self,
        name: str,
        message: str = "",
        level: int = 20,
        *,
        time_ns: int | None = None,
        fields: Mapping[str, object] = EMPTY,
        measurements: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        context: Mapping[str, object] = EMPTY,
        site: Site = NOWHERE,
        error: BaseException | Failure | None = None,
        pid: int = 0,
        thread: str = "",
        arguments: Sequence[object] = (),
    ) -> None:
        self.name = name
        self.message = message
        self.level = level
        self.time_ns = clock.now_ns() if time_ns is None else time_ns
        self.fields = fields
        self.measurements = measurements
        self.metadata = metadata
        self.context = context
        self.site = site
        self.error = error
        self.pid = pid
        self.thread = thread
        self.arguments = arguments
        self.rendered: dict[object, object] | None = None

    @property
    def is_telemetry(self) -> bool:
        """Whether `execute` or a span emitted it, not a log call."""
        return self.measurements is not None

    def merged(self) -> dict[str, object]:
        """Return all fields in one new dict: call over bound over context over static; measurements over metadata."""
        if self.measurements is None:
            merged = {**self.context, **self.fields} if self.context else dict(self.fields)
            if self.arguments:
                merged.setdefault("args", self.arguments)
            return merged
        return {**self.context, **(self.metadata or EMPTY), **self.fields, **self.measurements}

    def replace(self, **changes: object) -> Self:
        """Return a copy with *changes*; a stage that changes an event returns such a copy.

        Example:
            >>> Event("shop.sold", level=20, time_ns=0).replace(level=30).level
            30
        """
        copy = object.__new__(type(self))
        # Written out: a loop over the slots takes five times as long, and redaction makes a copy of each event.
        copy.name = self.name
        copy.message = self.message
        copy.level = self.level
        copy.time_ns = self.time_ns
        copy.fields = self.fields
        copy.measurements = self.measurements
        copy.metadata = self.metadata
        copy.context = self.context
        copy.site = self.site
        copy.error = self.error
        copy.pid = self.pid
        copy.thread = self.thread
        copy.arguments = self.arguments
        copy.rendered = None
        for slot, value in changes.items():
            setattr(copy, slot, value)
        return copy

    def __repr__(self) -> str:
        # No values: whoever prints an event must not print a secret.
        return f"<Event {self.name!r} level={self.level} fields={sorted(self.fields)}>"
