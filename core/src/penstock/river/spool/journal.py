"""Journal: records that wait where the death of the process does not reach them; records in, the same records out, in
order; any thread puts, the worker takes; where it cannot be written, they wait in memory, and it says so.

* hand-off, mapped: one frame stored into a mapped file, its length last; no system call, no lock, no disk to wait for;
* hand-off, on disk: one write of one frame, and with `sync` its way to the disk before `put` returns;
* capacity: `size` bytes of files; without room, what `when_full` says gives way, a whole segment at a time;
* the reserve: with ``shed``, a tenth is for `error` and above, and what is lower never fills it;
* when the file system is full, broken or hangs: up to `memory` bytes wait in memory, and a second later it tries again;
* after a crash: the next start delivers what was not settled; at most what was being attempted is delivered twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, final

from penstock.faults import ERROR, report
from penstock.ledger import SinkAccount
from penstock.river.spool.backlog import Backlog
from penstock.river.spool.chain import Chain
from penstock.river.spool.intake import Intake
from penstock.river.spool.runs import Run, runs_in
from penstock.river.spool.supply import Supply
from penstock.river.store import Entry, Waiting

_ADOPTED: Final = 64
"""Folders adopted at once: each keeps a descriptor open."""
_PATIENCE: Final = 0.05
_FRAME: Final = 1_024
"""Bytes that a record takes at most beside its data, in all but name."""


@final
class Journal:
    """A `Store` whose records survive the process.

    Args:
        account: Where everything is counted.
        folder: The sink's own; each process makes one in it.
        size: Bytes that may wait in files.
        memory: Bytes that may wait in memory while the files cannot be used.
        when_full: What gives way.
        sync: Level from which a record is on its disk before `put` returns; None for none.
        others: Other folders in which processes may have left something.

    Attributes:
        put: As `Store.put`.
    """

    def __init__(
        self,
        account: SinkAccount,
        folder: Path,
        *,
        size: int,
        memory: int,
        when_full: str,
        sync: int | None = None,
        others: Sequence[Path] = (),
    ) -> None:
        self._account = account
        self._folders = (folder, *others)
        self._sheds = when_full == "shed"
        self._gives_way = when_full in ("shed", "drop_oldest")
        self._supply = Supply(account, folder, size, memory, sheds=self._sheds, durable=sync is not None)
        self._backlog = Backlog(account, self._supply, sheds=self._sheds)
        self._intake = Intake(account, self._backlog, self._supply, sheds=self._sheds, sync=sync)
        self.put: Callable[[Entry], bool] = self._intake.put

    def __len__(self) -> int:
        return len(self._backlog)

    @property
    def trouble(self) -> str:
        """Why records wait in memory now: the files ``failed`` or ``stalled``; or an empty text."""
        return "stalled" if self._supply.stalled else "failed" if self._supply.failing else ""

    # -- the beginning ------------------------------------------------------------------------------------------------

    def open(self) -> int:
        """Make this process's folder and adopt what dead ones left; return how many records that is.

        Raises:
            OSError: If there can be no such folder.
        """
        self._supply.run()
        self._supply.fit_to_disk()
        return self.adopt()

    def adopt(self) -> int:
        """Adopt what processes left that died meanwhile; return how many records that is.

        Called:
            When: by `open`; again whenever there is time, for children that die while the parent lives.
            Thread: as `take`.
            May block: for the disk, shortly: what is full is not read, only counted.
            If it raises: it does not.
        """
        found = (Run.adopt(path) for folder in self._folders for path in runs_in(folder))
        runs = list(islice(filter(None, found), _ADOPTED))
        adopted = sum([self._take_over(run) for run in reversed(runs)])  # what is taken over last comes first
        self._backlog.tidy()
        return adopted

    def _take_over(self, run: Run) -> int:
        name = self._account.name
        try:
            left = run.inherit()
        except OSError as error:
            report("spool.failed", "A spool that was left cannot be read.", subject=name, error=error)
            run.release()
            return 0
        for path in left.damaged:
            text = "A part of the spool is unreadable; it was moved aside."
            report("spool.damaged", text, subject=name, level=ERROR, file=str(path))
        if left.in_memory:
            text = "Events died with a process, in whose memory they waited since its spool could not be written."
            died = "process_died"
            report("event.dropped", text, subject=name, level=ERROR, count=left.in_memory, reason=died)
            with suppress(OSError):  # else, should we die before its folder is empty, they are told of twice
                run.note_in_memory(0)
        if not left.segments:
            run.remove()
        return self._backlog.adopt(run, left)

    # -- whoever puts -------------------------------------------------------------------------------------------------

    def make_room(self, record: Entry, /) -> Sequence[Entry]:
        """Drop the segment that is the first to give way to *record*."""
        chain = self._intake.way(record[1])
        if not self._gives_way or not self._fits(record, chain):
            return ()
        return self._backlog.make_room(chain.level, self.reason(record), in_memory=bool(self.trouble))

    def reason(self, record: Entry, /) -> str:
        """Return why *record* has no room: it is too large for any, or nothing lower is left to give way."""
        if self._sheds and self._fits(record, self._intake.way(record[1])):
            return "shed"
        return "queue_full" if self.trouble else "spool_full"

    def _fits(self, record: Entry, chain: Chain) -> bool:
        return len(record[0]) + len(record[2]) + _FRAME <= self._supply.most_of_all(chain)

    # -- the worker ---------------------------------------------------------------------------------------------------

    def take(self, most: int, /) -> Sequence[Waiting]:
        """Return the first *most* records that are not settled, the oldest first whatever their level."""
        taken = self._backlog.take(most)
        self._note_in_memory()
        return taken

    def settle(self, delivered: int, dropped: int = 0, reason: str = "", /) -> bool:
        """Let go of the first records that were taken, and note it in their files."""
        settled = self._backlog.settle(delivered, dropped, reason)
        self._note_in_memory()
        return settled

    def _note_in_memory(self) -> None:
        """Have the next start know how many records die with this process, as of the worker's last look."""
        if self._supply.held or self._supply.noted:
            self._supply.note_in_memory(self._backlog.in_memory())

    # -- the end, and a new beginning ---------------------------------------------------------------------------------

    def close(self, reason: str, /) -> Sequence[Entry]:
        """End; leave what is in files to the next start, drop what is in memory for *reason*, and return it."""
        own = self._intake.close()
        left = self._backlog.abandon(reason)
        self._supply.note_in_memory(0)  # they are counted
        keep = self._backlog.waiting_in(own)
        for chain in list(self._backlog.chains):
            chain.let_go(_PATIENCE)
        self._supply.end(keep=keep)
        return left

    def after_fork_in_child(self) -> None:
        """Leave what waits to the parent, without a trace in its files; count the copy of what is in memory."""
        inherited = self._backlog.in_memory()
        for chain in self._backlog.chains:
            chain.let_go(None)
        self._supply.leave_to_parent()
        self._backlog.reset()
        self._intake.begin()
        cell = self._account.cell()
        cell.accepted += inherited
        cell.dropped["fork_inherited"] += inherited
