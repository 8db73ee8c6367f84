"""Types: the protocols of the four kinds of plugin, on one page; who has read it can write any of them.

Nothing here runs. A component is an attrs class whose attributes are its TOML options; the optional abilities are
small protocols of their own, looked for once, when a configuration is composed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

from penstock.clock import Later
from penstock.event import Event

Fields: TypeAlias = Mapping[str, object]
"""Names and values of an event."""

Handler: TypeAlias = Callable[[str, Fields, Fields, Any], None]
"""A telemetry handler: called as ``function(event, measurements, metadata, config)``."""

Now: TypeAlias = Callable[[], float]
"""Returns what time it is, in seconds."""

Resume: TypeAlias = Callable[[Event], None]
"""Sends an event on from a stage, down the rest of the same pipeline."""


class Record(NamedTuple):
    """One event as finished, redacted bytes, on its way to a sink.

    `data` ends in no newline: how records are told apart is the sink's business.
    """

    data: bytes
    level: int
    name: str
    time_ns: int
    format: str = ""
    """The format type that made `data`. A fallback gets records that were made for another sink, and may look."""


Line: TypeAlias = tuple[bytes, int, str, int, str]
"""A record on its way through the core: what `Record` has, in its order. A plain tuple takes a fifth of the time to
make, and the garbage collector stops looking at it; a sink gets the record.
"""

# -- emit -------------------------------------------------------------------------------------------------------------


class Stage(Protocol):
    """An emit stage: an event in; the event, a changed copy, or None out."""

    def emit(self, event: Event, /) -> Event | None:
        """Let *event* pass, change it with `Event.replace`, or stop it by returning None.

        Called:
            When: for each event that reaches the pipeline, before redaction.
            Thread: the emitter's; several at once.
            May block: no; the caller waits for it.
            If it raises: the event passes unchanged and a fault is counted.
        """
        ...


@runtime_checkable
class Opened(Protocol):
    """A stage that emits later, or keeps time."""

    def open(self, resume: Resume, timer: Later, /) -> None:
        """Take what is needed to emit later: *resume* sends an event on, *timer* calls a function after seconds.

        An event without a context gets the static fields of the configuration on that way.

        Called:
            When: once per pipeline that names the stage, before its first event.
            Thread: the thread that calls `configure`.
            May block: no.
            If it raises: the stage is left out and a fault is counted; `strict` raises instead.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """A stage that asks what time it is. It does not ask the system: in a trial, time passes when the trial says so."""

    def keep_time(self, monotonic: Now, wall: Now, /) -> None:
        """Ask *monotonic* how long something takes, and *wall* how many seconds have passed since the epoch.

        Called:
            When: once for each pipeline that names the stage, before `open`.
            Thread: the thread that calls `configure`.
            May block: no.
            If it raises: as `Opened.open`.
        """
        ...


@runtime_checkable
class Source(Protocol):
    """Something that emits on its own: it stands in `[emit.NAME]` and no pipeline names it."""

    def start(self, emit: Resume, /) -> None:
        """Begin to call *emit* with events, from a thread of its own; `close` ends it.

        Called:
            When: once, after the river is installed.
            Thread: the thread that calls `configure`.
            May block: no.
            If it raises: a fault; the rest of the river runs.
        """
        ...


# -- redact -----------------------------------------------------------------------------------------------------------

Action: TypeAlias = Callable[[object], object]
"""What becomes of a value that a redactor hides: called with the plain value, returns the plain value that is shown."""


