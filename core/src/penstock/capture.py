"""Capture: brings in what a Python program says by other ways; records, warnings and exceptions in, events out; the
thread that spoke; if it fails: a counted fault, and the original way is taken.

There is one interception point for stdlib logging: `logging.Logger.callHandlers`. It lies behind a logger's level, its
`disabled` flag and its filters, and before any handler, so it sees each record that the program wants logged, and sees
it once, whatever `propagate` says and whoever calls `dictConfig` afterwards. The alternatives miss or double records: a
handler on the root sees nothing of loggers that do not propagate, such as uvicorn's, and keeps `basicConfig` from
working; a record factory sees records that filters stop; neither can keep a handler from writing to the terminal.
`Logger.hasHandlers` is answered beside it, since uvicorn asks it whether anybody would hear an access line.

While logging is captured, a handler that writes to the terminal is skipped: its line would be there twice, and in
another format. Every other handler is called as before, by the `callHandlers` that was there before, and gets what it
would have got before: what is heard only because the root's level is lowered goes no further. asyncio reports through
its logger, so its errors come in the same way.

What a delivering thread says never comes in; what is said while an event is on its way (by a sink, a format or a `repr`
that logs) comes in as `penstock.river.emit` allows it, one deep.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from _thread import get_ident
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, TextIO, TypeAlias, final

from penstock.captured import event_of, event_of_exception, event_of_warning
from penstock.event import EMPTY, Event
from penstock.faults import report
from penstock.levels import CRITICAL, ERROR, WARNING
from penstock.river.deliver import delivering
from penstock.river.emit import slot, submit
from penstock.river.plain import text_of

_TERMINALS: Final = frozenset(
    ["/dev/tty", "/dev/stdout", "/dev/stderr"]
    + [f"{folder}/{fd}" for folder in ("/dev/fd", "/proc/self/fd", "/proc/1/fd") for fd in (1, 2)]
)
"""File names that stand for the terminal, or for what a container has in its place."""


# -- taking over and giving back --------------------------------------------------------------------------------------


@final
class _Taken:
    """One attribute of somebody else that is replaced, until it is given back.

    Attributes:
        active: False once it was given back: whoever wrapped the replacement in the meantime still calls it, and it
            only passes on.
        original: What was there before.
    """

    __slots__ = ("_holder", "_mine", "_name", "active", "original")

    def __init__(self, holder: Any, name: str, make: Callable[[_Taken], Callable[..., Any]]) -> None:
        self._holder = holder
        self._name = name
        self.active = True
        self.original: Callable[..., Any] = getattr(holder, name)
        self._mine = make(self)
        setattr(holder, name, self._mine)

    def give_back(self) -> None:
        """Put the original back, unless somebody else has put something in its place."""
        self.active = False
        if getattr(self._holder, self._name) is self._mine:
            setattr(self._holder, self._name, self.original)


_taken: Final[dict[str, list[_Taken]]] = {}
"""By way; module-wide, because what it replaces is there once in a process."""


@final
class Capture:
    """What one configuration captures; `take` begins it and `release` ends it.

    The `Capture` that takes last is the one that captures: taking over from another leaves no moment in which a record
    is not captured, and the `release` of one that was succeeded does nothing. The caller sees to it that no two threads
    do this at once.

    Args:
        ways: Of ``logging``, ``warnings`` and ``exceptions``.
    """

    _present: Capture | None = None

    def __init__(self, ways: Iterable[str]) -> None:
        self._ways = frozenset(ways)

    def take(self) -> None:
        """Take over the ways that are captured."""
        Capture._present = self
        for way, take in _WAYS.items():
            if way not in self._ways:
                _give_back(way)
            elif way not in _taken:
                _taken[way] = [_Taken(holder, name, make) for holder, name, make in take]
                if way == "logging":
                    _mark_root()
        self.retune()

    def retune(self) -> None:
        """Let stdlib loggers without a level of their own through from the lowest level that anybody wants."""
        if Capture._present is self:
            _lower_root(0 if slot.taps else slot.inlet.lowest())

    def release(self) -> None:
        """Put everything back as it was, except what somebody else has replaced in the meantime."""
        if Capture._present is self:
            Capture._present = None
            for way in _WAYS:
                _give_back(way)


def retune() -> None:
    """Let the `Capture` that captures, if any, look again at which levels are wanted."""
    if Capture._present is not None:
        Capture._present.retune()


def _give_back(way: str) -> None:
    for taken in reversed(_taken.pop(way, [])):
        taken.give_back()
    if way == "logging":
        _restore_root()


# -- the root's level -------------------------------------------------------------------------------------------------


class _Lowered(int):
    """The root logger's level while we set it: unlike the same number set by somebody else, it can be recognised."""

    before: int

    def __new__(cls, level: int, before: int) -> _Lowered:
        self = super().__new__(cls, level)
        self.before = before
        return self


