"""Backlog: the reading side of a journal; segments in, records out in the order in which they were put; the worker's
thread; what cannot be read is a counted drop, and the rest goes on.

Where a record moves from one state of the ledger to another stand plain stores, or one call into C: between them the
interpreter lets in neither another thread nor an interrupt (CPython 3.11 to 3.13).
"""

from __future__ import annotations

import errno
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Final, TypeAlias, final

from penstock.clock import monotonic, time_ns
from penstock.faults import ERROR, report
from penstock.ledger import SinkAccount
from penstock.levels import NOTHING
from penstock.river.spool.chain import EVERY_LEVEL, Chain, finish_left, merged
from penstock.river.spool.gone import Gone
from penstock.river.spool.runs import Left, Run
from penstock.river.spool.segment import FREE, GONE, WORKER, Segment
from penstock.river.spool.supply import Supply
from penstock.river.store import Entry, Waiting

Row: TypeAlias = tuple[Entry, Segment]
"""A record that was taken, and where it is kept."""

_UNREADABLE: Final = frozenset({errno.ENOENT, errno.EIO, errno.ESTALE, errno.ELOOP, errno.EISDIR})
"""What another attempt will not cure. Any other failure to read is the worker's to report, and to try again."""


def _claim(segment: Segment) -> bool:
    """Claim *segment* for the worker; return whether it has it."""
    if segment.claimed == FREE:  # one step
        segment.claimed = WORKER
    return segment.claimed == WORKER


def _time_of(row: Row) -> int:
    return row[0][3]


