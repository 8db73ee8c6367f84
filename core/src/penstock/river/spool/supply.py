"""Supply: empty segments for a journal, and whether there are any to be had; a chain in, a segment out; whoever puts
the record that needs one; where files fail or hang, it says so once and gives memory.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from itertools import count as count_from
from pathlib import Path
from typing import Final, final

from penstock import files
from penstock.clock import monotonic, time_ns
from penstock.faults import report
from penstock.ledger import SinkAccount
from penstock.levels import ERROR
from penstock.river.spool.chain import Chain, holding
from penstock.river.spool.frames import Header
from penstock.river.spool.runs import Run
from penstock.river.spool.segment import SUFFIX, Segment

SEGMENT: Final = 262_144
"""Bytes of a segment: small enough to be dropped as one, large enough that a new one (0.05 ms) is rare."""
_FIRST: Final = 65_536
"""Bytes of a chain's first segment: most processes have little to say in most levels."""
_LEAST: Final = 4_096
_SHARE: Final = 16
"""A segment is no larger than one part in so many of all that may wait."""
_SPARES: Final = 2
"""Wiped segments that are kept for the next use: their memory is there, and in the processor's caches."""
_RESERVE: Final = 10
"""One part in so many is kept for `error` and above."""
_AGAIN: Final = 1.0
"""Seconds from a failure to the next attempt at a file."""
_ONE_LOCK: Final[bool] = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether the interpreter runs one thread at a time: without that, several stores are no single step."""
_OURS: Final = -1
"""Whose cell counts what is put into maps: no thread has this id, and a single step needs no cell of its own."""


@final
class Supply:
    """Makes the segments of one journal.

    Args:
        account: Of the sink.
        folder: Where this process makes its folder.
        size: Bytes that may wait in files.
        memory: Bytes that may wait in memory while files cannot be used.
        sheds: Whether a tenth is for `error` and above.
        durable: Whether some records have to be brought to a disk: then nothing is mapped.

    Attributes:
        failing: Whether the last attempt at a file failed.
        bytes: How many of files are in use.
        held: How many of memory.
        noted: How many records the folder says to be in memory.
    """

    def __init__(
        self, account: SinkAccount, folder: Path, size: int, memory: int, *, sheds: bool, durable: bool
    ) -> None:
        self._account = account
        self.folder = folder
        self._memory = memory
        self._sheds = sheds
        self._mapped = not durable and _ONE_LOCK and files.memory_backed(folder)
        self._fit(size)
        self.begin()

    def _fit(self, size: int) -> None:
        self._segment = max(_LEAST, min(SEGMENT, size // _SHARE) & -_LEAST)
        self._size = size - (_SPARES * self._segment if self._mapped else 0)

    def begin(self) -> None:
        """Begin with nothing; in a forked child too."""
        self._run: Run | None = None
        self._spares: list[Segment] = []
        self._names = count_from(1)
        self._again = 0.0
        self.failing = False
        self._hung: Segment | None = None
        self.bytes = 0
        self.held = 0
        self.noted = 0

    def fit_to_disk(self) -> None:
        """Take no more than half of what the file system has left.

        Raises:
            OSError: If it cannot be asked.
        """
        room = files.space_left(self.folder) // 2
        if room < self._size:
            text = "The spool gets half of what its file system has left, less than was asked for."
            report("spool.reduced", text, subject=self._account.name, bytes=room)
            self._fit(room)

    def run(self) -> Run:
        """Return this process's folder, made when it is first asked for.

        Raises:
            OSError: If it cannot be made, or its place is not safe.
        """
        run = self._run
        if run is None:
            run = Run.begin(self.folder)
            if self._run is None:  # one step
                self._run = run
            else:  # another thread was first
                run.remove()
                run = self._run
        return run

    # -- how it goes --------------------------------------------------------------------------------------------------

    @property
    def stalled(self) -> bool:
        """Whether somebody is in a write that does not return."""
        return self._hung is not None and self._hung.writer != 0

    def may_use_files(self) -> bool:
        """Return whether files are to be used, or to be tried again."""
        return not self.stalled and (not self.failing or monotonic() >= self._again)

    def failed(self, error: OSError, *, at_once: bool = False) -> None:
        """Note that a file could not be used; *at_once*, the next one is tried at once."""
        self.failing = True
        self._again = 0.0 if at_once else monotonic() + _AGAIN
        text = "The spool cannot be written; records wait in memory."
        code = errno.errorcode.get(error.errno or 0, "")
        report("spool.failed", text, subject=self._account.name, error=error, code=code)

    def stall(self, segment: Segment) -> None:
        """Note that a write to *segment* does not return."""
        self._hung = segment
        text = "The disk of the spool does not answer; records wait in memory."
        report("spool.stalled", text, subject=self._account.name)

    def works(self) -> None:
        """Note that a file could be used."""
        if self.failing:
            self.failing = False
            report("spool.recovered", "The spool works again.", subject=self._account.name)

    # -- segments -----------------------------------------------------------------------------------------------------

    def most(self, chain: Chain) -> int:
        """Return how many bytes may wait in files for a record of *chain* to be put."""
        urgent = not self._sheds or chain.level >= ERROR
        return self._size if urgent else self._size - self._size // _RESERVE

    def most_of_all(self, chain: Chain) -> int:
        """Return how many bytes may wait where they would be put now, in files or in memory."""
        return self.most(chain) if self.may_use_files() else self._memory

    def file(self, chain: Chain, need: int) -> Segment | None:
        """Return a segment with a file and *need* bytes; None if there is no room.

        Raises:
            OSError: If the file cannot be made.
        """
        first = not chain.segments and chain.open.path is None
        size = max(min(_FIRST, self._segment) if first else self._segment, need + _LEAST - 1 & -_LEAST)
        if self.bytes + size > self.most(chain):
            return None
        salt = int.from_bytes(os.urandom(4), "little")
        header = Header(next(self._names), chain.level, size, salt, time_ns())
        with suppress(IndexError):
            while size <= self._segment:
                spare = self._spares.pop()
                if spare.where.exists():
                    return spare.reuse(header._replace(size=spare.size), self._account.cells[_OURS])
        try:
            return self._begin_file(chain, header)
        except FileNotFoundError:  # somebody cleaned up: what was there is gone, what comes need not be
            run, self._run, self.noted = self._run, None, 0
            if run is not None:
                run.release()
            return self._begin_file(chain, header)

    def _begin_file(self, chain: Chain, header: Header) -> Segment:
        segment = Segment(header, self.run().path / f"{header.number:08d}{SUFFIX}")
        if self._mapped:
            segment.cell = self._account.cells[_OURS]
            segment.map_file()
        else:
            segment.open_file(durable=chain.durable)
        return segment

    def in_memory(self, chain: Chain, need: int) -> Segment | None:
        """Return a segment without a file and with *need* bytes; None if there is no room."""
        size = max(min(self._segment, self._memory // _SHARE), need)
        if self.held + size > self._memory:
            return None
        return Segment(Header(0, chain.level, size, 0, 0))

    def note_in_memory(self, count: int) -> None:
        """Write down that *count* records have no file, unless the disk hangs: the caller, a worker, must go on."""
        if count != self.noted and self._run is not None and not self.stalled:
            with suppress(OSError):  # then the next start knows less
                self._run.note_in_memory(count)
                self.noted = count

    def take_back(self, segment: Segment) -> None:
        """Keep a segment of which nothing is left, to be used again, or remove it."""
        wiped: list[Segment] = []
        if segment.size == self._segment and len(self._spares) < _SPARES:
            holding(segment.lock, 0, lambda: wiped.extend([segment] if segment.wipe() else []))
        self._spares += wiped
        if not wiped:
            segment.remove()

    def end(self, *, keep: bool) -> None:
        """Let go of everything; *keep* the folder, for the next start to adopt."""
        for spare in self._spares:
            spare.remove()
        if self._run is not None and keep:
            self._run.release()
        elif self._run is not None:
            self._run.remove()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of everything without a trace in the parent's files, and begin anew."""
        for spare in self._spares:
            spare.unmap()
        if self._run is not None:
            self._run.release()  # only our copy of the descriptor: the lock stays the parent's
        self.begin()