def _mark_root() -> None:
    _set_root(logging.root.level, logging.root.level)


def _set_root(level: int, before: int) -> None:
    logging.root.setLevel(_Lowered(level, before))


def _lower_root(lowest: int) -> None:
    """Let everything from *lowest* on through, unless somebody has set the level since: that is the program's word."""
    level = logging.root.level
    if isinstance(level, _Lowered):
        _set_root(min(level.before, max(1, lowest)), level.before)  # 0 at the root would mean "not set"


def _restore_root() -> None:
    level = logging.root.level
    if isinstance(level, _Lowered):
        logging.root.setLevel(level.before)


def _only_for_us(logger: logging.Logger, record: logging.LogRecord) -> bool:
    """Return whether *record* exists only because the root's level is lowered: then nobody else asked for it."""
    level = logger.getEffectiveLevel()
    if not isinstance(level, _Lowered) or record.levelno >= level.before:
        return False
    # A record of another process or thread was handed to `Logger.handle`, which asks for no level at all.
    return record.process in (None, slot.pid) and record.thread in (None, get_ident())


# -- stdlib logging ---------------------------------------------------------------------------------------------------


def _call_handlers(taken: _Taken) -> Callable[[logging.Logger, logging.LogRecord], None]:
    # Who has patched the method before us, as Sentry does, wants to see every record, handlers or not.
    patched = not _is_stdlib(taken.original)

    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802  # the name it replaces
        if not taken.active or not _record_said(record):
            taken.original(self, record)
            return
        others = _other_handlers(self)
        if (others or patched) and not _only_for_us(self, record):
            taken.original(_with_handlers(self, others), record)

    return callHandlers


def _has_handlers(taken: _Taken) -> Callable[[logging.Logger], bool]:
    def hasHandlers(self: logging.Logger) -> bool:  # noqa: N802  # the name it replaces
        return taken.original(self) or (taken.active and _reaches_root(self))

    return hasHandlers


