"""Segment: one piece of a journal; frames in at the end, records out at the front; callers' threads and the worker's;
raises OSError, which the journal understands.

It is a file, mapped where the file system has no disk behind it and written otherwise, or only memory. What changes
hands between threads does so in single steps between which the interpreter neither switches threads nor lets an
interrupt in: statements without a call. So nobody waits for a lock, a signal handler least of all.
"""

from __future__ import annotations

import os
from _thread import RLock
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, final

from penstock import files
from penstock.clock import monotonic
from penstock.ledger import SinkCell
from penstock.river.spool.frames import COUNT, HEADER, MAGIC, SETTLED, Header, pack_header, pack_twice, read_frames
from penstock.river.store import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap
    from pathlib import Path

SEALED: Final = 1 << 62
"""The end of a segment that takes no more: no frame fits behind it."""
SUFFIX: Final = ".seg"
FREE, WORKER, GONE = range(3)
"""Who may have claimed a segment."""


@final
class Segment:
    """A piece of a journal.

    Attributes:
        path: Its file, or None.
        begun: `monotonic` time at which it was begun; of another process's, long ago.
        end: Where the next frame goes, or `SEALED`; then `stop` is where the last one ended.
        room: Up to here the mapped way may write; 0 where it is not mapped.
        count: Records that were put; the next one has this number.
        lost: How many of them cannot be read.
        read: How many of the others were taken.
        records: All of them if `kept`, else what was read from the file.
        kept: Whether `put` leaves its records here too, so that the worker need not read them back.
        keep: Called by `put` with each record, if `kept`.
        cell: Where `put` counts, if mapped: all threads in one, each in a single step.
        claimed: Who has it: nobody, the worker, or somebody who drops it.
        finished: Whether nobody writes to it any more.
        lock: Held while its file is written to, and while it is finished; never by anybody who puts into a map.
            Re-entrant: a signal handler that comes between the lock and the write may write first.
        writer: The thread that is in a write.
        since: `monotonic` time since which it is.
        before: So many of its records were settled before this process had it.
        settled: So many are said to be settled in the file.
    """

    __slots__ = (
        "at", "before", "begun", "cell", "claimed", "count", "end", "fd", "finished", "header", "keep", "kept", "lock",
        "lost", "map", "path", "read", "records", "room", "salt", "settled", "since", "size", "stop", "words", "writer",
    )  # fmt: skip

    def __init__(self, header: Header, path: Path | None = None) -> None:
        self.header = header
        self.path = path
        self.size = header.size
        self.salt = header.salt
        self.begun = monotonic()
        self.end = HEADER
        self.stop = HEADER
        self.room = 0
        self.count = 0
        self.lost = 0
        self.read = 0
        self.records: list[Entry] = []
        self.be_kept(True)
        self.claimed = FREE
        self.lock = RLock()
        self.writer = 0
        self.since = 0.0
        self.finished = False
        self.before = 0
        self.settled = 0
        self.at = HEADER
        self.fd = -1
        self.map: mmap | None = None
        self.words: Any = None
        self.cell: SinkCell | None = None

    def be_kept(self, kept: bool) -> None:
        """Have its records in memory too, or not; before the first one."""
        self.kept = kept
        self.keep: Callable[[Entry], None] | None = self.records.append if kept else None

    def forgo(self) -> None:
        """Have the worker read all of it from the file: memory could not keep every record."""
        self.kept, self.keep, self.records = False, None, []

    @property
    def where(self) -> Path:
        """The file of one that has a file."""
        assert self.path is not None
        return self.path

    # -- beginnings ---------------------------------------------------------------------------------------------------

    def map_file(self) -> None:
        """Make the file and map it.

        Raises:
            OSError: If there is no room for it, or no folder.
        """
        fd = files.open_private(self.where, new=True)
        try:
            self.map = files.map_new(fd, self.size)
        except BaseException:
            self.remove()
            raise
        finally:
            os.close(fd)  # the map has its own
        self.words = memoryview(self.map).cast("Q")  # a store into it is one store of the processor, and no allocation
        self._head()

    def reuse(self, header: Header, cell: SinkCell) -> Segment:
        """Return a new segment in the place of this one, which was wiped."""
        new = Segment(header, self.path)
        new.map, new.words, new.cell = self.map, self.words, cell
        self.map = self.words = None
        new._head()
        return new

    def _head(self) -> None:
        header = pack_header(self.header)
        assert self.map is not None
        self.map[len(MAGIC) : HEADER] = header[len(MAGIC) :]
        self.map[: len(MAGIC)] = header[: len(MAGIC)]  # last: a process killed before it leaves nothing to read
        self.room = self.size

    def open_file(self, *, durable: bool) -> None:
        """Make the file, which grows, and keep it open for writing.

        Raises:
            OSError: If it cannot be made or written to; *durable*: or not be brought to its disk.
        """
        self.fd = files.open_private(self.where, new=True)
        try:
            files.write_at(self.fd, pack_header(self.header._replace(size=0)), 0)
            if durable:
                files.sync(self.fd)
                files.sync_folder(self.where.parent)
        except BaseException:
            self.remove()
            raise

    def inherit(self) -> None:
        """Make it one that another process left.

        Raises:
            OSError: If the file cannot be read.
        """
        self.begun = float("-inf")
        self.be_kept(False)
        self.stop = self.where.stat().st_size
        self.end = SEALED
        self.finished = True
        frames = self.header.frames
        if frames is None:  # it was the last one, or its process died while it went on to the next
            found = read_frames(self._chunk(self.stop), self.salt)
            # In a file that grows, it is a write that the death of the process cut off: that `put` never returned.
            frames = len(found.found) + found.lost + (found.torn and bool(self.size))
        self.size = self.size or self.stop
        self.before = self.settled = min(self.header.settled, frames)
        self.count = frames - self.before

    # -- the callers' side --------------------------------------------------------------------------------------------

    @property
    def sealed(self) -> bool:
        """Whether no record comes in any more."""
        return self.end == SEALED

    def seal(self) -> None:
        """Let no record in any more; this may be said twice."""
        if self.end != SEALED:  # one step
            self.stop, self.end = self.end, SEALED

    def finish(self) -> None:
        """After `seal`: write down how many frames there are, and let go of what only writing needs."""
        if self.finished or self.writer:  # the writer is this thread, below a signal handler: it does so itself
            return
        frames = pack_twice(self.before + self.count)
        if self.map is not None:
            self.map[COUNT : COUNT + 8] = frames
            if not self.kept:  # it will wait for long; else the map may be used again soon
                self.unmap()
        elif self.fd >= 0:
            with suppress(OSError):  # whoever reads it counts the frames
                files.write_at(self.fd, frames, COUNT)
            self.close_file()
        self.finished = True

    def unmap(self) -> None:
        """Let go of the map."""
        if self.map is not None:
            self.words.release()
            self.map.close()
            self.map = self.words = None

    def __del__(self) -> None:
        if getattr(self, "fd", -1) >= 0:  # an interrupt may come before it has one
            self.close_file()

    def close_file(self) -> None:
        """Let go of the descriptor for writing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    # -- the worker's side --------------------------------------------------------------------------------------------

    @property
    def exhausted(self) -> bool:
        """Whether all of its records were taken, and none can come."""
        return self.finished and not self.waiting

    @property
    def waiting(self) -> int:
        """How many records were not taken yet."""
        return self.count - self.lost - self.read

    def load(self) -> int:
        """Read what was put since the last time, unless memory has it; return how many more prove to be lost.

        Raises:
            OSError: If the file cannot be read.
        """
        count = self.count  # first: the frames of all these are there
        had = len(self.records) + self.lost
        if self.kept or had >= count:
            return 0
        skip = self.before if self.at == HEADER else 0
        chunk = self._chunk(self.stop if self.sealed else self.end)
        found = read_frames(chunk, self.salt, self.before + had - skip)
        records = self.records + found.found[skip:]
        at = self.at + found.read
        self.at, self.records = at, records  # one step
        return max(0, count - self.lost - len(records))

    def _chunk(self, stop: int) -> bytes:
        fd = files.open_private(self.where)
        try:
            return files.read_at(fd, stop - self.at, self.at)
        finally:
            os.close(fd)

    def acknowledge(self, settled: int) -> None:
        """Write down that *settled* records, from its first one on, need not be delivered again.

        Raises:
            OSError: If that cannot be written; then the next process delivers them once more.
        """
        if settled == self.settled or self.path is None:
            return
        fd = files.open_private(self.where)
        try:
            files.write_at(fd, pack_twice(settled), SETTLED)
        finally:
            os.close(fd)
        self.settled = settled

    def wipe(self) -> bool:
        """Make it empty, to be used again; return whether that can be: it is mapped, and its file still there."""
        if self.map is None or not self.where.exists():
            return False
        self.map[: len(MAGIC)] = bytes(len(MAGIC))  # first: without it the rest is nothing
        self.map[len(MAGIC) : self.stop] = bytes(self.stop - len(MAGIC))
        return True

    def let_go(self) -> None:
        """Take no more, and let go of the file; nothing in it changes."""
        self.seal()
        self.close_file()
        self.unmap()

    def remove(self) -> None:
        """Take no more, and let go of everything, the file included."""
        self.let_go()
        if self.path is not None:
            with suppress(OSError):  # then somebody else removed it, or the next start finds it settled
                self.path.unlink()
