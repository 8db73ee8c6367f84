"""Components shaped like the hard ones to come; named in documents as ``python:hard_sinks:Class``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field

from penstock.plugin import Cancel, Event, Later, Record, Rejected, Resume, Unavailable, level_name


@define(kw_only=True)
class Chat:
    """Takes three records of a batch, asks to wait, and takes the rest later; refuses what says 'poison'."""

    made: ClassVar[list[Chat]] = []
    default_format: ClassVar[str] = "plain"
    wait: float = 0.05
    got: list[str] = field(factory=list, init=False)
    calls: list[int] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        Chat.made.append(self)

    def write(self, batch: Sequence[Record], /) -> None:
        self.calls.append(len(batch))
        rejected: list[int] = []
        for index, record in enumerate(batch):
            if index == 3 and len(self.calls) == 1:
                raise Unavailable("slow down", retry_after=self.wait, delivered=3, rejected=rejected)
            if b"poison" in record.data:
                rejected.append(index)
            else:
                self.got.append(record.data.decode())
        if rejected:
            raise Rejected("bad text", indexes=rejected)


@define(kw_only=True)
class Embed:
    """A format whose shape depends on the level, for a sink that puts several into one request."""

    def format(self, event: Event, /) -> bytes:
        colour = {"error": 0xFF0000}.get(level_name(event.level), 0x00FF00)
        return json.dumps({"title": event.message, "color": colour}).encode()


@define(kw_only=True)
class Collector:
    """Like OTLP: the answer to a batch says how many were refused, but not which."""

    made: ClassVar[list[Collector]] = []
    refuse: int = 2
    delivery: ClassVar[dict[str, object]] = {"batch": 100}
    bodies: list[bytes] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        Collector.made.append(self)

    def write(self, batch: Sequence[Record], /) -> None:
        self.bodies.append(b"[" + b",".join(record.data for record in batch) + b"]")
        if self.refuse:
            raise Rejected("partial success", count=min(self.refuse, len(batch)))


@define(kw_only=True)
class Audit:
    """Wants the redacted event, not its bytes."""

    made: ClassVar[list[Audit]] = []
    accepts: ClassVar[str] = "event"
    events: list[Event] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        Audit.made.append(self)

    def write(self, batch: Sequence[Event], /) -> None:
        self.events.extend(batch)


@define(kw_only=True)
class Digest:
    """Passes the first event of each name, counts the rest, and tells the count later or at the end."""

    gate: ClassVar[str] = "held"
    after: float = 0.05
    _counts: dict[str, int] = field(factory=dict, init=False)
    _resume: Any = field(default=None, init=False)
    _cancel: Any = field(default=None, init=False)

    def open(self, resume: Resume, timer: Later, /) -> None:
        self._resume = resume
        self._cancel: Cancel = timer(self.after, self.close)

    def emit(self, event: Event, /) -> Event | None:
        self._counts[event.name] = self._counts.get(event.name, 0) + 1
        return event if self._counts[event.name] == 1 else None

    def close(self) -> None:
        counts, self._counts = self._counts, {}
        for name, count in counts.items():
            if count > 1:
                self._resume(Event(name, f"{count - 1} more, token=s3cr3t-value", fields={"token": "s3cr3t-value"}))


@define(kw_only=True)
class Hide:
    """A redactor of keys and of a text."""

    keys: list[str] = field(factory=lambda: ["token"])

    def redact_key(self, key: str, /) -> Any:
        return (lambda value: "[redacted]") if key in self.keys else None

    def redact_text(self, text: str, /) -> str:
        return text.replace("s3cr3t-value", "[redacted]")


class Broken:
    """Raises what a sink should not."""

    def write(self, batch: Sequence[Record], /) -> None:
        raise ZeroDivisionError
