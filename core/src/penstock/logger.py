"""Logger: what programs call to say something; a message and fields in, an event emitted; the caller's thread; never
raises.

A logger's class says from which level on anybody listens: `configure` gives every logger the class in which the levels
below are empty functions, so a call that nobody wants costs only the call.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType

from penstock.event import EMPTY
from penstock.hints import TYPE_CHECKING
from penstock.levels import (
    ALERT,
    CRITICAL,
    DEBUG,
    EMERGENCY,
    ERROR,
    INFO,
    LEVELS,
    NOTICE,
    TRACE,
    WARNING,
    level_number,
)
from penstock.river.emit import emit, level_or_error, name_of, site_of, slot
from penstock.wrapping import wrap_in

if TYPE_CHECKING:
    from typing import Any, ClassVar, Final, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

_frame: Final = sys._getframe  # the one way to the call site that costs 30 ns, not 400


class Logger:
    """Emits events under one name, with fields bound to it.

    Get one from `get_logger`. Every method may be called from any thread, never raises, and blocks only as long as
    inline sinks do. Only the message is positional: every keyword is a field, whatever its name.

    Pickled, a logger is its name: bound fields do not go along, for they may be secret.

    Attributes:
        name: The name of its events.
    """

    __slots__ = ("__weakref__", "_fields", "name")
    _from_level: ClassVar[int] = 0

    def __init__(self, name: str, fields: Mapping[str, object] = EMPTY) -> None:
        self.name = name
        self._fields = fields
        _loggers.add(weakref.ref(self, _loggers.discard))

    def trace(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level trace (5)."""
        emit(self.name, TRACE, message, fields, self._fields)

    def debug(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level debug (10)."""
        emit(self.name, DEBUG, message, fields, self._fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level info (20)."""
        emit(self.name, INFO, message, fields, self._fields)

    def notice(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level notice (25): normal, but worth a look."""
        emit(self.name, NOTICE, message, fields, self._fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level warning (30)."""
        emit(self.name, WARNING, message, fields, self._fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level error (40)."""
        emit(self.name, ERROR, message, fields, self._fields)

    def critical(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level critical (50)."""
        emit(self.name, CRITICAL, message, fields, self._fields)

    def alert(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level alert (60): somebody must act at once."""
        emit(self.name, ALERT, message, fields, self._fields)

    def emergency(self, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at level emergency (70): the system is unusable."""
        emit(self.name, EMERGENCY, message, fields, self._fields)

    def exception(self, message: str, /, **fields: object) -> None:
        """Emit *message* at level error, with the exception that is being handled."""
        emit(self.name, ERROR, message, fields, self._fields, None, sys.exc_info()[1])

    def log(self, level: str | int, message: str, /, **fields: object) -> None:
        """Emit *message* with *fields* at *level*, a name or a number; an unknown name counts as error."""
        number = level_or_error(level, self.name)
        if number >= type(self)._from_level:
            emit(self.name, number, message, fields, self._fields)

    def bind(self, /, **fields: object) -> Logger:
        """Return a logger of the same name that adds *fields* to each event.

        Example:
            >>> log = get_logger("shop").bind(order=7)
            >>> log.unbind("order").name
            'shop'
        """
        return self._with({**self._fields, **fields})

    def unbind(self, /, *keys: str) -> Logger:
        """Return a logger of the same name without the bound fields *keys*; absent ones are no error."""
        return self._with({key: value for key, value in self._fields.items() if key not in keys})

    def _with(self, fields: Mapping[str, object]) -> Logger:
        """Return a logger of the same name and class with *fields*."""
        bound = Logger(self.name, fields)
        while type(bound) is not type(self):  # `retune` may give this one another class meanwhile
            bound.__class__ = type(self)
        return bound

    def enabled(self, level: str | int) -> bool:
        """Return whether anybody wants events of this logger at *level*.

        Raises:
            ValueError: If no level has that name.
        """
        return level_number(level) >= type(self)._from_level

    def __copy__(self) -> Logger:
        return self

    def __deepcopy__(self, memo: object) -> Logger:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # The name alone: bound fields may be secrets, which must not lie in a file or go to another process.
        return get_logger, (self.name,)

    def __repr__(self) -> str:
        # No values: whoever prints a logger must not print a secret that was bound to it.
        return f"<Logger {self.name!r} bound={sorted(self._fields)}>"


def _nobody_listens(self: Logger, message: str, /, **fields: object) -> None:
    """Do nothing: nobody wants events of this level."""


# No WeakSet: that cannot be copied while other threads make loggers. To copy a set is one step.
_loggers: set[weakref.ref[Logger]] = set()
_turns: Final = itertools.count(1)
_turn = 0
"""Changes with each `retune`: a class that was chosen before may be the wrong one."""
_classes: dict[int, type[Logger]] = {0: Logger}


def _class_from(level: int) -> type[Logger]:
    """Return the class of loggers that are heard from *level* on."""
    kind = _classes.get(level)
    if kind is None:
        members: dict[str, Any] = {one.name: _nobody_listens for one in LEVELS if one.number < level}
        if level > ERROR:
            members["exception"] = _nobody_listens
        kind = type("Logger", (Logger,), {"__slots__": (), "__module__": __name__, "_from_level": level, **members})
        if len(_classes) < 100:  # levels can come from other programs
            _classes[level] = kind
    return kind


def retune() -> None:
    """Give every logger the class that fits the installed river; the runtime calls it when levels or taps change."""
    global _turn
    _turn = next(_turns)
    slot.unheard = set()
    changed = True
    while changed:  # once more: a logger made meanwhile may have taken the old class of the one it was bound from
        changed = False
        for reference in list(_loggers):
            logger = reference()
            if logger is not None and type(logger)._from_level != (level := _heard_from(logger.name)):
                logger.__class__ = _class_from(level)
                changed = True


def _heard_from(name: str) -> int:
    return 0 if slot.taps else slot.inlet.threshold(name)


def get_logger(name: str | None = None, /, **fields: object) -> Logger:
    """Return a logger; usable before `configure`, and it follows every later one.

    Args:
        name: Dotted; the caller's module if omitted.
        fields: Bound to it.

    Example:
        >>> log = get_logger("shop", shop="north")
        >>> log.info("opened", at="08:00")
    """
    if name is None:
        name = str(_frame(1).f_globals.get("__name__", ""))
    elif type(name) is not str:
        name = name_of(name)
    logger = Logger(name, fields or EMPTY)
    while True:
        turn = _turn
        logger.__class__ = _class_from(_heard_from(name))
        if turn == _turn:  # else the levels changed meanwhile
            return logger


class _Catch:
    """Emits the exception that leaves a block or function; made by `catch`."""

    __slots__ = ("_default", "_errors", "_level", "_message", "_reraise")

    def __init__(
        self, errors: tuple[type[BaseException], ...], message: str, level: int, reraise: bool, default: object
    ) -> None:
        self._errors = errors
        self._message = message
        self._level = level
        self._reraise = reraise
        self._default = default

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool:
        if error is None or trace is None or not isinstance(error, self._errors):
            return False
        while trace.tb_next is not None and trace.tb_frame.f_globals.get("__name__") == "penstock.wrapping":
            trace = trace.tb_next  # the decorated function, not the decorator
        site = site_of(trace.tb_frame)
        emit(site.module, self._level, self._message, EMPTY, EMPTY, site, error)
        return not self._reraise

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        return wrap_in(lambda: self, function, self._default)


def catch(
    *errors: type[BaseException],
    message: str = "An exception was caught",
    level: str | int = ERROR,
    reraise: bool = False,
    default: object = None,
) -> _Catch:
    """Emit an exception that leaves a block or a function, and go on; a context manager and a decorator.

    Args:
        errors: Which exceptions; any `Exception` if none are named. KeyboardInterrupt, SystemExit and the cancellation
            of a task pass unless named.
        message: The message of the event.
        level: Its level.
        reraise: Let the exception go on afterwards.
        default: What a decorated function returns when its exception was caught.

    Raises:
        ValueError: If no level has the name *level*.

    Example:
        >>> @catch(ZeroDivisionError, default=0.0)
        ... def ratio(a, b):
        ...     return a / b
        >>> ratio(1, 0)
        0.0
    """
    return _Catch(errors or (Exception,), message, level_number(level), reraise, default)
