"""Sinks that keep what they get; named in configurations as ``python:redact_sinks:…``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field

from penstock.plugin import Event, Record

made: list[Any] = []


@define(kw_only=True)
class Lines:
    """Keeps finished lines."""

    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}
    lines: list[str] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        made.append(self)

    def write(self, batch: Sequence[Record], /) -> None:
        self.lines.extend(record.data.decode("utf-8", "surrogatepass") for record in batch)


@define(kw_only=True)
class Events:
    """Keeps redacted events."""

    accepts: ClassVar[str] = "event"
    events: list[Event] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        made.append(self)

    def write(self, batch: Sequence[Event], /) -> None:
        self.events.extend(batch)
