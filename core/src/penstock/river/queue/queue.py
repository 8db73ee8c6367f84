"""Queue: records that wait in memory; records in, the same records out, in order; any thread puts, the worker takes;
without room, what `when_full` says gives way, counted.

* capacity: `queue` bytes of finished records, their own cost in memory included, and `max_events` records;
* hand-off: one append, without a lock, paid with a credit of bytes that each thread holds (`river.room`);
* the reserve: with ``shed``, a tenth is for `error` and above, and what is lower never fills it;
* exact: where a record moves, a count and plain stores stand before one call into C. Neither another thread nor an
  interrupt gets in between: the interpreter lets them in after calls and at jumps back (CPython 3.11 to 3.13).
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Sequence
from typing import Final, final

from penstock.ledger import SinkAccount
from penstock.levels import ERROR
from penstock.river.deliver import Deliver
from penstock.river.env import Bell
from penstock.river.queue.lanes import Lane, Lanes, Put
from penstock.river.queue.room import Purse, Purses, Room
from penstock.river.store import Entry, Waiting

_OVERHEAD: Final = 200
"""Bytes that a waiting record costs beside its data (measured on CPython 3.11: tuples, numbers, its place)."""
_RESERVE: Final = 10
"""One part in so many is kept for `error` and above."""
_NO_ROOM_AT_ALL: Final = (MemoryError, RecursionError)
"""The two errors of an append, which then did nothing."""
_LEVELS: Final = 1_000
"""Numbers of levels remembered; they come from programs."""


@final
class Queue:
    """The memory of one queued delivery; a `Store`.

    Args:
        account: Where everything is counted.
        bell: Shows the time to those who put, and wakes the worker.
        size: Bytes that may wait.
        most: Records that may wait: each takes at least its share of *size*.
        when_full: What gives way.
    """

    def __init__(self, account: SinkAccount, bell: Bell, size: int, most: int, when_full: str) -> None:
        self._account = account
        self._bell = bell
        self._sheds = when_full == "shed"
        self._gives_way = when_full in ("shed", "drop_oldest")
        share = size // most
        self._least = max(_OVERHEAD, share if share and size // share <= most else share + 1)
        self._lanes = Lanes(bell, by_level=self._sheds)
        self._ways: dict[int, tuple[Callable[[Put], None], Purses]] = {}
        """By level: what appends to its lane, and the purses."""
        self._taken: list[Put] = []
        self._closed: list[bool] = []
        """Something in it: nothing is moved or settled any more."""
        self.room = Room(account, size, size // _RESERVE if self._sheds else 0)

    def __len__(self) -> int:
        return len(self._lanes) + len(self._taken)

    # -- whoever puts -------------------------------------------------------------------------------------------------

    def entrance(self, otherwise: Callable[[Entry], object], wake: Callable[[], None]) -> Deliver:
        """Return the function that puts a record as long as the running thread has credit.

        Args:
            otherwise: Called with the record if it has none.
            wake: Called after a record was put while the worker slept.
        """
        ways, bell, least = self._ways, self._bell, self._least

        def deliver(record: Entry, /) -> None:
            try:
                append, purses = ways[record[1]]
                purse = purses[get_ident()]
            except KeyError:  # the first one of this level, or of this thread
                otherwise(record)
                return
            size = len(record[0]) + _OVERHEAD
            if size < least:
                size = least
            entry = (record, bell.tick)
            if size > purse.credit:
                otherwise(record)
                return
            purse.credit -= size
            purse.cell.accepted += 1
            try:
                append(entry)
            except _NO_ROOM_AT_ALL:
                purse.cell.dropped["queue_full"] += 1
                purse.credit += size
            if bell.tick is None:
                wake()

        return deliver

    def put(self, record: Entry, /) -> bool:
        """Keep *record* if there is room."""
        lane = self._lanes.of(record[1])
        if record[1] not in self._ways and len(self._ways) < _LEVELS:
            self._ways[record[1]] = (lane.entries.append, self.room.urgent if lane.urgent else self.room.purses)
        purse = self.room.purse(lane.urgent)
        size = self._cost(record)
        append = lane.entries.append
        entry = (record, self._bell.tick)
        while size > purse.credit:  # again, if a signal handler has spent it
            if not self.room.lend(purse, size, lane.urgent):
                return False
        purse.credit -= size
        purse.cell.accepted += 1
        try:
            append(entry)
        except _NO_ROOM_AT_ALL:
            purse.cell.dropped["queue_full"] += 1
            purse.credit += size
        return True

    def _cost(self, record: Entry) -> int:
        return max(len(record[0]) + _OVERHEAD, self._least)

    # -- room ---------------------------------------------------------------------------------------------------------

    def reason(self, record: Entry, /) -> str:
        """Return why *record* has no room: it is too large for any, or nothing lower is left to give way."""
        fits = self._cost(record) <= self.room.most(self._lanes.of(record[1]).urgent)
        return "shed" if self._sheds and fits else "queue_full"

    def make_room(self, record: Entry, /) -> Sequence[Entry]:
        """Drop what gives way to *record*: nothing, the oldest, or the oldest of the lowest level below its own."""
        lane = self._lanes.of(record[1])
        filled = [one for one in lane.lower if one.entries]
        size = self._cost(record)
        gone: list[Entry] = []
        if not filled or not self._gives_way or not self._enough(size, lane.urgent, filled):
            return gone
        purse = self.room.purse(lane.urgent)
        while not self._closed and not self.room.lend(purse, size, lane.urgent):
            while filled and not filled[0].entries:
                del filled[0]
            if not filled:
                break
            gone += self._push_out(filled[0], purse, lane.urgent)
        return gone

    def _enough(self, size: int, urgent: bool, filled: Sequence[Lane]) -> bool:
        """Return whether there would be *size* bytes if all in *filled* gave way; else it would do so for nothing."""
        if size > self.room.most(urgent):
            return False
        if size <= sum([len(lane.entries) for lane in filled]) * self._least:
            return True
        left = self.room.left if urgent else self.room.left_low
        return size <= left + sum([self._sizes(lane.first(len(lane.entries)))[0] for lane in filled])

    def _push_out(self, lane: Lane, purse: Purse, urgent: bool) -> Sequence[Entry]:
        """Drop the oldest record of *lane*, give its bytes to *purse*, and return it."""
        lane.drop_oldest(purse.gone, purse.cell.dropped, "shed" if self._sheds else "queue_full")
        gone = purse.gone[:]  # with what an interrupt left here before
        size, low = self._sizes(gone)
        with self.room.lock:
            purse.credit += size
            if urgent:
                self.room.left_low += low
            del purse.gone[: len(gone)]
        return [record for record, _ in gone]

    def _sizes(self, entries: Sequence[Put]) -> tuple[int, int]:
        """Return the bytes that *entries* take, and of those, what is no business of the reserve."""
        least = self._least
        sizes = [max(len(record[0]) + _OVERHEAD, least) for record, _ in entries]
        size = sum(sizes)
        if not self._sheds:
            return size, size
        return size, size - sum([one for one, (record, _) in zip(sizes, entries, strict=True) if record[1] >= ERROR])

    # -- the worker ---------------------------------------------------------------------------------------------------

    def take(self, most: int, /) -> Sequence[Waiting]:
        """Return the first *most* records that are not settled, the oldest first whatever their level."""
        missing = most - len(self._taken)
        if missing > 0:
            self._lanes.move(missing, self._taken, self._closed)
        woke = self._bell.woke
        return [(record, woke if tick is None else tick) for record, tick in self._taken[:most]]

    def settle(self, delivered: int, dropped: int = 0, reason: str = "", /) -> bool:
        """Let go of the first records that were taken."""
        count = delivered + dropped
        size, low = self._sizes(self._taken[:count])
        cell, room = self._account.cell(), self.room
        with room.lock:
            if self._closed:
                return False
            cell.delivered += delivered
            if dropped:
                cell.dropped[reason] += dropped
            del self._taken[:count]
            room.left += size
            room.left_low += low
        return True

    # -- the end, and a new beginning ---------------------------------------------------------------------------------

    def close(self, reason: str, /) -> Sequence[Entry]:
        """Drop what is left, for *reason*, and return it."""
        self._closed.append(True)  # settle may be at its counts: it holds the lock of the room, which `close` needs too
        self.room.close()
        dropped = self._account.cell().dropped
        left = self._taken[:]
        count = len(left)
        dropped[reason] += count
        del self._taken[:]
        for lane in self._lanes:
            while lane.entries:
                lane.drop_oldest(left, dropped, reason)
        return [record for record, _ in left]

    def after_fork_in_child(self) -> None:
        """Leave what waits to the parent; count the copy as accepted, and dropped as ``fork_inherited``."""
        inherited = len(self)
        for lane in self._lanes:
            lane.entries.clear()
        del self._taken[:], self._closed[:]
        self.room.begin()
        cell = self._account.cell()
        cell.accepted += inherited
        cell.dropped["fork_inherited"] += inherited
