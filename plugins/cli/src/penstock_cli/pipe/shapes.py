"""Shapes: what well-known loggers call time, level, message, name, pid and host; the members of a line in, Parsed out;
any thread; what is not understood stays a field.

The first shape whose marks are all there is taken. To teach a further logger is to add a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

from penstock_cli.pipe.levels import TRACE, Scale, level_number_of
from penstock_cli.pipe.parsed import Parsed, add_field, name_of, pid_of
from penstock_cli.pipe.times import ReadTime, read_time

Names = tuple[str, ...]
T = TypeVar("T")

_PID: Final = ("pid",)
_HOST: Final = ("hostname",)


class Shape(NamedTuple):
    """Where a logger puts things. A name with dots may also be members inside members."""

    logger: str
    marks: frozenset[str]
    """Members by which its lines are known."""
    time: Names
    level: Names
    message: Names
    name: Names
    pid: Names = _PID
    hostname: Names = _HOST
    scale: Scale = "tens"
    words: Mapping[str, int] | None = None
    numbered: bool = False
    """Whether the level has to be a number for a line to have this shape."""


SHAPES: Final = (
    # journalctl -o json: systemd.io/JOURNAL_EXPORT_FORMATS and systemd.journal-fields(7); all values are texts
    Shape(
        "journald", frozenset({"__REALTIME_TIMESTAMP"}),
        time=("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"), level=("PRIORITY",), message=("MESSAGE",),
        name=("SYSLOG_IDENTIFIER", "_COMM"), pid=("_PID", "SYSLOG_PID"), hostname=("_HOSTNAME",), scale="syslog",
    ),
    # Serilog: github.com/serilog/serilog-formatting-compact, "Reified properties". A template is not filled in: that
    # would put the value of a secret property into the message, where no key gives it away.
    Shape(
        "CLEF", frozenset({"@t"}),
        time=("@t",), level=("@l",), message=("@m", "@mt"), name=("SourceContext",),
        pid=("ProcessId",), hostname=("MachineName",), words={"verbose": TRACE},
    ),
    # Elastic Common Schema, and logstash-logback-encoder, which has @timestamp too
    Shape(
        "ECS", frozenset({"@timestamp"}),
        time=("@timestamp",), level=("log.level", "level"), message=("message",),
        name=("log.logger", "logger_name"), pid=("process.pid",), hostname=("host.hostname", "host.name", "HOSTNAME"),
    ),
    # Graylog Extended Log Format 1.1; levels are those of syslog
    Shape(
        "GELF", frozenset({"version", "short_message"}),
        time=("timestamp",), level=("level",), message=("short_message",), name=("_logger", "facility"),
        pid=("_pid", "_process_id"), hostname=("host",), scale="syslog",
    ),
    # penstock-json in the style flat, from another process; telemetry has its name in `event`, a log call in `logger`
    Shape(
        "penstock", frozenset({"time", "severity", "thread", "node"}),
        time=("time",), level=("severity",), message=("message",), name=("event", "logger"), hostname=("node",),
    ),
    # Google Cloud, "Structured logging", special fields
    Shape(
        "Google Cloud", frozenset({"severity"}),
        time=("time", "timestamp"), level=("severity",), message=("message",), name=("logger",),
    ),
    # python-json-logger: the attributes of logging.LogRecord
    Shape(
        "python-json-logger", frozenset({"levelname"}),
        time=("asctime", "timestamp", "created"), level=("levelname", "levelno"), message=("message", "msg"),
        name=("name", "logger"), pid=("process", "pid"), scale="python",
    ),
    # pino and bunyan: README of each; the name of the program is `name`
    Shape(
        "pino", frozenset({"level", "time"}),
        time=("time",), level=("level",), message=("msg", "message"), name=("name",), numbered=True,
    ),
    Shape(
        "pino with level words", frozenset({"level", "time", "pid", "hostname"}),
        time=("time",), level=("level",), message=("msg", "message"), name=("name",),
    ),
    # structlog: JSONRenderer with add_log_level and TimeStamper; the message is `event`
    Shape(
        "structlog", frozenset({"event", "level"}),
        time=("timestamp", "time"), level=("level",), message=("event",), name=("logger", "logger_name"),
    ),
    # zap: NewProductionEncoderConfig; `caller` and `stacktrace` stay fields
    Shape(
        "zap", frozenset({"ts", "level"}),
        time=("ts",), level=("level",), message=("msg", "message"), name=("logger",),
    ),
    # logrus (JSONFormatter, TextFormatter) and Go's log/slog (JSONHandler, TextHandler)
    Shape(
        "logrus, slog", frozenset({"level", "msg"}),
        time=("time", "ts", "timestamp"), level=("level",), message=("msg",), name=("logger",),
    ),
    # winston (with format.timestamp() and format.label()), zerolog, AWS Lambda
    Shape(
        "winston, zerolog", frozenset({"level", "message"}),
        time=("timestamp", "time"), level=("level",), message=("message",), name=("logger", "label"),
    ),
    # Whatever is left
    Shape(
        "any", frozenset(),
        time=("time", "timestamp", "ts"), level=("level", "lvl", "severity"), message=("message", "msg"),
        name=("logger",),
    ),
)  # fmt: skip


def shape_of(members: Mapping[str, object]) -> Shape:
    """Return the shape of a line.

    Example:
        >>> shape_of({"level": 30, "time": 1531171074631, "msg": "hello"}).logger
        'pino'
    """
    for shape in SHAPES[:-1]:
        if shape.marks <= members.keys() and not (shape.numbered and type(members.get("level")) is not int):
            return shape
    return SHAPES[-1]


def read_members(members: dict[str, object], times: ReadTime = read_time) -> Parsed:
    """Return what *members*, which it takes over, say; what has no meaning here stays a field.

    Example:
        >>> read_members({"level": "warn", "msg": "late", "order": 7})
        Parsed(message='late', fields={'order': 7}, name=None, level=30, time_ns=None, pid=None, ...)
    """
    shape = shape_of(members)
    message = _take(members, shape.message, _message)
    level = _take(members, shape.level, lambda value: level_number_of(value, shape.scale, shape.words))
    time_ns = _take(members, shape.time, times)
    name = _take(members, shape.name, name_of)
    pid = _take(members, shape.pid, pid_of)
    if "hostname" not in members:
        hostname = _take(members, shape.hostname, name_of)
        if hostname is not None:
            add_field(members, "hostname", hostname)
    return Parsed(message or "", members, name, level, time_ns, pid)


def _take(members: dict[str, object], names: Names, convert: Callable[[object], T | None]) -> T | None:
    """Take the first of *names* that `convert` understands out of *members*, and return what it says."""
    for name in names:
        inside, key = _find(members, name)
        if key in inside:
            found = convert(inside[key])
            if found is not None:
                _remove(members, name, inside, key)
                return found
    return None


def _find(members: dict[str, object], name: str) -> tuple[dict[str, object], str]:
    """Return the mapping that would hold *name*, and its key there."""
    if name in members or "." not in name:
        return members, name
    outer, _, key = name.partition(".")
    inside = members.get(outer)
    return (inside, key) if isinstance(inside, dict) else (members, name)


def _remove(members: dict[str, object], name: str, inside: dict[str, object], key: str) -> None:
    del inside[key]
    if not inside and inside is not members:
        del members[name.partition(".")[0]]


def _message(value: object) -> str | None:
    """Return *value* as the text of an event, or None if it is no text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and value and all(type(item) is int and 0 <= item < 256 for item in value):
        return bytes(value).decode("utf-8", "backslashreplace")  # journald: a message with control characters
    return str(value) if isinstance(value, (int, float)) else None
