"""Faults: what goes wrong inside Penstock, counted and told at a bounded rate; facts in, one line or event out; any
thread; never raises, never blocks.

It imports nothing that can fail. The runtime gives it a listener that turns faults into events; where no sink takes
such an event, the line goes to standard error, as the last resort.
"""

from __future__ import annotations

import sys
from _thread import RLock, get_ident
from collections.abc import Callable, Mapping

from penstock import files
from penstock.clock import monotonic
from penstock.hints import TYPE_CHECKING, final
from penstock.levels import ERROR, WARNING, level_name
from penstock.secret import hide_known
from penstock.text import escape_controls

if TYPE_CHECKING:
    from typing import Final

__all__ = ["ERROR", "WARNING", "Aside", "Fault", "fault_counts", "last_resort", "listen", "report"]

_EVERY: Final = 10.0
"""Seconds between two tellings of the same kind of fault about the same subject; those between are counted."""
_KINDS: Final = 1_000
"""So many pairs of kind and subject are told apart; what is beyond shares one."""
_OVERFLOW: Final = ("fault", "__overflow__")
_NEVER: Final = (-_EVERY, 0)
_STDERR: Final = 2


@final
class Fault:
    """Something that went wrong inside Penstock, and how often since it was last told.

    Attributes:
        kind: ``<noun>.<past verb>``; its event is ``penstock.<kind>``.
        subject: The sink, plugin, handler or pipeline it is about.
        text: A constant sentence.
        level: *warning* while nothing is lost, *error* when something is, or a person is needed.
        data: Facts beside the sentence; never a value of the event that failed.
        count: How often it happened since the last telling, this one included.
    """

    __slots__ = ("count", "data", "kind", "level", "subject", "text")

    def __init__(self, kind: str, subject: str, text: str, level: int, data: Mapping[str, object], count: int) -> None:
        self.kind = kind
        self.subject = subject
        self.text = text
        self.level = level
        self.data = data
        self.count = count

    def __str__(self) -> str:
        facts = {"subject": self.subject, **self.data, "count": self.count if self.count > 1 else None}
        told = " ".join(f"{key}={value!r}" for key, value in facts.items() if value not in (None, ""))
        return f"penstock: {level_name(self.level)}: {self.text} {told}".rstrip()


Listener = Callable[[Fault], bool]
"""Takes a fault; returns whether somebody heard of it."""

_lock = RLock()  # re-entrant: a signal handler may report while its thread is reporting
_counts: dict[tuple[str, str], int] = {}
_told: dict[tuple[str, str], tuple[float, int]] = {}
_listener: Listener | None = None
_telling: set[int] = set()
_aside: dict[int, Callable[[Fault], object]] = {}


@final
class Aside:
    """A block in which the faults of its thread go to *hear* alone: they are neither counted nor told to anybody else.

    What goes wrong in a trial is no business of the process.
    """

    __slots__ = ("_before", "_hear", "_ident")

    def __init__(self, hear: Callable[[Fault], object]) -> None:
        self._hear = hear

    def __enter__(self) -> None:
        self._ident = get_ident()
        self._before = _aside.get(self._ident)
        _aside[self._ident] = self._hear

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            _aside.pop(self._ident, None)
        else:
            _aside[self._ident] = self._before


def listen(listener: Listener | None) -> None:
    """Send faults to *listener* from now on."""
    global _listener
    _listener = listener


def report(
    kind: str,
    text: str,
    *,
    subject: str = "",
    level: int = WARNING,
    error: BaseException | None = None,
    count: int = 1,
    **data: object,
) -> None:
    """Count a fault, and tell it unless the same was told less than ten seconds ago.

    Called:
        When: by any part of Penstock, instead of raising.
        Thread: any.
        May block: no.
        If it raises: it does not.

    Args:
        kind: ``<noun>.<past verb>``, such as ``sink.failed``.
        text: A constant sentence for a person.
        subject: Which sink, plugin, handler or pipeline.
        level: `WARNING` while nothing is lost, `ERROR` when something is.
        error: Its type is told. Its text is not: it may hold values of the event.
        count: How many events, attempts or other things it stands for.
        data: Facts beside the sentence.
    """
    try:
        if error is not None:
            data = {"error": type(error).__qualname__, **data}
        if _aside and (hear := _aside.get(get_ident())) is not None:
            hear(Fault(kind, subject, text, level, data, count))
            return
        fault = _due(kind, subject, text, level, count, data)
        if fault is not None:
            _tell(fault)
    except Exception as broken:  # promise: a fault never becomes the program's
        last_resort(f"penstock: error: a fault could not be reported: {type(broken).__name__}")


def _due(kind: str, subject: str, text: str, level: int, count: int, data: dict[str, object]) -> Fault | None:
    key, shared = (kind, subject), (kind, "__overflow__")
    now, many = monotonic(), len(_counts) >= _KINDS
    with _lock:  # plain stores alone, no call: no signal handler runs in here and waits for who waits for the lock
        if many and key not in _counts:
            key = shared if shared in _counts else _OVERFLOW
        total = (_counts[key] if key in _counts else 0) + count  # noqa: SIM401, that would be a call
        _counts[key] = total
        when, told = _told[key] if key in _told else _NEVER  # noqa: SIM401
        if now - when < _EVERY:
            return None
        _told[key] = (now, total)
    return Fault(kind, subject, text, level, data, total - told)


def _tell(fault: Fault) -> None:
    ident = get_ident()
    heard = False
    if _listener is not None and ident not in _telling:  # a fault while telling a fault goes straight to stderr
        _telling.add(ident)
        try:
            heard = _listener(fault)
        finally:
            _telling.discard(ident)
    if not heard:
        last_resort(str(fault))


def fault_counts() -> Mapping[tuple[str, str], int]:
    """Return how often each (kind, subject) happened since the process started."""
    with _lock:
        return dict(_counts)


def forget() -> None:
    """Forget every count and telling: in a forked child, and between tests."""
    global _lock
    _lock = RLock()
    _counts.clear()
    _told.clear()
    _telling.clear()
    _aside.clear()


def last_resort(line: str) -> bool:
    """Write one line to standard error if that needs no waiting; return whether it was written.

    Known secrets are hidden, control characters escaped, and what is longer than a pipe takes at once is cut.
    """
    if sys.stderr is None and sys.__stderr__ is None:
        return False  # closed at the start (`2>&-`): its number belongs to another file by now
    try:
        text = escape_controls(hide_known(line))
        data = text.encode("utf-8", "backslashreplace")[: files.PIPE_ROOM - 1] + b"\n"
        return files.write_now(_STDERR, data) == len(data)
    except (OSError, ValueError):  # no standard error at all: there is nowhere left to tell it
        return False
