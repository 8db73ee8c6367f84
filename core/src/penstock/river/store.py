"""Store: where the records of a queued delivery wait; records in, the same records out, in order; any thread puts, one
takes; a record without room is refused, never half kept.

There are two: the memory of `river.queue`, and the journal of `river.spool`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from penstock.types import Line

Entry: TypeAlias = Line
"""A record as it is kept."""
Waiting: TypeAlias = tuple[Entry, float]
"""What was put, and about the `monotonic` time at which it was."""


class Store(Protocol):
    """Keeps what a queued delivery accepted until the sink is done with it, and counts it.

    Records move between the states of the ledger here, so they are counted here, in the calling thread's own cell of
    the sink's account: ``accepted`` by `put`, ``delivered`` and ``dropped`` by `settle`, ``dropped`` by `make_room` and
    `close`; ``pending`` is the length. Between a count and the step that belongs to it stands no Python call: an
    interrupt could come in there. What is there when it is opened, from a process that died, counts as accepted too.
    """

    def put(self, record: Entry, /) -> bool:
        """Keep *record* and count it as accepted; return False, and change nothing, if there is no room.

        Called:
            When: once for each record, again after `make_room`.
            Thread: any, several at once; a signal handler or a finalizer may put in the middle of another `put`.
            May block: no; in particular it waits for no lock that somebody holds during I/O or while Python code runs.
            If it raises: it does not. A KeyboardInterrupt passes, and the record is kept and counted, or neither.
        """
        ...

    def make_room(self, record: Entry, /) -> Sequence[Entry]:
        """Drop what gives way to *record*, as `when_full` says, count it and return it; nothing if nothing gives way.

        What was taken stays: it may be on its way.

        Called:
            When: after `put` said no.
            Thread: as `put`.
            May block: no.
            If it raises: it does not.
        """
        ...

    def reason(self, record: Entry, /) -> str:
        """Return the drop reason of *record*, for which there is no room."""
        ...

    def take(self, most: int, /) -> Sequence[Waiting]:
        """Return the first records that are not settled, at most *most*, the oldest first.

        They are the same ones until they are settled: the store remembers what was taken, the worker nothing, so that
        another can go on after it. The order holds among records of the same level from the same thread; a store may
        let a higher level overtake.

        Called:
            When: before an attempt.
            Thread: the worker's, or whoever stands in for it; never two at once, and never with `settle`.
            May block: for the disk of a journal, shortly.
            If it raises: the worker reports it and tries again later.
        """
        ...

    def settle(self, delivered: int, dropped: int = 0, reason: str = "", /) -> bool:
        """Let go of the first of those taken: *delivered* and *dropped*, for *reason*, together; and count them so.

        Returns:
            False, and nothing changed, if it was closed meanwhile: whoever closed it has counted them.

        Called:
            When: after an attempt, with what is done with; what is to be tried again stays.
            Thread: as `take`.
            May block: as `take`.
            If it raises: the worker reports it; the records are settled nevertheless.
        """
        ...

    def close(self, reason: str, /) -> Sequence[Entry]:
        """End: no record comes in or out any more. Memory drops what is left for *reason* and returns it.

        A journal keeps it for the next start, pending as it was, and returns nothing.

        Called:
            When: once, when the time to drain is over.
            Thread: any; a `put`, a `take` or a `settle` may be running.
            May block: shortly.
            If it raises: it does not.
        """
        ...

    def after_fork_in_child(self) -> None:
        """Start anew, with new locks: what waits belongs to the parent; a copy in memory is ``fork_inherited``.

        The account was reset before.
        """
        ...

    def __len__(self) -> int:
        """Return how many records were put and are not settled, those taken included."""
        ...


@runtime_checkable
class Adopts(Protocol):
    """A store that takes over what other processes left."""

    @property
    def trouble(self) -> str:
        """Why records wait in memory now, in a word; or an empty text."""
        ...

    def adopt(self) -> int:
        """Take over what was left since the last time, and return how many records that is.

        Called:
            When: now and again while nothing waits.
            Thread: as `Store.take`.
            May block: for the disk, shortly.
            If it raises: the worker reports it and tries again later.
        """
        ...
