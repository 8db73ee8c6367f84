"""Intake: the writing side of a journal; records in, frames at the end of a segment out; any thread; never raises, and
where there is no room it says so.

Of a mapped segment nobody waits for anything: what a `put` needs is made beforehand, and then stored in one step, a
few statements without a call or an allocation, between which the interpreter lets in neither another thread nor an
interrupt (CPython 3.11 to 3.13, with its global lock). If another `put` came first, it begins again. Into a file, one
thread writes at a time; the others do not wait long for it.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Final, final
from zlib import crc32

from penstock import files
from penstock.clock import monotonic
from penstock.ledger import SinkAccount
from penstock.levels import level_of
from penstock.river.spool.backlog import Backlog
from penstock.river.spool.chain import EVERY_LEVEL, Chain, finish_left
from penstock.river.spool.frames import BEGIN, HEADER, Header, label_of, pack_frame
from penstock.river.spool.segment import SEALED, Segment
from penstock.river.spool.supply import Supply
from penstock.river.store import Entry

_NEAR: Final = 3
"""So many segments of a chain keep their records in memory too, and their maps: who keeps up reads no file."""
_OVERHEAD: Final = 200
"""Bytes that a record in memory costs beside its frame."""
_PATIENCE: Final = 0.5
"""Seconds that one caller waits for another's write, before it takes the disk for hung. On a busy machine a thread
whose write is long done may get its turn only after a tenth of a second; what comes meanwhile should not be in memory
alone, and die with the process."""
_SYNC_PATIENCE: Final = 5.0
_LABELS: Final = 1_000
"""Labels and levels remembered; they come from programs."""
_FORMATS: Final = 10
NO_ROOM_AT_ALL: Final = (MemoryError, RecursionError)
"""What the last call of a step can raise, when the process is at its end or its stack is."""
_NOBODY: Final = Segment(Header(0, 0, HEADER, 0, 0))
"""The open segment of a chain that has none yet."""
_NOBODY.seal()
_NOBODY.finish()


def _as_they_fit(level: int, time_ns: int) -> tuple[int, int]:
    """Return both as numbers that a frame can hold."""
    return min(max(int(level), 0), EVERY_LEVEL - 1), min(max(int(time_ns), -(2**63)), 2**63 - 1)


@final
class Intake:
    """Puts records into the segments of one journal.

    Args:
        account: Where what is put is counted as accepted.
        backlog: Where it waits.
        supply: Gives new segments.
        sheds: Whether each level has a chain of its own.
        sync: Level from which a record is on its disk before `put` returns; None for none.

    Attributes:
        put: Puts a record; returns False if there is no room.
        closed: Whether nothing is put any more.
    """

    def __init__(
        self, account: SinkAccount, backlog: Backlog, supply: Supply, *, sheds: bool, sync: int | None
    ) -> None:
        self._account = account
        self._backlog = backlog
        self._supply = supply
        self._sheds = sheds
        self._sync = sync
        self._ways: dict[int, Chain] = {}
        self._labels: dict[str, dict[str, bytes]] = {}
        self.begin()
        self.put: Callable[[Entry], bool] = self._entrance()

    def begin(self) -> None:
        """Begin with nothing; in a forked child too."""
        self._ways.clear()
        self._chains: dict[tuple[int, bool], Chain] = {}
        self.closed = False

    def close(self) -> list[Chain]:
        """Put nothing any more; return the chains."""
        self.closed = True
        chains = list(self._chains.values())
        for chain in chains:
            chain.open.seal()
            finish_left(chain.open)
        return chains

    def _entrance(self) -> Callable[[Entry], bool]:
        """Return `put`. What it needs is bound beforehand: it is called for each record."""
        ways, labels, pack = self._ways, self._labels, BEGIN.pack

        def put(record: Entry, /) -> bool:
            data, level, name, time_ns, made_by = record
            try:
                chain = ways[level]
                label = labels[made_by][name]
            except KeyError:
                chain, label = self.way(level), self._label(made_by, name)
            while True:
                segment = chain.open
                start = segment.end
                number = segment.count
                try:
                    body = pack(number, time_ns, level) + label + data
                except StructError:
                    level, time_ns = _as_they_fit(level, time_ns)
                    continue
                size = len(body)
                end = start + size + 15 & -8
                if end > segment.room:
                    kept = self._put_slowly(chain, segment, start, body, record)
                    if kept is None:
                        continue
                    return kept
                word = size | crc32(body, segment.salt) << 32
                place = slice(start + 8, start + 8 + size)
                cell, keep = segment.cell, segment.keep
                if segment.end == start:  # one step from here, with a call into C at its end at most
                    segment.map[place] = body  # type: ignore[index] # it has room, so it is mapped
                    segment.words[start >> 3] = word  # last: a process killed before it has put nothing
                    segment.end = end
                    segment.count = number + 1
                    cell.accepted += 1  # type: ignore[union-attr]
                    if keep is not None:
                        try:
                            keep(record)
                        except NO_ROOM_AT_ALL:
                            segment.forgo()
                    return True

        return put

    def way(self, level: int) -> Chain:
        """Return the chain for *level*, and remember the way to it."""
        durable = self._sync is not None and level >= self._sync
        key = (level_of(max(level, 0)).number if self._sheds else EVERY_LEVEL, durable)
        if key not in self._chains:
            new = Chain(key[0], _NOBODY)
            new.durable = durable
            added, backlog = [new], self._backlog
            if key not in self._chains:  # and no call from here on
                self._chains[key] = new
                backlog.chains += added
        chain = self._chains[key]
        if len(self._ways) < _LABELS:
            self._ways[level] = chain
        return chain

    def _label(self, made_by: str, name: str) -> bytes:
        """Return the label of a frame, and remember it."""
        label = label_of(made_by, name)
        names = self._labels.get(made_by)
        if names is None:
            names = {}
            if len(self._labels) < _FORMATS:
                self._labels[made_by] = names
        if len(names) < _LABELS:
            names[name] = label
        return label

    # -- where the mapped way does not lead: None is to try again -----------------------------------------------------

    def _put_slowly(self, chain: Chain, segment: Segment, start: int, body: bytes, record: Entry) -> bool | None:
        """Put into a file that is not mapped, or into memory; or get a new segment."""
        size = len(body) + 15 & -8
        if segment.path is None and start != SEALED:
            end = start + size + _OVERHEAD
            if end <= segment.size and not self._supply.may_use_files():
                return self._remember(segment, start, end, record)
        elif segment.fd >= 0 and start + size <= segment.size and segment.writer != get_ident():
            return self._write(chain, segment, start, body, record)
        return self._roll(chain, segment, size)

    def _remember(self, segment: Segment, start: int, end: int, record: Entry) -> bool | None:
        cell, keep = self._account.cell(), segment.records.append
        if segment.end != start:  # and no call from here on but the last
            return None
        segment.end = end
        segment.count += 1
        cell.accepted += 1
        try:
            keep(record)
        except NO_ROOM_AT_ALL:
            segment.lost += 1
            cell.dropped["queue_full"] += 1
        return True

    def _write(self, chain: Chain, segment: Segment, start: int, body: bytes, record: Entry) -> bool | None:
        """Append a frame to a file, alone."""
        frame = pack_frame(body, segment.salt)
        if self._supply.stalled:
            return self._roll(chain, segment, len(frame))
        patience = _SYNC_PATIENCE if chain.durable else _PATIENCE
        got: list[bool] = []
        try:
            got += map(segment.lock.acquire, (True,), (patience,))  # as `holding` does
            if not got[0]:
                if not segment.writer or monotonic() - segment.since < patience:
                    return None  # others were quicker: it is their turns that take so long, and not the disk
                self._supply.stall(segment)
                return self._roll(chain, segment, len(frame))
            segment.since = monotonic()
            segment.writer = get_ident()
            still = segment.end == start and segment.fd >= 0
            if still and self._append(segment, start, frame, chain.durable, record):
                return True
        except OSError as error:
            segment.seal()
            segment.finish()
            # A file that worked until now may be the only one that is broken: then the next is tried at once.
            self._supply.failed(error, at_once=segment.count > 0)
        finally:
            if got and got[0]:
                segment.writer = 0
                segment.lock.release()
        finish_left(segment)
        return None

    def _append(self, segment: Segment, start: int, frame: bytes, durable: bool, record: Entry) -> bool:
        """Write *frame*; what was not brought to its end is cut off again."""
        end = start + len(frame) + 7 & -8
        cell, keep = self._account.cell(), segment.keep
        try:
            files.write_at(segment.fd, frame, start)
            if durable:
                files.sync(segment.fd)
        except BaseException:
            files.cut(segment.fd, start)
            raise
        if segment.end != start:  # it was taken for hung meanwhile; and no call from here on but the last
            files.cut(segment.fd, start)
            return False
        segment.end = end
        segment.count += 1
        cell.accepted += 1
        if keep is not None:
            try:
                keep(record)
            except NO_ROOM_AT_ALL:
                segment.forgo()
        return True

    def _roll(self, chain: Chain, old: Segment, size: int) -> bool | None:
        """Give *chain* a new segment in the place of *old*, with room for *size* bytes; False if there is none."""
        need, supply = HEADER + size + _OVERHEAD, self._supply
        if self.closed:
            return False
        if supply.may_use_files():
            try:
                new = supply.file(chain, need)
                return self._publish(chain, old, new)
            except OSError as error:
                supply.failed(error)
        if old.path is None and old.end + size + _OVERHEAD <= old.size:
            return None  # it was memory, and goes on to be
        return self._publish(chain, old, supply.in_memory(chain, need))

    def _publish(self, chain: Chain, old: Segment, new: Segment | None) -> bool | None:
        """Have *new* take what comes, in the place of *old*, unless another has come before."""
        if new is None:
            return False
        new.be_kept(new.path is None or len(chain.segments) < _NEAR)
        added, supply = [new], self._supply
        if chain.open is not old or self.closed:  # and no call from here on
            new.remove()
            return None
        if old.end != SEALED:
            old.stop, old.end = old.end, SEALED
        if old.path is None:
            supply.held -= old.size - old.stop
            old.size = old.stop
        elif not old.room:  # a file that grew; a mapped one has its size from the start
            supply.bytes -= old.size - old.stop
            old.size = old.stop
        chain.segments += added
        chain.open = new
        if new.path is None:
            supply.held += new.size
        else:
            supply.bytes += new.size
        finish_left(old)
        if new.path is not None:
            supply.works()
        return None
