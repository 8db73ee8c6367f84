"""Chain: segments one after the other; what is done to them by several threads at once; callers' threads and the
worker's; nobody waits for a lock without end.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Final, TypeVar, final

from penstock.river.spool.runs import Run
from penstock.river.spool.segment import Segment

T = TypeVar("T")

EVERY_LEVEL: Final = 0xFFFF
"""The level of segments in which all levels are mixed."""
_first: Final = itemgetter(0)


@final
class Chain:
    """Segments one after the other: those of one level, or of all, from one process.

    Attributes:
        level: The lowest level in it.
        generation: 0 of this process; of one that died below, the lower the earlier it began. The lowest comes first.
        run: The folder of the process, if it was another's.
        open: The segment to which records are put.
        durable: Whether each record is brought to its disk before its `put` returns.
    """

    __slots__ = ("durable", "generation", "level", "open", "run", "segments")

    def __init__(self, level: int, opened: Segment, *, run: Run | None = None, generation: int = 0) -> None:
        self.level = level
        self.open = opened
        self.segments: list[Segment] = []
        self.run = run
        self.generation = generation
        self.durable = False

    def let_go(self, patience: float | None) -> None:
        """Let go of every file and map, and of the folder if it was another process's; nothing in them changes.

        Args:
            patience: Seconds to wait for somebody who writes to one; None if nobody can, as in a forked child.
        """
        for segment in list(self.segments):
            if patience is None:
                segment.let_go()
            elif segment.writer != get_ident():
                holding(segment.lock, patience, segment.let_go)
        if self.run is not None:
            self.run.release()


def holding(lock: RLock, patience: float, do: Callable[[], None]) -> bool:
    """Call *do* while holding *lock*; return False if it cannot be had within *patience* seconds."""
    got: list[bool] = []
    try:
        # One call into C, so that no interrupt comes in between having the lock and knowing it.
        got += map(lock.acquire, (True,), (patience,))
        if got[0]:
            do()
        return got[0]
    finally:
        if got and got[0]:
            lock.release()


def merged(heads: Sequence[Sequence[T]], when: Callable[[T], int]) -> list[T]:
    """Return what is in several chains by the time of the events; none before its own chain's earlier ones."""
    keyed: list[tuple[int, T]] = []
    for head in heads:
        keyed += zip(accumulate(map(when, head), max), head, strict=True)
    return [one for _, one in sorted(keyed, key=_first)]


def finish_left(segment: Segment) -> None:
    """Finish a segment that takes no more, unless somebody is still writing to it, who then does."""
    if segment.sealed and not segment.finished:
        holding(segment.lock, 0, segment.finish)
