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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final, final

_NAP: Final = 0.0001
"""Seconds between two looks; a rotation takes two or three times as long."""
_TURN: Final = 0.01
"""Seconds to wait, once, for another process that rotates, which takes some 0.2 ms; beyond, it hangs or was stopped."""
_LONGEST: Final = 1.0
"""Seconds after which nobody waits for that process any more."""
_PATIENT: Final = 0.25
"""Seconds of waiting before that, at every moment of which the turn has to be taken: where many processes rotate all
the time, it may be another one's at each single look, and none of them hangs."""

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


@final
class Turns:
    """The turns of one process among those that move files in *folder*; under the sink's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waits_since = 0.0  # since when it was always another process's turn; 0 if it is not
        self._hangs = False  # whether nobody waits for that one any more

    @contextmanager
    def have(self, now: float) -> Iterator[None]:
        """Have the turn.

        Args:
            now: The time, as of a monotonic clock.

        Raises:
            BlockingIOError: If another process has it. But not for long: one that died may have left a child that has
                inherited its turn, and will never move anything.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(turn(self._folder, 0.0 if self._waits_since else _TURN))
            except BlockingIOError:
                self._waits_since = self._waits_since or now
                if now - self._waits_since < _LONGEST:
                    raise
                if not self._hangs:
                    self._hangs = not self._waits_for_it(stack)
            else:
                self._hangs = False
                self._waits_since = 0.0
            yield

    def _waits_for_it(self, stack: ExitStack) -> bool:
        """Wait patiently for the turn, once; return whether it came."""
        try:
            stack.enter_context(turn(self._folder, _PATIENT))
        except BlockingIOError:
            return False
        self._waits_since = 0.0
        return True
