"""Told: the events in which a stage tells what it held back; counts by kind in, an Event out; the thread that tells;
never raises.

Such an event stands for many. It carries their counts with it, so that a stage behind may hold it back too and still
tell the true number: ``emit = ["group", "throttle", "quiet"]`` adds up.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, final

from penstock.plugin import Event, Site, iso_time
from penstock_digest.kind import Kind, in_words

NAME: Final = "penstock.event.held"
"""Name of an event that tells of several kinds."""
_NAMED: Final = 3
"""Kinds in the message, which has to fit on a telephone."""
_LISTED: Final = 20
"""Kinds in the field `kinds`."""
_SITE: Final = Site("penstock_digest", "", "", 0)


class Part(NamedTuple):
    """Some events of one kind."""

    kind: Kind
    many: int
    first_ns: int
    last_ns: int


@final
class Told(dict[str, object]):
    """The fields of an event that stands for others.

    Attributes:
        parts: What it stands for.
    """

    __slots__ = ("parts",)

    def __init__(self, fields: dict[str, object], parts: Sequence[Part]) -> None:
        super().__init__(fields)
        self.parts = tuple(parts)


def event_of(
    name: str, message: str, level: int, fields: dict[str, object], parts: Sequence[Part], site: Site = _SITE
) -> Event:
    """Return an event that stands for *parts*, as if the running thread had emitted it."""
    thread = threading.current_thread().name
    return Event(name, message, level, fields=Told(fields, parts), site=site, pid=os.getpid(), thread=thread)


def digest_of(parts: Sequence[Part], why: str) -> Event:
    """Return one event that tells of all of *parts*, the most frequent first.

    Args:
        parts: At least one.
        why: A few words between the number and the time, such as ``over the limit``.
    """
    ordered = sorted(parts, key=lambda part: (-part.many, -part.kind[0], part.kind[1]))
    count = sum(part.many for part in parts)
    since, last = min(part.first_ns for part in parts), max(part.last_ns for part in parts)
    named = [f"{part.many:,} {in_words(part.kind)}" for part in ordered[:_LISTED]]
    beyond = len(ordered) - _NAMED
    if beyond > 0:
        others = sum(part.many for part in ordered[_NAMED:])
        most = [*named[:_NAMED], f"{others:,} of {beyond} other kind{'s' if beyond > 1 else ''}"]
    else:
        most = named
    what = f"{count:,} event{'' if count == 1 else 's'} {why} in {lasting((last - since) / 1e9)}"
    fields: dict[str, object] = {"count": count, "since": iso_time(since), "last": iso_time(last)}
    if beyond > 0:
        fields["kinds"] = named
    level = max(part.kind[0] for part in parts)
    return event_of(NAME, f"{what}: {', '.join(most)}; last at {clock(last)}", level, fields, parts)


def clock(time_ns: int) -> str:
    """Return the time of day.

    Example:
        >>> clock(1_500_000_000_000_000_000)
        '02:40:00 UTC'
    """
    try:
        return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):  # beyond the calendar
        return iso_time(time_ns)


def lasting(seconds: float) -> str:
    """Return how long something took, in the two largest units.

    Example:
        >>> lasting(300), lasting(3_725), lasting(0.2), lasting(200_000)
        ('5 min', '1 h 2 min', '1 s', '2 d 7 h')
    """
    left = max(1, round(seconds))
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= length:
            parts.append(f"{left // length} {unit}")
            left %= length
        elif parts:
            break
    return " ".join(parts[:2])
