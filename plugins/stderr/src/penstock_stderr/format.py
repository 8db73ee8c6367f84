"""Format: a line for a person, and an exception as a block below it; Event in, bytes out; the caller's thread; if it
fails: the core's minimal line.

    12:34:56.789 INFO      shop.payment         card charged                     order=17 amount=12.5
    12:34:56.790 DEBUG                          web.request.stop                 duration=1.23ms status=200 #12

Everything that comes from the event is escaped first and coloured afterwards, so no value can end the line, and none
can bring a colour or a cursor movement of its own. Each line of an exception has a gutter, which no other line has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, TypeVar

from attrs import define, field, validators

from penstock.plugin import LEVELS, Event, Failure, level_name
from penstock_stderr.clock import build_clock
from penstock_stderr.colour import (
    EDGE,
    FAILURE,
    KEY,
    LEVEL_STYLES,
    LOUD,
    QUIET,
    TELEMETRY,
    Choice,
    Painter,
    wants_colour,
)
from penstock_stderr.text import escape, is_failure, pad, shorten_name, show_duration, show_key, show_value

K = TypeVar("K", str, tuple[str, str])
Column = Literal["logger", "site", "thread", "pid"]

GUTTER: Final = "  │ "
_LEVEL_WIDTH: Final = max(len(level.name) for level in LEVELS)
_SITE_WIDTH: Final = 20
_THREAD_WIDTH: Final = 12
_PID_WIDTH: Final = 7
"""Digits of the largest process id of Linux, 4,194,304."""
_REMEMBERED: Final = 1_000
"""Logger names and keys kept as they look; they can come from users, so the tables are bounded."""
_LOUD_FROM: Final = 40
_SPAN: Final = "telemetry_span_context"
_HIDDEN: Final = frozenset({"monotonic_time", "system_time", _SPAN})
_SENTENCES: Final = ("Traceback (most recent call last)", "During handling of", "The above exception was")


@define(kw_only=True)
class ConsoleFormat:
    """Writes an event as one aligned line for a person to read."""

    color: Choice = field(
        default="auto",
        metadata={"doc": "`auto`: NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE decide, else whether `stream` is a terminal."},
    )
    stream: Literal["stderr", "stdout"] = field(
        default="stderr", metadata={"doc": "Whose being a terminal decides about colour."}
    )
    time: Literal["local", "utc", "none"] = field(default="local", metadata={"doc": "Which time to show."})
    date: bool = field(default=False, metadata={"doc": "Whether to show the date too."})
    precision: Literal["s", "ms", "us"] = field(default="ms", metadata={"doc": "Smallest unit of the time."})
    show: list[Column] = field(
        factory=lambda: list[Column](["logger"]),
        metadata={"doc": "Columns before the message: `logger`, `site`, `thread`, `pid`."},
    )
    name_width: int = field(
        default=20, validator=validators.ge(8), metadata={"doc": "Width of `logger`; longer names are abbreviated."}
    )
    message_width: int = field(
        default=32, validator=validators.ge(0), metadata={"doc": "The fields of shorter messages are aligned here."}
    )
    value_limit: int = field(
        default=500, validator=validators.ge(20), metadata={"doc": "Characters of one value; the rest is cut."}
    )
    exceptions: Literal["block", "line"] = field(
        default="block", metadata={"doc": "An exception as a block of lines, or only its type and text in the line."}
    )
    _paint: Painter = field(init=False)
    _clock: Callable[[int], str] | None = field(init=False)
    _columns: list[Callable[[Event], str]] = field(init=False)
    _levels: dict[str, str] = field(init=False)
    _names: dict[str, str] = field(factory=dict, init=False)
    _keys: dict[tuple[str, str], str] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        fd = 1 if self.stream == "stdout" else 2
        paint = self._paint = Painter(wants_colour(self.color, fd))
        self._clock = None if self.time == "none" else build_clock(self.time == "utc", self.date, self.precision)
        shows = {"logger": self._logger, "site": self._site, "thread": self._thread, "pid": self._pid}
        self._columns = [shows[column] for column in self.show]
        self._levels = {
            level.name: paint(level.name.upper().ljust(_LEVEL_WIDTH), LEVEL_STYLES[level.name]) for level in LEVELS
        }

    def format(self, event: Event, /) -> bytes:
        """Return *event* as a line of UTF-8, with its exception below it."""
        parts = [self._levels[level_name(event.level)], *[column(event) for column in self._columns]]
        if self._clock is not None:
            parts.insert(0, self._paint(self._clock(event.time_ns), QUIET))
        pairs = " ".join(self._pairs(event))
        parts.append(self._title(event, self.message_width if pairs else 0))
        line = " ".join([*parts, pairs]) if pairs else " ".join(parts)
        return (line + self._block(event)).encode()

    # -- the columns --------------------------------------------------------------------------------------------------

    def _logger(self, event: Event) -> str:
        if event.measurements is not None:
            return " " * self.name_width  # the name of a telemetry event stands where others have their message
        shown = self._names.get(event.name)
        if shown is None:
            text = shorten_name(escape(event.name), self.name_width)
            shown = self._paint(pad(text, self.name_width), QUIET)
            _remember(self._names, event.name, shown)
        return shown

    def _site(self, event: Event) -> str:
        shown = event.site.cache.get(ConsoleFormat)
        if not isinstance(shown, str):
            file = event.site.file.replace("\\", "/").rpartition("/")[2]
            shown = pad(escape(f"{file}:{event.site.line}" if file else ""), _SITE_WIDTH)
            event.site.cache[ConsoleFormat] = shown
        return self._paint(shown, QUIET)

    def _thread(self, event: Event) -> str:
        return self._paint(pad(escape(event.thread), _THREAD_WIDTH), QUIET)

    def _pid(self, event: Event) -> str:
        return self._paint(str(event.pid).rjust(_PID_WIDTH), QUIET)

    def _title(self, event: Event, columns: int) -> str:
        """Return the message, or the name of a telemetry event."""
        if event.measurements is not None and not event.message:
            return self._paint(pad(escape(event.name), columns), TELEMETRY)
        text = pad(escape(event.message), columns)
        return self._paint(text, LOUD) if event.level >= _LOUD_FROM else text

    # -- the fields ---------------------------------------------------------------------------------------------------

    def _pairs(self, event: Event) -> Iterator[str]:
        """Yield what is shown of each field: the event's own first, then those of its context."""
        own = event.fields if event.measurements is None else _telemetry_fields(event)
        for key, value in own.items():
            if key == "error" and self._tells_error(event):
                key = "error_"  # the formatter's own key wins
            yield self._key(key, KEY) + self._value(key, value, event)
        for key, value in event.context.items():
            if key not in own:
                yield self._key(key, QUIET) + self._value(key, value, event)
        if self._tells_error(event):
            yield self._key("error", KEY) + show_value(_summary(_failure(event)), self.value_limit)
        span = None if event.metadata is None else event.metadata.get(_SPAN)
        if isinstance(span, int):
            yield self._paint(f"#{span}", QUIET)

    def _value(self, key: str, value: object, event: Event) -> str:
        if key == "duration" and event.measurements is not None and type(value) is int:
            return show_duration(value)
        return show_value(_summary(value) if is_failure(value) else value, self.value_limit)

    def _key(self, key: str, style: str) -> str:
        shown = self._keys.get((key, style))
        if shown is None:
            shown = self._paint(f"{show_key(key)}=", style)
            _remember(self._keys, (key, style), shown)
        return shown

    # -- the exception ------------------------------------------------------------------------------------------------

    def _tells_error(self, event: Event) -> bool:
        """Whether the line itself has to tell the exception of the event."""
        return self.exceptions == "line" and event.error is not None

    def _block(self, event: Event) -> str:
        """Return the exception as lines with a gutter, each begun by a newline; empty without one."""
        failure = _failure(event)
        if failure is None or self.exceptions == "line":
            return ""
        text = str(failure["stack"] or _summary(failure))
        return "".join(f"\n{self._paint(GUTTER, EDGE)}{self._stack_line(line)}" for line in text.split("\n"))

    def _stack_line(self, line: str) -> str:
        """Return a line of a stack; those that name an exception stand out, the frames do not."""
        told = line[:1].strip() and not line.startswith(_SENTENCES)
        return self._paint(escape(line), FAILURE) if told else escape(line)


