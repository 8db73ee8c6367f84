"""What the tests of trials share: components that are found by name, and configurations with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field, validators

from penstock.plugin import Cancel, Event, Later, Resume


@define
class Burst:
    """Lets so many events pass, and stops the rest."""

    gate: ClassVar[str] = "rate_limited"
    burst: int = 1
    _seen: int = field(default=0, init=False)

    def emit(self, event: Event, /) -> Event | None:
        self._seen += 1
        return event if self._seen <= self.burst else None


@define
class Louder:
    """Makes an error of everything."""

    def emit(self, event: Event, /) -> Event | None:
        return event.replace(level=40)


@define
class Gather:
    """Holds what comes, and says a minute later, or at the end, how much it was."""

    gate: ClassVar[str] = "held"
    _held: list[Event] = field(factory=list, init=False)
    _resume: Any = field(default=None, init=False)
    _timer: Any = field(default=None, init=False)
    _cancel: Cancel | None = field(default=None, init=False)

    def open(self, resume: Resume, timer: Later, /) -> None:
        self._resume, self._timer = resume, timer

    def emit(self, event: Event, /) -> Event | None:
        self._held.append(event)
        if self._cancel is None:
            self._cancel = self._timer(60.0, self.say)
        return None

    def say(self) -> None:
        self._cancel = None
        if self._held:
            self._resume(self._held[0].replace(message=f"{len(self._held)} events"))
            self._held.clear()

    def close(self) -> None:
        self.say()


@define
class Late(Gather):
    """Says it only at the end."""

    def emit(self, event: Event, /) -> Event | None:
        self._held.append(event)
        return None


@define
class Ticking:
    """Sets its timer again and again, faster than any time passes."""

    _timer: Any = field(default=None, init=False)

    def open(self, resume: Resume, timer: Later, /) -> None:
        self._timer = timer
        timer(0.0, self._tick)

    def _tick(self) -> None:
        self._timer(0.0, self._tick)

    def emit(self, event: Event, /) -> Event | None:
        return event


@define
class Unopened:
    """Cannot be opened."""

    def open(self, resume: Resume, timer: Later, /) -> None:
        raise OSError("no such thing")

    def emit(self, event: Event, /) -> Event | None:
        return event


@define
class Listener:
    """Takes events."""

    accepts: ClassVar[str] = "event"

    def write(self, batch: Sequence[Event], /) -> None:
        raise AssertionError("a trial never asks the sink itself")


@define
class Far:
    """A sink far away, which a trial must neither open nor write to."""

    token: str = field(default="1:a", validator=validators.matches_re("[0-9]+:.*"))

    def open(self) -> None:
        raise AssertionError("a trial opens nothing")

    def write(self, batch: Sequence[Any], /) -> None:
        raise AssertionError("a trial never asks the sink itself")


FAR = "python:trials:Far"


def document(**tables: Any) -> dict[str, Any]:
    """Return a configuration with a queued sink `far`, its fallback `near`, and a pipeline to `far`."""
    return {
        "sink": {
            "far": {"type": FAR, "delivery": {"fallback": "near"}},
            "near": {"type": FAR, "delivery": {"mode": "inline"}},
        },
        "pipeline": {"all": {"sink": "far"}},
        **tables,
    }
