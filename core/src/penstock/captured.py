"""Captured: makes events of stdlib records, warnings and exceptions; what was said in, an Event out; the thread that
spoke; a text that cannot be made is a counted fault and a substitute, never a lost event.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final, cast

from penstock.context import current_context
from penstock.event import EMPTY, Event, Failure, Site
from penstock.faults import report
from penstock.levels import WARNING
from penstock.river.emit import slot, thread_name
from penstock.river.plain import snapshot_error, text_of

_EVERY: Final = tuple(vars(logging.makeLogRecord({})))
"""Attributes that every record has; what else it has came in through `extra`, or from a record factory or filter."""
_LAST: Final = _EVERY[-1]
_HOW_MANY: Final = len(_EVERY)
_GET_MESSAGE: Final = logging.LogRecord.getMessage
_NO_FIELDS: Final = {
    *_EVERY,
    "message",  # this and the next are left behind by formatters
    "asctime",
    "taskName",  # a record of Python 3.12 or later, received by an earlier one
    "color_message",  # uvicorn's second copy of its message, with colours
}

_SITES: Final = 10_000
"""Call sites remembered; file names can come from other processes."""


# -- what becomes of a record -----------------------------------------------------------------------------------------


def event_of(record: logging.LogRecord) -> Event:
    """Return a stdlib record as an event, with its own time, place, thread and process.

    Its message is the finished text. Fields are everything from `extra`; the arguments of the text, kept apart from it:
    those of ``"%(user)s"`` under their own names, the others in a list called `args`, as long as redaction leaves the
    text as it is; and `stack_info`.
    """
    # Written out, as in `penstock.river.emit`: it is the way of everything that other libraries say.
    event = object.__new__(Event)
    attributes = record.__dict__
    name, thread = record.name or "root", record.threadName or ""
    event.name = name if type(name) is str else text_of(name)
    if type(record.msg) is str and not record.args and type(record).getMessage is _GET_MESSAGE:
        event.message, event.arguments = record.msg, ()  # as `getMessage` would return it
    else:
        event.message, event.arguments = _message(record)
    event.level = record.levelno
    seconds = int(record.created)  # apart: nanoseconds of our days are beyond what one float tells apart
    event.time_ns = seconds * 1_000_000_000 + int((record.created - seconds) * 1e9)
    odd = len(attributes) != _HOW_MANY or next(reversed(attributes)) != _LAST
    event.fields = _fields(record, odd) if odd or record.args or record.stack_info else EMPTY
    event.measurements = event.metadata = event.rendered = None
    context, static = current_context(), slot.inlet.static
    event.context = context.over(static) if context else static
    event.site = _site(record.pathname, record.lineno, record.funcName, record.module)
    event.error = _error(record) if record.exc_info or record.exc_text else None
    event.pid = record.process or slot.pid
    event.thread = thread if type(thread) is str else text_of(thread)
    return event


def _message(record: logging.LogRecord) -> tuple[str, Sequence[object]]:
    """Return the finished text of *record*, and the positional arguments that are in it.

    Arguments that do not fit are left out: nothing in the text says what they are, so nothing could redact them.
    """
    try:
        text = record.getMessage()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # promise: a wrong number of arguments, or a text that raises, costs no line
        report("capture.failed", "A log message does not fit its arguments.", subject=record.name, error=error)
        return text_of(record.msg), ()
    args: Any = record.args
    if not args or _names_its_arguments(record):
        return text, ()
    return text, [_argument(value) for value in (args if isinstance(args, tuple) else (args,))]


def _names_its_arguments(record: logging.LogRecord) -> bool:
    # logging takes a lone mapping out of its tuple, also for a plain "%s"
    return isinstance(record.args, Mapping) and issubclass(type(record.msg), str) and "%(" in record.msg


def _fields(record: logging.LogRecord, odd: bool) -> Mapping[str, object]:
    """Return the fields of *record*, which is *odd* if it may have others than every record's attributes."""
    attributes = vars(record)
    fields: Mapping[str, object] = EMPTY
    if record.args and _names_its_arguments(record):
        fields = _named(cast("Mapping[str, object]", record.args))
    if odd:
        extra = {key: attributes[key] for key in _added(attributes) if key not in _NO_FIELDS}
        fields = {**fields, **extra} if fields else extra
    return {**fields, "stack_info": record.stack_info} if record.stack_info else fields


