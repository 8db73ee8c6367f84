"""Intake: makes events of lines and hands them to the river; lines in, counts out; the main thread; never raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from attrs import define, field

from penstock.plugin import Event, submit
from penstock_cli.pipe.gate import Gate
from penstock_cli.pipe.parsed import Parsed, add_field
from penstock_cli.pipe.reader import Line
from penstock_cli.pipe.understand import Understand


@final
@define
class Counts:
    """What came in."""

    lines: int = 0
    unparsed: int = 0
    """Of them, lines that are not what `--input` says; they were emitted as plain text."""
    cut: int = 0
    """Of them, lines that were longer than `--max-line`."""
    invalid_utf8: int = 0
    """Of them, lines with other bytes."""


@final
@define(kw_only=True)
class Intake:
    """Emits lines.

    Attributes:
        understand: Parses a line.
        name: Of events whose line has none.
        level: Of events whose line has none.
        pid: Of events whose line has none; 0 where it is not known.
        context: Static fields of the configuration.
        gate: Holds the input back.
        counts: What came in so far.
    """

    understand: Understand
    name: str
    level: int
    pid: int
    context: Mapping[str, object]
    gate: Gate
    counts: Counts = field(factory=Counts, init=False)

    def take(self, line: Line) -> None:
        """Emit *line* as one event."""
        submit(self.event(line))
        self.gate.passed(len(line.data))

    def event(self, line: Line) -> Event:
        """Return *line* as an event, and count it.

        Marks are fields: `unparsed` says what the line is not, `invalid_utf8` that it had other bytes, `cut` how many
        bytes of it were left out, `stream` which output of a wrapped command it is from.
        """
        parsed = self.understand(line.data)
        self._count(line, parsed)
        for name, mark in (
            ("unparsed", parsed.unparsed),
            ("invalid_utf8", not parsed.valid),
            ("cut", line.cut),
            ("stream", line.stream),
        ):
            if mark:
                add_field(parsed.fields, name, mark)
        return Event(
            parsed.name or self.name,
            parsed.message,
            self.level if parsed.level is None else parsed.level,
            time_ns=parsed.time_ns,
            fields=parsed.fields,
            context=self.context,
            pid=self.pid if parsed.pid is None else parsed.pid,
        )

    def _count(self, line: Line, parsed: Parsed) -> None:
        self.counts.lines += 1
        self.counts.unparsed += bool(parsed.unparsed)
        self.counts.cut += bool(line.cut)
        self.counts.invalid_utf8 += not parsed.valid
