"""Board: what a program under test says it has done; counts in, counts out; several processes at once, without a system
call; never raises.

It is a file that all of them map. What a program wrote there outlives its death by SIGKILL, costs it no system call
that an injector could meet, and is inherited by forked children.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final, final

_CELL: Final = 8
_HEAD: Final = 8
"""Cells before those of the workers."""
_PER_WORKER: Final = 2
_STOP: Final = 0
_PHASE: Final = 1


@final
class Board:
    """Counts of workers, in a mapped file.

    Args:
        path: The file; made if it is missing.
        workers: How many workers there may be.
    """

    def __init__(self, path: Path | str, workers: int) -> None:
        self.workers = workers
        size = (_HEAD + workers * _PER_WORKER) * _CELL
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(fd).st_size < size:
                os.ftruncate(fd, size)
            self._map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self._cells = memoryview(self._map).cast("Q")  # an aligned store of a machine word: never half done

    def close(self) -> None:
        """Unmap the file."""
        self._cells.release()
        self._map.close()

    # -- the program under test ---------------------------------------------------------------------------------------

    def issue(self, worker: int, count: int) -> None:
        """Say that *worker* begins with its *count*-th event."""
        self._cells[_HEAD + worker * _PER_WORKER] = count

    def acknowledge(self, worker: int, count: int) -> None:
        """Say that *count* events of *worker* are done: what was promised for them has to hold from now on."""
        self._cells[_HEAD + worker * _PER_WORKER + 1] = count

    @property
    def stopped(self) -> bool:
        """Whether the program should come to its end."""
        return bool(self._cells[_STOP])

    @property
    def phase(self) -> int:
        """A number that the judge counts up, for programs that do one thing after another."""
        return self._cells[_PHASE]

    # -- the judge ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Have the program come to its end."""
        self._cells[_STOP] = 1

    def next_phase(self) -> None:
        """Have the program go on with the next thing."""
        self._cells[_PHASE] += 1

    def issued(self, worker: int) -> int:
        """Return how many events *worker* has begun."""
        return self._cells[_HEAD + worker * _PER_WORKER]

    def acknowledged(self, worker: int) -> int:
        """Return how many events of *worker* are done."""
        return self._cells[_HEAD + worker * _PER_WORKER + 1]

    @property
    def all_issued(self) -> int:
        """How many events all workers have begun."""
        return sum(self.issued(worker) for worker in range(self.workers))

    @property
    def all_acknowledged(self) -> int:
        """How many events of all workers are done."""
        return sum(self.acknowledged(worker) for worker in range(self.workers))
