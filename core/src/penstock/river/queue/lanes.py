"""Lanes: the order of what waits in memory; records in at the end of their level's lane, out in the order in which they
were put; any thread appends, one moves them on; never fails.

Where a record moves stands one call into C, so no reader sees it in two places, or in none.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice, pairwise, repeat, starmap
from typing import Final, TypeAlias, final

from penstock.levels import ERROR, LEVELS
from penstock.river.env import Bell
from penstock.river.store import Entry

Put: TypeAlias = tuple[Entry, float | None]
"""A record, and the tick of the bell when it was put: None while the worker slept."""

_ONCE: Final = ((),)
_LEVELS: Final = 1_000
"""Numbers of levels remembered; they come from programs."""


@final
class Lane:
    """Records in the order in which they were put: those of one level, or all of them.

    Attributes:
        level: The lowest level in it.
        urgent: Whether it is for `error` and above.
        entries: What waits.
        lower: The lanes that give way to it, first those that do so first.
    """

    __slots__ = ("entries", "level", "lower", "urgent")

    def __init__(self, level: int, urgent: bool) -> None:
        self.level = level
        self.urgent = urgent
        self.entries: deque[Put] = deque()
        self.lower: Sequence[Lane] = ()

    def first(self, most: int) -> list[Put]:
        """Return the oldest records, at most *most*."""
        while True:
            try:
                return list(islice(self.entries, most))
            except RuntimeError:  # a finalizer ran in the middle of it, and others put meanwhile
                continue

    def drop_oldest(self, into: list[Put], dropped: dict[str, int], reason: str) -> None:
        """Move the oldest record to *into* and count it in *dropped*, if there is one."""
        oldest = starmap(self.entries.popleft, _ONCE)
        keep, before = into.extend, len(into)
        dropped[reason] += 1
        try:
            keep(oldest)
        except BaseException as error:  # there was none, or an interrupt came behind the move
            if not into[before:]:
                dropped[reason] -= 1
            if not isinstance(error, IndexError):
                raise


@final
class Lanes:
    """The lanes of one queue.

    Args:
        bell: Knows the time of what was put while the worker slept.
        by_level: Whether there is a lane for each level, or one for all.
    """

    def __init__(self, bell: Bell, by_level: bool) -> None:
        self._bell = bell
        self._lanes = [Lane(0, False)]
        self._by_level: dict[int, Lane] = {}
        if by_level:
            self._lanes += [Lane(level.number, level.number >= ERROR) for level in LEVELS[1:]]
        for number, lane in enumerate(self._lanes):
            lane.lower = self._lanes[:number] if by_level else self._lanes

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def __len__(self) -> int:
        return sum([len(lane.entries) for lane in self._lanes])

    def of(self, level: int) -> Lane:
        """Return the lane for *level*: the nearest that is not above it."""
        lane = self._by_level.get(level)
        if lane is None:
            lane = next(lane for lane in reversed(self._lanes) if lane.level <= max(level, 0))
            if len(self._by_level) < _LEVELS:
                self._by_level[level] = lane
        return lane

    def move(self, most: int, into: list[Put], closed: list[bool]) -> None:
        """Move the oldest *most* records to the end of *into*, in the order in which they were put.

        Nothing is moved or changed once there is something in *closed*.
        """
        shares = self._shares(most)
        keep = into.extend
        ends = [len(into)]
        for lane, count in shares:
            oldest = starmap(lane.entries.popleft, repeat((), count))
            try:
                if closed:  # and no call between this and the move
                    return
                keep(oldest)
            except IndexError:  # some gave way in between
                pass
            ends.append(len(into))
        if len(shares) > 1:
            moved = [into[begin:end] for begin, end in pairwise(ends)]
            start, in_order = ends[0], list(merge(*moved, key=self._when))
            if not closed:
                into[start:] = in_order

    def _shares(self, most: int) -> Sequence[tuple[Lane, int]]:
        """Return how many of the oldest *most* records are in which lane."""
        filled = [(lane, count) for lane in self._lanes if (count := len(lane.entries))]
        if len(filled) == 1:
            return [(filled[0][0], min(filled[0][1], most))]
        if sum([count for _, count in filled]) <= most:
            return filled
        heads = [lane.first(most) for lane, _ in filled]
        marked = [[(self._when(entry), number) for entry in head] for number, head in enumerate(heads)]
        shares = Counter([number for _, number in islice(merge(*marked), most)])
        return [(filled[number][0], count) for number, count in shares.items()]

    def _when(self, entry: Put) -> tuple[float, int]:
        """Return when *entry* was put, and for those between two ticks, when it was emitted."""
        record, tick = entry
        return (self._bell.woke if tick is None else tick), record[3]