def _added(attributes: Mapping[str, object]) -> Iterable[str]:
    """Return the names among which those are that a record has beside those that every record has."""
    # What every record has comes first, so only the rest need be looked at; not so if somebody made room in between.
    names = list(islice(attributes, _HOW_MANY - 1, None))
    return names if names and names[0] == _LAST else attributes


def _named(arguments: Mapping[str, object]) -> Mapping[str, object]:
    try:
        return dict(arguments)
    except Exception:  # promise: a mapping that raises costs no line; redaction shows what it is
        return {"args": [arguments]}


def _argument(value: object) -> object:
    return text_of(value) if issubclass(type(value), BaseException) else value  # not once more with its whole traceback


def _error(record: logging.LogRecord) -> BaseException | Failure | None:
    given: Any = record.exc_info
    if not given:
        return _failure_of_text(record.exc_text) if record.exc_text else None
    if isinstance(given, BaseException):
        return given
    return _with_trace(given[1], given[2]) if isinstance(given, tuple) and given[1] is not None else None


def _with_trace(error: BaseException, trace: TracebackType | None) -> BaseException | Failure:
    """Return *error*, or if it was told with a traceback that is not its own, what that makes of it as text."""
    if trace is None or trace is error.__traceback__:
        return error
    failure = snapshot_error(error)
    failure.stack = "".join(traceback.format_exception(type(error), error, trace)).rstrip("\n")
    return failure


def _failure_of_text(text: str) -> Failure:
    """Return the exception of a record that comes from another process, of which only the text is left."""
    kind, _, message = text.rstrip("\n").rpartition("\n")[2].partition(": ")
    return Failure(kind if kind.replace(".", "_").isidentifier() else "Exception", message, text.rstrip("\n"))


def _context() -> Mapping[str, object]:
    return current_context().over(slot.inlet.static)


# -- what becomes of a warning or an exception ------------------------------------------------------------------------


def event_of_warning(message: Warning | str, category: type[Warning], file: str, line: int) -> Event:
    """Return a warning as an event called `py.warnings`, from the line it is about."""
    try:
        text = str(message)
    except Exception:  # promise: a text that raises costs no warning
        text = text_of(message)
    fields = {"category": category.__qualname__}
    return _event("py.warnings", WARNING, text, fields, _site(file, line, "", _stem(file)), None)


def event_of_exception(
    name: str,
    level: int,
    text: str,
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
    fields: Mapping[str, object],
) -> Event:
    """Return an exception that nobody caught as an event, from the line that raised; *error* may be gone already."""
    told = Failure(kind.__qualname__, "", kind.__qualname__) if error is None else _with_trace(error, trace)
    return _event(name, level, text, fields, _site_of_trace(trace), told)


def _event(
    name: str,
    level: int,
    text: str,
    fields: Mapping[str, object],
    site: Site,
    error: BaseException | Failure | None,
) -> Event:
    return Event(
        name,
        text,
        level,
        fields=fields,
        context=_context(),
        site=site,
        error=error,
        pid=slot.pid,
        thread=thread_name(),
    )


_sites: Final[dict[tuple[str, int, str | None], Site]] = {}


def _site(path: str, line: int, function: str | None, module: str) -> Site:
    key = (path, line, function)
    site = _sites.get(key)
    if site is None:
        if len(_sites) >= _SITES:
            _sites.clear()
        site = _sites[key] = Site(module or "", function or "", path or "", line or 0)
    return site


def _site_of_trace(trace: TracebackType | None) -> Site:
    """Return the place that raised."""
    if trace is None:
        return _site("", 0, "", "")
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    module = trace.tb_frame.f_globals.get("__name__")
    return _site(code.co_filename, trace.tb_lineno, code.co_qualname, str(module or ""))


def _stem(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
