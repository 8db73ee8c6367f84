"""Hold: tells other processes that a file is in use; a descriptor in, yes or no out; any thread; never raises.

Whoever writes to a file holds it together with other writers; whoever compresses an archive must have it alone. So an
archive that another process still has open is left until it has noticed, and no two compress the same one. The kernel
lets go when a process dies. Where there are no such locks, everybody is alone.

Whoever moves the file has its turn: between a look at what is in the place and the move, nobody else moves anything.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

_NAP: Final = 0.0001
"""Seconds between two looks; a rotation takes two or three times as long."""

if sys.platform == "win32":

    def hold(fd: int) -> bool:
        """Return True: an open file cannot be moved here, so nobody writes to an archive."""
        return True

    def have_alone(fd: int) -> bool:
        """Return True."""
        return True

    def let_go(fd: int) -> None:
        """Do nothing."""

    @contextmanager
    def turn(folder: Path, patience: float) -> Iterator[None]:
        """Do nothing: an open file cannot be moved here."""
        yield

else:
    import fcntl

    def hold(fd: int) -> bool:
        """Hold the file together with others, until *fd* is closed; return False if somebody has it alone."""
        return _lock(fd, fcntl.LOCK_SH)

    def have_alone(fd: int) -> bool:
        """Hold the file alone; return False if anybody else holds it."""
        return _lock(fd, fcntl.LOCK_EX)

    def _lock(fd: int, how: int) -> bool:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # the file system has no locks
        return True

    def let_go(fd: int) -> None:
        """Let go of the file, though a forked child may have inherited *fd*."""
        try:
            fcntl.flock(fd, fcntl.LOCK_UN)
        except OSError:
            return

    @contextmanager
    def turn(folder: Path, patience: float) -> Iterator[None]:
        """Be the only process that moves files in *folder*; wait *patience* seconds for it.

        Raises:
            BlockingIOError: If another one is all the time.
            OSError: If the folder cannot be opened.
        """
        fd = os.open(folder, os.O_RDONLY)
        until = monotonic() + patience
        try:
            while not have_alone(fd):
                if monotonic() >= until:
                    raise BlockingIOError(errno.EAGAIN, "another process is moving a file", str(folder))
                sleep(_NAP)
            yield
        finally:
            let_go(fd)  # not only by closing it: a child that was forked meanwhile has it open too
            os.close(fd)
