"""Lines: whole lines to one descriptor; finished lines in; any thread; Unavailable or Closed, within a bounded time.

A line goes out in one piece where that is possible: to a file always, to a pipe up to `files.PIPE_ROOM` bytes. A
longer one can tear: the reader takes a part and then stops. The rest is tried for a moment; if it cannot be written,
the line counts as not delivered, and the next one begins on a line of its own.
"""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Iterator, Sequence
from time import monotonic, sleep
from typing import Final, final

from penstock.plugin import Closed, Unavailable, files, time_left

_NAMES: Final = {1: "standard output", 2: "standard error"}
_GONE: Final = frozenset({errno.EBADF, errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN})
"""Errors after which nobody will ever read. The number of a closed descriptor is the next opened file's: stop."""
_FINISH: Final = 0.05
"""Seconds to finish a line of which a part is out; a reader that is alive empties a pipe in well under one."""
_NAP: Final = 0.001
_AGAIN: Final = 0.05
"""Seconds after which a queued sink tries again: the reader is slow, not broken, so the usual backoff is too long."""
_NEWLINE: Final = 0x0A


@final
class LineWriter:
    """Writes lines to one descriptor, which it does not own.

    Args:
        fd: The descriptor.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._name = _NAMES.get(fd, f"descriptor {fd}")
        self.reset()

    def reset(self) -> None:
        """Start anew, in a forked child: the lock may be held, and a line half written, by a thread of the parent."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may emit
        self._torn = False
        self._finishing = False
        self._gave_up = False

    def write(self, lines: Sequence[bytes], wait: float = 0.0) -> None:
        """Write *lines*, each of which ends in a newline.

        Args:
            lines: What to write.
            wait: Seconds to wait for a reader that is behind; not again after it was waited for in vain.

        Raises:
            Unavailable: Not all could be written; it says how many were.
            Closed: Nobody will ever read what is written.
        """
        with self._lock:
            if self._finishing:  # a signal handler, in the middle of a line of its own thread
                raise Unavailable(f"a line to {self._name} is being finished", retry_after=_AGAIN)
            done = 0
            for block in self._blocks(lines):
                done += self._write_block(block, wait, done)

    def _blocks(self, lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """Yield *lines* in runs, each for one write: all of them for a file, what cannot tear for what may block."""
        if len(lines) == 1 or not files.may_block(self._fd):
            yield lines
            return
        run: list[bytes] = []
        size = 0
        for line in lines:
            if run and size + len(line) >= files.PIPE_ROOM:  # one byte is kept for the newline after a torn line
                yield run
                run, size = [], 0
            run.append(line)
            size += len(line)
        yield run

    def _write_block(self, block: Sequence[bytes], wait: float, before: int) -> int:
        """Write a run of lines; return how many there are, or raise with how many of the whole call are done."""
        data = block[0] if len(block) == 1 else b"".join(block)
        try:
            written = self._write_data(data, wait)
        except OSError as error:
            if error.errno in _GONE:
                raise Closed(f"{self._name} is closed", delivered=before) from None
            raise Unavailable(f"{self._name}: {error.strerror}", delivered=before) from None
        if written < len(data):
            done = before + _whole(block, written)
            raise Unavailable(f"{self._name} takes no more now", retry_after=_AGAIN, delivered=done)
        return len(block)

    def _write_data(self, data: bytes, wait: float) -> int:
        """Write *data*, on a new line if the last one was torn; return how many bytes of it are out."""
        skip = 1 if self._torn else 0
        view = memoryview(b"\n" + data if skip else data)
        written = 0
        try:
            while written < len(view):
                some = self._write_some(view[written:], wait, written)
                if not some:
                    break
                written += some
                self._finishing = written < len(view)
            else:
                self._gave_up = False  # by a whole line only: a reader of a few bytes now and then would cost each time
        finally:
            self._finishing = False
            if written:
                self._torn = view[written - 1] != _NEWLINE
        return max(0, written - skip)

    def _write_some(self, view: memoryview, wait: float, written: int) -> int:
        """Write some of *view*, waiting for the reader as long as that makes sense; return 0 if nothing went out."""
        until: float | None = None
        while True:
            try:
                some = files.write_now(self._fd, view)
            except OSError:
                if not written:
                    raise
                return 0  # a full disk, say: what is out is out, and the next call gets the error
            if some:
                return some
            until = monotonic() + self._patience(wait, written) if until is None else until
            if monotonic() >= until:
                self._gave_up = True
                return 0
            sleep(_NAP)

    def _patience(self, wait: float, written: int) -> float:
        """Return how many seconds to wait: none if it was waited for in vain and no whole line went out since."""
        if self._gave_up:
            return 0.0
        return min(max(wait, _FINISH) if written else wait, time_left())


def _whole(block: Sequence[bytes], written: int) -> int:
    """Return how many lines of *block* are whole in its first *written* bytes."""
    ends = itertools.accumulate(map(len, block))
    return sum(end <= written for end in ends)


STREAMS: Final = {fd: LineWriter(fd) for fd in (1, 2)}
"""One writer per standard stream for the process: two sinks on one stream must not tear each other's lines."""


def _after_fork_in_child() -> None:
    for writer in STREAMS.values():
        writer.reset()


files.after_fork_in_child(_after_fork_in_child)
