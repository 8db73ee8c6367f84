"""Emit: turns a call into an Event and hands it to the installed river; arguments in, Event out; the caller's thread;
never raises: a counted fault.

The mouths (`logger`, `telemetry`, `capture`) know only this module. What is behind `inlet` they do not know: before
`configure` it is `Early`, then a `River`, and the runtime swaps it whole.
"""

from __future__ import annotations

import os
import sys
import threading
from _thread import get_ident
from collections.abc import Callable, Mapping
from types import CodeType, FrameType

from penstock import files
from penstock.clock import TIMERS, monotonic, sleep, time_ns
from penstock.context import current_context
from penstock.event import EMPTY, NOWHERE, Event, Site
from penstock.faults import report
from penstock.hints import TYPE_CHECKING, Protocol, final
from penstock.levels import ERROR, level_number
from penstock.secret import renew_lock

if TYPE_CHECKING:
    from typing import Final

_SITES: Final = 50_000
"""Call sites remembered; programs that compile code for ever would fill memory otherwise."""


class Inlet(Protocol):
    """Where events go."""

    static: Mapping[str, object]
    """Fields of every event, under those of the context."""

    def submit(self, event: Event, /) -> None:
        """Carry *event* to every pipeline that wants it."""
        ...

    def wants(self, name: str, level: int, /) -> bool:
        """Return whether anybody wants events of this name and level."""
        ...

    def threshold(self, name: str, /) -> int:
        """Return the lowest level at which anybody wants events called *name*."""
        ...

    def lowest(self) -> int:
        """Return the lowest level at which anybody wants events of any name."""
        ...

    def set_level(self, level: str | int, name: str | None, sink: str | None, seconds: float | None, /) -> None:
        """Change a level until *seconds* are over."""
        ...

    def flush(self, timeout: float, /) -> bool:
        """Deliver what waits; return whether all of it was."""
        ...

    def shutdown(self, timeout: float, /) -> bool:
        """Deliver what waits, then let go of everything; return whether all was delivered."""
        ...


class Slot:
    """Holds the installed inlet, and the taps that tests hang into the stream.

    Attributes:
        inlet: Where events go.
        taps: What gets each event beside it.
        pid: The number of this process.
        unheard: Names of telemetry events that nobody hears at their own level; replaced whole, by an empty set,
            whenever somebody new may listen. Who adds to it takes it first and asks then.
    """

    __slots__ = ("inlet", "pid", "taps", "unheard")

    def __init__(self) -> None:
        self.inlet: Inlet
        self.taps: tuple[Callable[[Event], None], ...] = ()
        self.pid = os.getpid()
        self.unheard: set[str] = set()

    def after_fork_in_child(self) -> None:
        """Know the child's own number."""
        self.pid = os.getpid()


def _timer_failed(error: BaseException) -> None:
    report("timer.failed", "Something that was to be done later failed.", error=error)


TIMERS.failed = _timer_failed  # here, because the clock is below the faults
slot: Final = Slot()
files.after_fork_in_child(slot.after_fork_in_child)
files.after_fork_in_child(renew_lock)

sites: dict[int, tuple[CodeType, dict[int, Site]]] = {}
"""By the identity of the code, which is kept so that no other gets it: equal code of two files is two places."""


def site_of(frame: FrameType) -> Site:
    """Return the one site object of the call that *frame* is at."""
    code = frame.f_code
    known = sites.get(id(code))
    if known is None:
        if len(sites) >= _SITES:
            sites.clear()
        known = sites[id(code)] = (code, {})
    by_instruction = known[1]
    site = by_instruction.get(frame.f_lasti)
    if site is None:
        module = frame.f_globals.get("__name__")
        site = Site(str(module or ""), code.co_qualname, code.co_filename, frame.f_lineno or 0)
        by_instruction[frame.f_lasti] = site
    return site


def site_of_function(function: object) -> Site:
    """Return the place where *function* is defined, whatever decorators it wears."""
    for _ in range(100):  # who wraps itself is no reason to hang
        function = getattr(function, "__wrapped__", function)
    module = str(getattr(function, "__module__", None) or "")
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):  # a class, or a function written in C
        return Site(module, str(getattr(function, "__qualname__", type(function).__qualname__)), "", 0)
    return Site(module, code.co_qualname, code.co_filename, code.co_firstlineno)


def name_of(name: object) -> str:
    """Return what was given as a name as a plain text; that it was none is a fault."""
    try:
        if isinstance(name, str):  # which asks what is none for its class
            return str.__str__(name)  # its own class could say that it equals others
        text = str.__str__(str(name))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:  # promise: logging never hurts the caller
        text = f"<{type(name).__qualname__}>"
    report("emit.failed", "A name is no text.", subject=text)
    return text


def level_or_error(level: str | int, name: str) -> int:
    """Return the number of *level*; what is no level counts as error: worth seeing, but not worth an exception."""
    try:
        return level_number(level)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as broken:  # promise: logging never hurts the caller, whatever its level says of itself
        report("emit.failed", "A level is unknown; the event counts as error.", subject=name, error=broken)
        return ERROR