class _Remove:
    """The type of `REMOVE`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Final = _Remove()
"""What an `Action` returns to leave the key out altogether."""


@runtime_checkable
class KeyRedactor(Protocol):
    """A redactor that judges by the name of a key, at any depth."""

    def redact_key(self, key: str, /) -> Action | None:
        """Return what to do with the value under *key*, or None to leave it.

        Called:
            When: once for each key; the answer is remembered, so it must depend on nothing else.
            Thread: the emitter's; several at once.
            May block: no.
            If it raises: the value is replaced by ``[redaction failed]`` and a fault is counted.
        """
        ...


@runtime_checkable
class PathRedactor(Protocol):
    """A redactor that judges by the place of a value."""

    def redact_path(self, path: tuple[str, ...], /) -> Action | None:
        """Return what to do with the value at *path*, or None to leave it.

        A path is the keys from the outside in; the place in a list is its index as text.

        Called:
            When: for each value; the answer is remembered for paths without an index.
            Thread: the emitter's; several at once.
            May block: no.
            If it raises: the value is replaced by ``[redaction failed]`` and a fault is counted.
        """
        ...


@runtime_checkable
class TextRedactor(Protocol):
    """A redactor that searches texts.

    It may have an attribute `anchors`, a sequence of texts of which one is in every text that it changes; texts without
    any are not searched then, and an event with nothing but such texts is spared the walk, which is most of its cost.
    """

    def redact_text(self, text: str, /) -> str:
        """Return *text* without what must not be shown.

        Called:
            When: for each text of an event: message, values, keys, rendered exception.
            Thread: the emitter's; several at once.
            May block: no.
            If it raises: the text is replaced by ``[redaction failed]`` and a fault is counted.
        """
        ...


@runtime_checkable
class PartRedactor(Protocol):
    """A redactor that judges what of an event is no field."""

    def redact_part(self, part: str, /) -> Action | None:
        """Return what to do with *part* of every event, ``message`` or ``error``, or None to leave it.

        The action gets a text: the message, and of an exception first the message and then the traceback; its type is
        kept. A text cannot be left out: `REMOVE` masks it.

        Called:
            When: once for each part, when the pipeline is made.
            Thread: the one that configures.
            May block: no.
            If it raises: the part is replaced by ``[redaction failed]`` and a fault is counted.
        """
        ...


Redactor: TypeAlias = KeyRedactor | PathRedactor | TextRedactor | PartRedactor
"""At least one of the four; a class may be all of them."""


# -- format -----------------------------------------------------------------------------------------------------------


class Format(Protocol):
    """Makes the finished bytes of an event."""

    def format(self, event: Event, /) -> bytes:
        """Return *event* as bytes, without a newline at the end.

        Every value in it is plain already: str, int, float, bool, None, list, and dict with str keys.

        Called:
            When: once for each event and rendering, after redaction.
            Thread: the emitter's; several at once.
            May block: no.
            If it raises: a minimal safe line takes its place and a fault is counted.
        """
        ...


# -- sink -------------------------------------------------------------------------------------------------------------


class Sink(Protocol):
    """Somewhere finished bytes go.

    A class may also say, as class attributes:

    * ``default_format``: the format type for pipelines that name none (default: ``plain``);
    * ``delivery``: its own defaults of ``[sink.X.delivery]``, as in TOML (default: queued);
    * ``thread_safe = True``: `write` of an inline sink may run in several threads at once;
    * ``accepts = "event"``: it gets redacted events instead of records, and is inline;
    * ``alerts = True``: it calls people, so that a pipeline to it without any emit stage is a warning;
    * ``formats``: the format types it can take, where it cannot take all; another one is a warning.
    """

    def write(self, batch: Sequence[Record], /) -> None:
        """Deliver *batch*, in order; returning means that all of it arrived.

        Called:
            When: once for each batch, never with an empty one.
            Thread: the sink's worker, or the caller's if inline; one call at a time unless ``thread_safe``.
            May block: yes if queued, up to `timeout`; the queue absorbs it.
            If it raises: Unavailable keeps the batch, Rejected drops it, Closed ends the sink; anything else is a
                fault: the batch is dropped as ``plugin_error`` and the sink stays.
        """
        ...


class EventSink(Protocol):
    """A sink that works on the event itself, such as metrics, publish/subscribe or an audit log."""

    accepts: ClassVar[str]
    """``"event"``."""

    def write(self, batch: Sequence[Event], /) -> None:
        """Take redacted events; as `Sink.write` in all else."""
        ...


@runtime_checkable
class LineSink(Protocol):
    """A thread-safe sink that can take a single line at once: inline it gets its records so, and not as batches."""

    def write_line(self, data: bytes, time_ns: int, /) -> None:
        """Deliver one record: its *data*, and when it was emitted.

        Called:
            When: for each record of an inline sink in good health; `write` is called all the same while it is not.
            Thread: the emitter's; several at once.
            May block: no longer than one write to a local file; `time_left` tells nothing here.
            If it raises: as `Sink.write`.
        """
        ...


WriteLine: TypeAlias = Callable[[bytes, int], None]
"""`LineSink.write_line`."""


@runtime_checkable
class Openable(Protocol):
    """A sink that opens files or sockets."""

    def open(self) -> None:
        """Open what the sink needs.

        Called:
            When: once, before the river is installed.
            Thread: the thread that calls `configure`.
            May block: shortly.
            If it raises: the sink is replaced by its fallback; `strict` raises instead.
        """
        ...


@runtime_checkable
class Flushable(Protocol):
    """A sink that holds bytes back."""

    def flush(self) -> None:
        """Pass on what is held back.

        Called:
            When: by `penstock.flush` and `shutdown`, after the queue ran empty.
            Thread: the thread that flushes; never during a `write`, unless ``thread_safe``.
            May block: shortly.
            If it raises: a fault, counted.
        """
        ...


@runtime_checkable
class Closeable(Protocol):
    """A component that holds something open."""

    def close(self) -> None:
        """Let go of everything; calling it twice, or without `open`, is fine.

        Called:
            When: once, at shutdown, after the last `write`; of a stage, after the last `emit`, which may be what the
                stages in front of it emitted as they were closed.
            Thread: the thread that shuts down.
            May block: shortly.
            If it raises: a fault, counted.
        """
        ...