def _is_stdlib(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename == logging.addLevelName.__code__.co_filename


def _reaches_root(logger: logging.Logger) -> bool:
    """Return whether a handler on the root would hear *logger*; `access_log=False` of uvicorn says no in this way."""
    while logger.parent is not None:
        if not logger.propagate:
            return False
        logger = logger.parent
    return True


def _other_handlers(logger: logging.Logger) -> list[logging.Handler]:
    """Return the handlers that `Logger.callHandlers` would call, less those that write to the terminal."""
    others: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current is not None:
        if current.handlers:
            others += [handler for handler in current.handlers if not _writes_to_terminal(handler)]
        current = current.parent if current.propagate else None
    return others


_SILENT: Final = logging.NullHandler()


def _with_handlers(logger: logging.Logger, handlers: list[logging.Handler]) -> logging.Logger:
    """Return a logger like *logger* with just these handlers; never none, or `logging.lastResort` would speak."""
    alike = logging.Logger(logger.name, logger.level)
    alike.parent = logger.parent
    alike.propagate = False
    alike.handlers = handlers or [_SILENT]
    return alike


def _writes_to_terminal(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.FileHandler):
        return handler.baseFilename in _TERMINALS
    stream = _stream_of(handler)
    if stream is None:
        return False
    if stream is sys.stderr or stream is sys.stdout or stream is sys.__stderr__ or stream is sys.__stdout__:
        return True
    try:
        return stream.fileno() in (1, 2)  # a wrapper around the terminal, such as colorama's or a codec's
    except Exception:  # promise: no stream can hurt who logs; many have no descriptor, or are closed
        return False


def _stream_of(handler: Any) -> Any:
    """Return what *handler* writes to: its stream, its console's file (rich), or what its target (buffer) writes to."""
    while isinstance(handler, logging.Handler):
        stream = getattr(handler, "stream", None)
        if stream is not None:
            return stream
        console = getattr(handler, "console", None)
        if console is not None:
            return getattr(console, "file", None)
        handler = getattr(handler, "target", None)
    return None


# -- warnings and exceptions ------------------------------------------------------------------------------------------


def _show_warning(taken: _Taken) -> Callable[..., None]:
    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        to_us = taken.active and file is None
        if not to_us or not _warned(message, category, filename, lineno):
            taken.original(message, category, filename, lineno, file, line)

    return showwarning


def _except_hook(taken: _Taken) -> Callable[..., None]:
    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        to_us = taken.active and not issubclass(kind, KeyboardInterrupt)
        heard = to_us and _raised("sys.excepthook", CRITICAL, "Uncaught exception", kind, error, trace, EMPTY)
        if not heard or taken.original is not sys.__excepthook__:
            taken.original(kind, error, trace)

    return excepthook


def _thread_hook(taken: _Taken) -> Callable[[threading.ExceptHookArgs], None]:
    def excepthook(args: threading.ExceptHookArgs, /) -> None:
        kind, error, trace = args.exc_type, args.exc_value, args.exc_traceback
        text = "Uncaught exception in a thread"
        to_us = taken.active and kind is not SystemExit
        heard = to_us and _raised("threading.excepthook", ERROR, text, kind, error, trace, EMPTY)
        if not heard or taken.original is not threading.__excepthook__:
            taken.original(args)

    return excepthook


def _unraisable_hook(taken: _Taken) -> Callable[[sys.UnraisableHookArgs], None]:
    def unraisablehook(args: sys.UnraisableHookArgs, /) -> None:
        heard = taken.active and _unraisable(args)
        if not heard or taken.original is not sys.__unraisablehook__:
            taken.original(args)

    return unraisablehook


def _unraisable(args: sys.UnraisableHookArgs) -> bool:
    fields = {"where": args.err_msg or "Exception ignored in"}
    if args.object is not None:
        fields["object"] = text_of(args.object)  # as text: an object that is being finalised must not be kept
    kind, error, trace = args.exc_type, args.exc_value, args.exc_traceback
    return _raised("sys.unraisablehook", ERROR, "Exception that could not be raised", kind, error, trace, fields)


_Way: TypeAlias = tuple[tuple[Any, str, Callable[[_Taken], Callable[..., Any]]], ...]

_WAYS: Final[Mapping[str, _Way]] = {
    "logging": ((logging.Logger, "callHandlers", _call_handlers), (logging.Logger, "hasHandlers", _has_handlers)),
    "warnings": ((warnings, "showwarning", _show_warning),),
    "exceptions": (
        (sys, "excepthook", _except_hook),
        (threading, "excepthook", _thread_hook),
        (sys, "unraisablehook", _unraisable_hook),
    ),
}
"""What is replaced for each way, and by what."""


# -- into the river ---------------------------------------------------------------------------------------------------


def _bring_in(name: str, make: Callable[..., Event], *args: Any) -> bool:
    """Submit the event that *make* makes of *args*; return False if that failed and the original way is to be taken."""
    try:
        submit(make(*args))
    except Exception as error:  # promise: capturing never hurts who speaks
        report("capture.failed", "Something that was said could not be captured.", subject=name, error=error)
        return False
    return True


def _wanted(name: str, level: int) -> bool:
    return bool(slot.taps) or slot.inlet.wants(name, level)


def _record_said(record: logging.LogRecord) -> bool:
    """Emit *record* if anybody wants it; return False if that failed."""
    if get_ident() in delivering:  # what a sink's client logs while it delivers would go round and round
        return True
    try:
        if slot.inlet.wants(record.name, record.levelno) or slot.taps:
            submit(event_of(record))
    except Exception as error:  # promise: capturing never hurts who speaks; a record made by hand can hold anything
        subject = str(getattr(record, "name", ""))
        report("capture.failed", "Something that was said could not be captured.", subject=subject, error=error)
        return False
    return True


def _warned(message: Warning | str, category: type[Warning], file: str, line: int) -> bool:
    """Emit a warning if anybody wants it; return False if that failed."""
    if get_ident() in delivering or not _wanted("py.warnings", WARNING):
        return True
    return _bring_in("py.warnings", event_of_warning, message, category, file, line)


def _raised(
    name: str,
    level: int,
    text: str,
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
    fields: Mapping[str, object],
) -> bool:
    """Emit an exception; return False if nobody wants it or that failed: then somebody else has to tell it."""
    if get_ident() in delivering:
        report("worker.failed", "A delivering thread met an exception.", subject=kind.__qualname__)
        return True
    if not _wanted(name, level):
        return False
    return _bring_in(name, event_of_exception, name, level, text, kind, error, trace, fields)