def _remember(table: dict[K, str], key: K, shown: str) -> None:
    if len(table) >= _REMEMBERED:
        table.clear()
    table[key] = shown


def _telemetry_fields(event: Event) -> Mapping[str, object]:
    """Return measurements, then metadata, less what a person cannot read; the number of a span ends the line."""
    fields = {**(event.measurements or {}), **event.fields}
    fields |= {key: value for key, value in (event.metadata or {}).items() if key not in fields}
    tells = is_failure(fields.get("reason"))
    return {
        key: value
        for key, value in fields.items()
        if not (type(value) is int and key in _HIDDEN) and not (tells and key == "stacktrace")
    }


def _failure(event: Event) -> Mapping[str, object] | None:
    """Return the exception of *event*, or the reason with which its span ended."""
    if isinstance(event.error, Failure):
        return {"type": event.error.type, "message": event.error.message, "stack": event.error.stack}
    reason = None if event.metadata is None else event.metadata.get("reason")
    return reason if is_failure(reason) else None


def _summary(failure: Mapping[str, object] | None) -> str:
    """Return type and text of an exception as the last line of its stack has them."""
    if failure is None:
        return ""
    return f"{failure['type']}: {failure['message']}" if failure["message"] else str(failure["type"])


@define(kw_only=True)
class StdoutConsoleFormat(ConsoleFormat):
    """The format ``console`` for standard output; the sink ``stdout`` uses it unless its pipeline names another."""

    stream: Literal["stderr", "stdout"] = field(
        default="stdout", metadata={"doc": "Whose being a terminal decides about colour."}
    )