def emit(
    name: str,
    level: int,
    message: str,
    fields: Mapping[str, object],
    bound: Mapping[str, object] = EMPTY,
    site: Site | None = None,
    error: BaseException | None = None,
    measurements: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
    /,
) -> None:
    """Make an event of the arguments, add the context, and hand it on.

    Args:
        name: Of the logger, or of the telemetry event.
        level: Its number.
        message: Of a log call.
        fields: Those of the call.
        bound: Those of the logger, which the call's hide.
        site: Where it was said; without it, where the function was called that called this one.
        error: Goes with the event.
        measurements: Of a telemetry event.
        metadata: Of a telemetry event.

    Called:
        When: by a mouth, for each call whose level is not below the threshold of *name*.
        Thread: the emitter's.
        May block: only as long as inline sinks do.
        If it raises: nothing but a KeyboardInterrupt or its like, which are the program's.
    """
    # Everything is written out in this one function: a call costs 50 ns more, and `Event(…)` with its keywords 400,
    # which is as much as all that is done here.
    try:
        if site is None:
            try:
                frame = _frame(2)
                places = sites.get(id(frame.f_code))
                site = (places and places[1].get(frame.f_lasti)) or site_of(frame)
            except ValueError:  # no frame is so far up: called from C, as `atexit` and new threads do
                site = NOWHERE
        ident = get_ident()
        way = _ways[ident]
        inlet = slot.inlet
        event = _new(Event)
        event.name = name
        event.message = message
        event.level = level
        event.time_ns = time_ns()
        event.fields = {**bound, **fields} if bound else fields
        event.measurements = measurements
        event.metadata = metadata
        event.site = site
        event.error = error
        event.pid = slot.pid
        event.arguments = ()
        event.rendered = None
        try:
            event.thread = _threads[ident]._name  # type: ignore[attr-defined]
        except (KeyError, AttributeError):
            event.thread = threading.current_thread().name
        context = current_context()
        event.context = context.over(inlet.static) if context else inlet.static
        if way.depth or slot.taps:
            submit(event)
            return
        try:
            way.depth = 1
            way.first = inlet
            if inlet is not slot.inlet:  # as in `submit`
                way.first = inlet = slot.inlet
            inlet.submit(event)
        finally:
            way.first = None
            way.depth = 0
    except Exception as broken:  # promise: logging never hurts the caller
        try:
            report("emit.failed", "An event could not be emitted.", subject=name, error=broken)
        except RecursionError:  # the stack is at its end: that cannot even be counted
            return


_frame: Final = sys._getframe  # the one way to the call site that costs 30 ns, not 400
_new: Final = object.__new__
_threads: Final[dict[int, threading.Thread]] = vars(threading).get("_active", {})
"""What `threading.current_thread` looks into; asked directly it takes half the time."""


def thread_name() -> str:
    """Return the name of the running thread, as it is called now."""
    try:
        return _threads[get_ident()].name
    except KeyError:  # a thread that `threading` did not start
        return threading.current_thread().name


@final
class _Way:
    """The way of one thread's events.

    Attributes:
        depth: How many are on it; more than one only if something on the way emits.
        first: The inlet that the first of them is in.
        second: The inlet of one that was emitted on the way of the first.
    """

    __slots__ = ("depth", "first", "second")

    def __init__(self) -> None:
        self.depth = 0
        self.first: Inlet | None = None
        self.second: Inlet | None = None


@final
class _Ways(dict[int, _Way]):
    """The ways by thread id; ``ways[get_ident()]`` is the running thread's own, made when asked for."""

    def __missing__(self, ident: int) -> _Way:
        way = self[ident] = _Way()
        return way


_ways: Final = _Ways()
files.after_fork_in_child(_ways.clear)


def submit(event: Event) -> None:
    """Hand a finished event to the taps and to the installed river.

    A format, a `repr` or a signal handler may emit while an event is on its way; what is emitted while that one is on
    its way would go round and round: it is refused, and counted as a fault.
    """
    way = _ways[get_ident()]
    if way.depth:
        _submit_on_the_way(event, way)
        return
    try:  # before the first count: an interrupt anywhere leaves the way as it was
        way.depth = 1
        way.first = inlet = slot.inlet
        while inlet is not slot.inlet:  # swapped in between: whoever waits for the old one may have looked already
            way.first = inlet = slot.inlet
        if slot.taps:
            _tap(event)
        inlet.submit(event)
    finally:
        way.first = None
        way.depth = 0


def _submit_on_the_way(event: Event, way: _Way) -> None:
    """Hand on what was emitted while another event of this thread is on its way; a third is refused."""
    if way.depth > 1:
        report("event.refused", "An event was emitted while one was on its way because of another.", subject=event.name)
        return
    try:
        way.depth = 2
        way.second = inlet = slot.inlet
        while inlet is not slot.inlet:
            way.second = inlet = slot.inlet
        _tap(event)
        inlet.submit(event)
    finally:
        way.second = None
        way.depth = 1


def _tap(event: Event) -> None:
    for tap in slot.taps:
        tap(event)


def wait_until_left(inlet: Inlet, deadline: float) -> bool:
    """Wait until no other thread has an event on its way in *inlet*, which is not installed any more.

    Args:
        inlet: The one that was taken out.
        deadline: As `penstock.clock.monotonic` goes.

    Returns:
        Whether none has.
    """
    me = get_ident()
    while any(inlet in (way.first, way.second) for ident, way in list(_ways.items()) if ident != me):
        if monotonic() >= deadline:
            return False
        sleep(0.001)
    return True
