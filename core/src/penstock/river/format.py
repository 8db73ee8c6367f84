"""Format: makes the finished bytes; Event in, bytes out; the caller's thread; if it fails: a minimal safe line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from penstock.event import Event
from penstock.faults import report
from penstock.levels import level_name
from penstock.text import escape_controls
from penstock.types import Format, Line

Made: TypeAlias = Line | Event
"""What is brought to a sink: the line of a record, or to one that accepts events the redacted event."""
Render: TypeAlias = Callable[[Event], Made]
"""Makes it of a redacted event."""


def build_format(name: str, format: Format, type_name: str) -> Callable[[Event], Line]:
    """Return a function that makes the line of a redacted event and never raises because of *format*.

    Args:
        name: Of the format in the configuration, for faults.
        format: Makes the bytes.
        type_name: Goes along with them; the minimal line goes along without.
    """
    make = format.format

    def render(event: Event) -> Line:
        try:
            data = make(event)
            if type(data) is bytes:
                return data, event.level, event.name, event.time_ns, type_name
            raise TypeError("a format returns bytes")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # promise: a formatter costs its own line at worst, never the event
            report("format.failed", "A format failed; a minimal line takes its place.", subject=name, error=error)
            return minimal_line(event), event.level, event.name, event.time_ns, ""

    return render


def minimal_line(event: Event) -> bytes:
    """Return the line that stands for an event whose format failed: JSON, in ASCII, without any value of the event."""
    line = {
        "time": iso_time(event.time_ns),
        "severity": level_name(event.level),
        "logger": event.name,
        "message": "[format failed]",
    }
    return json.dumps(line).encode("ascii")


def iso_time(time_ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 text in UTC, with milliseconds.

    Example:
        >>> iso_time(1_500_000_000_123_000_000)
        '2017-07-14T02:40:00.123Z'
    """
    seconds, rest = divmod(time_ns, 1_000_000_000)
    try:
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, OSError, ValueError):  # beyond the year 9999, or what the platform can express
        return f"@{seconds}s"
    return f"{text}.{rest // 1_000_000:03d}Z"


class PlainFormat:
    """One plain line of text: ``time LEVEL name: message key=value …``, control characters escaped.

    The core's own, for the last resort and for sinks that name no format; plugins bring the better ones.
    """

    def format(self, event: Event, /) -> bytes:
        """Return *event* as one line of UTF-8."""
        text = f"{iso_time(event.time_ns)} {level_name(event.level).upper():<9} {event.name}: {event.message}"
        for key, value in event.merged().items():
            text += f" {key}={value}"
        if event.error is not None:
            text += f" error={getattr(event.error, 'stack', '')}"
        # `backslashreplace` for what cannot be UTF-8; the rest is escaped so that one event is one line.
        return escape_controls(text).encode("utf-8", "backslashreplace")