@final
class Backlog:
    """What waits in a journal, of this process and of those that died.

    Args:
        account: Where everything is counted.
        supply: Takes back segments of this process of which nothing is left, and knows what is in use.
        sheds: Whether the lowest level gives way first, and not the oldest.

    Attributes:
        chains: Those of dead processes and our own.
        taken: What the worker has, in order.
        closed: Whether nothing is moved or settled any more.
    """

    def __init__(self, account: SinkAccount, supply: Supply, *, sheds: bool) -> None:
        self._account = account
        self._supply = supply
        self._sheds = sheds
        self.reset()

    def reset(self) -> None:
        """Begin with nothing; in a forked child too."""
        self.chains: list[Chain] = []
        self.taken: list[Row] = []
        self.closed = False

    def __len__(self) -> int:
        waiting = [segment.count - segment.lost - segment.read for segment in self.segments()]
        return len(self.taken) + sum(waiting)

    def segments(self) -> list[Segment]:
        """Return every segment."""
        return [segment for chain in list(self.chains) for segment in list(chain.segments)]

    # -- the worker ---------------------------------------------------------------------------------------------------

    def take(self, most: int) -> Sequence[Waiting]:
        """Return the first *most* records that are not settled."""
        missing = most - len(self.taken)
        if missing > 0:
            self._fetch(missing)
        now = monotonic()
        shift = now - time_ns() * 1e-9  # between the clock of the events, which somebody may set, and ours
        waiting = []
        for entry, segment in self.taken[:most]:
            since = entry[3] * 1e-9 + shift
            if not segment.begun <= since <= now:  # this we know better
                since = max(segment.begun, min(since, now))
            waiting.append((entry, since))
        return waiting

    def _fetch(self, missing: int) -> None:
        """Move up to *missing* records to `taken`."""
        rows = self._next(missing)
        shares = Counter([segment for _, segment in rows])
        segments = list(shares)
        reads = [segment.read + share for segment, share in shares.items()]
        moves = map(setattr, [*segments, self], [*repeat("read", len(reads)), "taken"], [*reads, self.taken + rows])
        if not self.closed:
            deque(moves, 0)

    def _next(self, most: int) -> list[Row]:
        """Return the next *most* records, without moving them."""
        chains = list(self.chains)
        rows: list[Row] = []
        for generation in sorted({chain.generation for chain in chains}):
            if len(rows) < most:
                heads = [self._head(chain, most - len(rows)) for chain in chains if chain.generation == generation]
                heads = [head for head in heads if head]
                rows += heads[0] if len(heads) == 1 else merged(heads, _time_of)[: most - len(rows)]
        return rows

    def _head(self, chain: Chain, most: int) -> list[Row]:
        """Return the next *most* records of *chain*, without moving them."""
        rows: list[Row] = []
        for segment in list(chain.segments):
            missing = most - len(rows)
            if missing <= 0:
                break
            if _claim(segment) and not segment.exhausted:
                self._load(segment)
                rows += zip(segment.records[segment.read : segment.read + missing], repeat(segment), strict=False)
        return rows

    def _load(self, segment: Segment) -> None:
        try:
            lost = segment.load()
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            lost = segment.count - segment.lost - len(segment.records)
        if lost:
            cell = self._account.cell()
            segment.lost += lost  # and no call before the next
            cell.dropped["spool_corrupt"] += lost
            text = "Records in the spool cannot be read."
            report("spool.damaged", text, subject=self._account.name, level=ERROR, count=lost)

    def settle(self, delivered: int, dropped: int, reason: str) -> bool:
        """Let go of the first records that were taken."""
        count = delivered + dropped
        done, rest = self.taken[:count], self.taken[count:]
        cell = self._account.cell()
        if self.closed:
            return False
        self.taken = rest
        cell.delivered += delivered
        if dropped:
            cell.dropped[reason] += dropped
        self._acknowledge({segment for _, segment in done})
        self.tidy()
        return True

    def _acknowledge(self, segments: Iterable[Segment]) -> None:
        held = Counter([segment for _, segment in self.taken])
        for segment in segments:
            if not segment.exhausted or held[segment]:
                try:
                    segment.acknowledge(segment.before + segment.read - held[segment])
                except OSError as error:  # then the next process delivers them again
                    text = "The spool cannot note what was delivered."
                    report("spool.failed", text, subject=self._account.name, error=error)

    def tidy(self) -> None:
        """Let go of segments of which nothing is left."""
        held = {segment for _, segment in self.taken}
        for chain in list(self.chains):
            for segment in list(chain.segments):
                finish_left(segment)
                if not segment.exhausted or segment in held or not self._retire(chain, segment):
                    break

    def _retire(self, chain: Chain, segment: Segment) -> bool:
        """Take the first segment of *chain* out; return whether it was *segment*."""
        supply = self._supply
        if self.closed or not chain.segments or chain.segments[0] is not segment:  # and no call up to the counts
            return False
        del chain.segments[0]
        if segment.claimed == GONE:  # whoever dropped it takes care of the rest
            return True
        if segment.path is None:
            supply.held -= segment.size
        else:
            supply.bytes -= segment.size
        if chain.run is None:
            self._supply.take_back(segment)
        else:
            segment.remove()
            if not chain.segments:
                self._leave(chain, chain.run)
        return True

    def _leave(self, chain: Chain, run: Run) -> None:
        """Forget a chain of which nothing is left, and the folder with the last one."""
        with suppress(ValueError):
            self.chains.remove(chain)
            run.chains -= 1
            if not run.chains:
                run.remove()

    # -- room ---------------------------------------------------------------------------------------------------------

    def make_room(self, level: int, reason: str, *, in_memory: bool) -> Sequence[Entry]:
        """Drop the segment that is the first to give way to *level*, and return its records; nothing if none does."""
        for chain, segment in self._givers(level, in_memory):
            gone = Gone.of(segment)
            cell, supply = self._account.cell(), self._supply
            count = segment.count - segment.lost
            if segment.claimed == FREE and not self.closed:  # and no call before the last count
                segment.claimed = GONE
                segment.read = count
                cell.dropped[reason] += count
                if in_memory:
                    supply.held -= segment.size
                else:
                    supply.bytes -= segment.size
                self._discard(chain, segment)
                return gone
            gone.close()
        return ()

    def _givers(self, level: int, in_memory: bool) -> Iterator[tuple[Chain, Segment]]:
        """Return what gives way to a record of *level*, first what does so first."""
        chains = list(self.chains)
        if self._sheds:
            chains = sorted([one for one in chains if one.level < level], key=lambda one: (one.level, one.generation))
        else:
            chains.sort(key=lambda one: (one.generation, one.segments[0].begun if one.segments else 0.0))
        for chain in chains:
            for segment in list(chain.segments):
                if segment.claimed == FREE and (segment.path is None) == in_memory:
                    if self._sheds and segment is chain.open and segment.count:
                        segment.seal()
                    finish_left(segment)
                    if segment.finished:
                        yield chain, segment

    def _discard(self, chain: Chain, segment: Segment) -> None:
        with suppress(ValueError):
            chain.segments.remove(segment)
        segment.remove()
        if chain.run is not None and not chain.segments:
            self._leave(chain, chain.run)

    # -- the end ------------------------------------------------------------------------------------------------------

    def in_memory(self) -> int:
        """Return how many records have no file."""
        held = sum([segment.path is None for _, segment in self.taken])
        return held + sum([segment.waiting for segment in self.segments() if segment.path is None])

    def waiting_in(self, chains: Iterable[Chain]) -> bool:
        """Return whether anything in *chains* is not settled."""
        held = {segment for _, segment in self.taken}
        segments = [segment for chain in chains for segment in chain.segments]
        return any(segment in held or segment.waiting for segment in segments)

    def abandon(self, reason: str) -> Sequence[Entry]:
        """Move nothing any more; drop what has no file, for *reason*, and return it."""
        self.closed = True
        memory = [segment for segment in self.segments() if segment.path is None]
        left = [entry for entry, segment in self.taken if segment.path is None]
        left += [entry for segment in memory for entry in segment.records[segment.read :]]
        rest = [row for row in self.taken if row[1].path is not None]
        counts = [segment.count - segment.lost for segment in memory]
        moves = map(setattr, [*memory, self], [*repeat("read", len(memory)), "taken"], [*counts, rest])
        count, dropped = len(left), self._account.cell().dropped
        dropped[reason] += count
        deque(moves, 0)
        return left

    # -- what others left ---------------------------------------------------------------------------------------------

    def adopt(self, run: Run, left: Left) -> int:
        """Take in what a dead process left, before everything of our own; return how many records that is."""
        chains: dict[int, Chain] = {}
        for segment in left.segments:
            level = segment.header.level
            if level not in chains:
                least = NOTHING if level == EVERY_LEVEL else level  # with `error` in it, it gives way to nobody
                chains[level] = Chain(least, segment, run=run, generation=run.generation)
            chains[level].segments.append(segment)
        run.chains = len(chains)
        new, damaged = list(chains.values()), len(left.damaged)
        count = sum([segment.count for segment in left.segments])
        size = sum([segment.size for segment in left.segments])
        cell, supply = self._account.cell(), self._supply
        supply.bytes += size
        cell.accepted += count + damaged + left.in_memory
        cell.dropped["spool_corrupt"] += damaged  # each holds at least one record
        cell.dropped["process_died"] += left.in_memory
        self.chains += new
        return count
