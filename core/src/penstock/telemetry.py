"""Telemetry: numbers and facts about what the program does; handlers called, then an event emitted; the emitter's
thread; a handler that raises is detached and told, the emitter never notices.

The semantics are those of Erlang's ``:telemetry`` (https://github.com/beam-telemetry/telemetry), with two improvements:
the metadata of ``.stop`` include those of ``.start``, and `duration` leaves out the time the handlers take.

    penstock.handler.failed     a handler raised, and was detached from all its events
      measurements  monotonic_time, system_time (ns)
      metadata      event_name, handler_id, handler_config, kind, reason, stacktrace
      emitted       by the thread that ran the handler, before the event's other handlers run
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from types import FrameType, TracebackType

from penstock import files
from penstock.clock import monotonic_ns, time_ns
from penstock.errors import AlreadyAttachedError
from penstock.event import EMPTY, NOWHERE, Site
from penstock.faults import ERROR, report
from penstock.health import found
from penstock.hints import TYPE_CHECKING, NamedTuple, final
from penstock.levels import DEBUG, level_number
from penstock.river.emit import emit, level_or_error, name_of, site_of, slot

if TYPE_CHECKING:
    from typing import Final

    from penstock.types import Fields, Handler

HANDLER_FAILED: Final = "penstock.handler.failed"

_UNHEARD: Final = 10_000
"""Names remembered of events that nobody hears; they can come from users."""
_frame: Final = sys._getframe


class HandlerInfo(NamedTuple):
    """One handler on one event, as `list_handlers` returns it."""

    handler_id: str
    event: str
    function: Handler
    config: object


# Read per event without a lock: the tuples are replaced whole. Writers take the lock.
_handlers: dict[str, tuple[HandlerInfo, ...]] = {}
_writing = threading.RLock()


def _after_fork_in_child() -> None:
    global _writing
    _writing = threading.RLock()  # another thread of the parent may have held it, and does not exist here


files.after_fork_in_child(_after_fork_in_child)


def attach(handler_id: str, events: str | Iterable[str], function: Handler, config: object = None) -> None:
    """Call *function* for every event named in *events*, until it is detached.

    It runs in the thread that emits, in the order of attaching. If it raises, it is detached from all its events and
    `penstock.handler.failed` is emitted; the emitter never notices. Handlers outlive `configure` and `shutdown`.

    Args:
        handler_id: Unique name, for `detach`.
        events: One full dotted name, or several; prefixes do not match. A name listed twice counts once.
        function: Called as ``function(event, measurements, metadata, config)``.
        config: Handed to *function* unchanged.

    Raises:
        AlreadyAttachedError: If *handler_id* is taken; nothing is attached then.
        TypeError: If *function* cannot be called, or a name is no text.
        ValueError: If there is no event, or a name is empty or has an empty segment.

    Example:
        >>> seen = []
        >>> def note(event, measurements, metadata, config):
        ...     seen.append(measurements["duration"])
        >>> attach("slow-pages", "web.request.stop", note)
        >>> execute("web.request.stop", {"duration": 7})
        >>> seen
        [7]
        >>> detach("slow-pages")
        True
    """
    names = tuple(dict.fromkeys([events] if isinstance(events, str) else events))
    if not callable(function):
        raise TypeError(f"a handler is called as function(event, measurements, metadata, config), got {function!r}")
    if not names:
        raise ValueError(f"the handler {handler_id!r} names no event")
    for name in names:
        _check_name(name)
    with _writing:
        if any(info.handler_id == handler_id for infos in _handlers.values() for info in infos):
            raise AlreadyAttachedError(handler_id)
        for name in names:
            _handlers[name] = (*_handlers.get(name, ()), HandlerInfo(handler_id, name, function, config))
        slot.unheard = set()
    found(f"handler {handler_id}", None)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"an event name is a text with dots, got {name!r}")
    if not all(name.split(".")):
        raise ValueError(f"an event name is words with dots between, got {name!r}")


def detach(handler_id: str) -> bool:
    """Detach a handler from all its events; return whether there was one.

    An event that is being handled meanwhile may still reach it. If it had failed, `health` tells so no longer.
    """
    found(f"handler {handler_id}", None)
    known = False
    with _writing:
        for name, infos in list(_handlers.items()):
            left = tuple(info for info in infos if info.handler_id != handler_id)
            if len(left) == len(infos):
                continue
            known = True
            if left:
                _handlers[name] = left
            else:
                del _handlers[name]
    return known


def list_handlers(prefix: str = "") -> list[HandlerInfo]:
    """Return a row per handler and event whose name begins with the segments of *prefix*; all of them without.

    Example:
        >>> list_handlers("web.req")  # would not match web.request: whole segments count
        []
    """
    with _writing:
        rows = [info for infos in _handlers.values() for info in infos]
    return [info for info in rows if not prefix or f"{info.event}.".startswith(f"{prefix}.")]


def execute(
    event: str,
    measurements: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
    /,
    *,
    level: str | int | None = None,
) -> None:
    """Emit a telemetry event: call the handlers attached to it, then send it down the river.

    Called:
        When: wherever the program measures something.
        Thread: any; handlers run in it, one after another.
        May block: as long as its handlers and inline sinks do.
        If it raises: it does not, unless a handler is interrupted by KeyboardInterrupt or SystemExit.

    Args:
        event: Full dotted name.
        measurements: Names and numbers; a bare number is the measurement ``value``.
        metadata: Names and anything else.
        level: Of the event in the river; ``debug``, or what `define_event` said.

    Example:
        >>> execute("shop.order.paid", {"amount": 12.5}, {"currency": "EUR"})
    """
    unheard = slot.unheard
    if level is None and type(event) is str and event in unheard:
        return  # as most events most of the time
    if type(event) is not str:
        event = name_of(event)
    if level is None:
        definition = _definitions.get(event)
        number = DEBUG if definition is None else definition.level
    else:
        number = level_or_error(level, event)
    if event not in _handlers and not slot.taps and not slot.inlet.wants(event, number):
        if level is None and len(unheard) < _UNHEARD:
            unheard.add(event)
        return
    if measurements is None:
        measurements = EMPTY
    elif type(measurements) is not dict:
        measurements = _fields("value", measurements, event)
    if metadata is None:
        metadata = EMPTY
    elif type(metadata) is not dict:
        metadata = _fields("metadata", metadata, event)
    where: FrameType | Site = NOWHERE
    try:  # noqa: SIM105, `suppress` takes longer than all of this
        where = _frame(1)
    except ValueError:  # called from C, as in `penstock.river.emit`
        pass
    send(event, measurements, metadata, number, where)


def _fields(key: str, value: object, event: str) -> Fields:
    """Return *value*, or if it is no mapping one with it as *key*, and a fault unless it is a bare measurement."""
    try:
        if isinstance(value, Mapping):
            return value
        bare = key == "value" and isinstance(value, int | float)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:  # promise: telemetry never hurts the caller; its class may be asked, and raise SystemExit
        bare = False
    if not bare:
        report("emit.failed", "Measurements and metadata are mappings.", subject=event, got=type(value).__qualname__)
    return {key: value}


def send(event: str, measurements: Fields, metadata: Fields, level: int | None, where: FrameType | Site) -> None:
    """Call the handlers of *event*, then send it down the river if anybody there wants it."""
    try:
        call_handlers(event, measurements, metadata)
        if level is None:
            level = _level(event)
        if slot.taps or slot.inlet.wants(event, level):
            # The program may change its dicts at any time, also while they are redacted; other mappings are walked.
            measurements = measurements.copy() if type(measurements) is dict else measurements
            metadata = metadata.copy() if type(metadata) is dict else metadata
            if type(metadata.get("stacktrace")) is TracebackType:
                # Handlers get it as `:telemetry` gives it; in a line it would only repeat what `reason` says.
                metadata = {key: value for key, value in metadata.items() if key != "stacktrace"}
            site = where if isinstance(where, Site) else site_of(where)
            emit(event, level, "", EMPTY, EMPTY, site, None, measurements, metadata)
    except Exception as error:  # promise: telemetry never hurts the caller, whatever it is given
        report("emit.failed", "An event could not be emitted.", subject=event, error=error)


def call_handlers(event: str, measurements: Fields, metadata: Fields) -> None:
    """Call the handlers attached to *event*."""
    handlers = _handlers.get(event)
    if handlers is not None:
        _dispatch(handlers, event, measurements, metadata)


def _dispatch(handlers: Iterable[HandlerInfo], event: str, measurements: Fields, metadata: Fields) -> None:
    """Call *handlers*, which are a snapshot: one that is detached meanwhile still runs, a new one does not."""
    for info in handlers:
        try:
            info.function(event, measurements, metadata, info.config)
        except Exception as error:  # promise: a handler never hurts the emitter nor the other handlers
            _failed(info, error)


def _failed(info: HandlerInfo, error: Exception) -> None:
    """Detach a handler that raised, emit `penstock.handler.failed`, and report a fault."""
    detach(info.handler_id)
    found(f"handler {info.handler_id}", f"detached: {type(error).__qualname__}")
    text = "A telemetry handler raised and was detached."
    report("handler.detached", text, subject=info.handler_id, level=ERROR, error=error, event=info.event)
    numbers = {"monotonic_time": monotonic_ns(), "system_time": time_ns()}
    facts = {
        "event_name": info.event,
        "handler_id": info.handler_id,
        "handler_config": info.config,
        "kind": "error",
        "reason": error,
        "stacktrace": error.__traceback__,
    }
    execute(HANDLER_FAILED, numbers, facts, level=ERROR)


# -- what events there are --------------------------------------------------------------------------------------------


@final
class EventDefinition:
    """What a program says of one of its events; made by `define_event`.

    Attributes:
        name: Full dotted name.
        level: Level in the river, unless the call gives one.
        measurements: Name of each measurement, and its unit.
        metadata: Names of the metadata.
        doc: When it is emitted, in a sentence.
    """

    __slots__ = ("doc", "level", "measurements", "metadata", "name")

    def __init__(
        self, name: str, level: int, measurements: Mapping[str, str], metadata: tuple[str, ...], doc: str
    ) -> None:
        self.name = name
        self.level = level
        self.measurements = measurements
        self.metadata = metadata
        self.doc = doc

    def __repr__(self) -> str:
        return f"<EventDefinition {self.name!r}>"


_definitions: dict[str, EventDefinition] = {}


def define_event(
    name: str,
    /,
    *,
    level: str | int = DEBUG,
    measurements: Mapping[str, str] | None = None,
    metadata: Iterable[str] = (),
    doc: str = "",
) -> EventDefinition:
    """Say what an event is: its level in the river, its measurements with units, its metadata, when it is emitted.

    Raises:
        ValueError: If the name is not dotted words, the level is unknown, or the event is defined differently already.

    Example:
        >>> paid = define_event("shop.order.paid", level="info", measurements={"amount": "EUR"})
        >>> paid.measurements
        {'amount': 'EUR'}
    """
    _check_name(name)
    definition = EventDefinition(name, level_number(level), dict(measurements or {}), tuple(metadata), doc)
    known = _definitions.setdefault(name, definition)
    slot.unheard = set()  # its level may be another now
    if any(getattr(known, slot) != getattr(definition, slot) for slot in EventDefinition.__slots__):
        raise ValueError(f"the event {name!r} is defined already, and differently")
    return known


def event_definitions() -> list[EventDefinition]:
    """Return all definitions, sorted by name."""
    return [_definitions[name] for name in sorted(_definitions)]


def _level(event: str) -> int:
    definition = _definitions.get(event)
    return DEBUG if definition is None else definition.level
