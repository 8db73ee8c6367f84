"""Openfile: the file that is written to; bytes in, whole lines at its end; any thread, several at once, without a lock;
raises OSError, and then no part of the line stays.

A writer takes its room in `size` before it writes, so the file never grows past its limit, and shows itself in a list
while it writes, so that nobody closes the file under it. Both are single steps of the interpreter. Under a lock, eight
threads need 7.9 µs a line, so 2.9 (bare writes: 1.2), because each write lets go of the GIL; and a signal handler may
write in the middle of a write.

Once a write has failed, or was only half done, the file is *troubled*: the way without a lock is shut, and whoever has
the sink's lock writes alone, able to take back a half line, until a write succeeds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Final, final

from penstock_file_rotate.hold import have_alone

UNLIMITED: Final = sys.maxsize
_SHUT: Final = -1
_DRAIN: Final = 0.1
"""Seconds to wait for writes that are under way. One takes microseconds; what takes longer hangs with its disk."""
_NAP: Final = 0.0005
_BEHIND: Final = 256 * 1024
"""Bytes that may have come behind half a line, before everybody knew of it."""


@final
class OpenFile:
    """One open file.

    Args:
        fd: Its descriptor, open for appending; None stands for no file, which takes nothing.
        full: How large it may get.

    Attributes:
        fd: Its descriptor, -1 once it is closed.
        size: Bytes in it, those included that are being written; never less than there are.
        limit: How large it may get now; `full` unless a rotation failed or the way without a lock is shut.
        troubled: Whether the last write failed.
        scars: How many half lines could not be taken back.
        moved: Whether it was given the name of an archive.
        place: That name, None if it was not.
    """

    __slots__ = (
        *("_busy", "_identity", "_stuck", "_torn"),
        *("fd", "full", "limit", "moved", "place", "scars", "size", "troubled"),
    )

    def __init__(self, fd: int | None, full: int) -> None:
        self.fd = -1 if fd is None else fd
        self.full = full
        self.limit = _SHUT if fd is None else full
        self.size = 0
        self.troubled = False
        self.moved = False
        self.place: Path | None = None
        self.scars = 0
        self._identity: tuple[int, int] | None = None
        self._busy: list[None] = []
        self._stuck: list[list[None]] = []
        self._torn: list[bytes] = []
        if fd is not None:
            info = os.fstat(fd)
            self.size = info.st_size
            self._identity = (info.st_dev, info.st_ino)

    # -- without a lock -----------------------------------------------------------------------------------------------

    def append(self, data: bytes) -> bool:
        """Write *data* in one piece if there is room for it; return whether it was written.

        Raises:
            OSError: If it cannot be written; no part of it was.
        """
        size = len(data)
        busy = self._busy
        try:  # an interrupt comes behind a call, so that it is in the list as soon as one can
            busy.append(None)
            self.size += size  # taken first, judged then: of two writers one sees that it is too much
            if self.size <= self.limit:
                written = os.write(self.fd, data)
                if written == size:
                    return True
                self._tear(data[:written])
            self.size -= size
            return False
        except OSError:
            self.trouble()
            self.size -= size
            raise
        finally:
            busy.pop()

    def put(self, data: bytes) -> bool:
        """Write *data*, for which `take` took room, whatever the limit; return False if it was only half written.

        Raises:
            OSError: If it cannot be written; the room is given back.
        """
        busy = self._busy
        try:  # as in `append`
            busy.append(None)
            return self._write(data)
        except OSError:
            self.size -= len(data)
            raise
        finally:
            busy.pop()

    def take(self, size: int) -> None:
        """Take room for `put` or `append_alone`, or give it back if *size* is negative."""
        self.size += size

    def _write(self, data: bytes) -> bool:
        try:
            written = os.write(self.fd, data)
        except OSError:
            self.trouble()
            raise
        if written == len(data):
            return True
        self._tear(data[:written])
        return False

    def _tear(self, piece: bytes) -> None:
        """Remember that only *piece* of a line was written."""
        self.trouble()  # at once: another line behind the half one would be torn too
        if piece:
            self._torn.append(piece)

    def trouble(self) -> None:
        """Shut the way without a lock until a write succeeds."""
        self.troubled = True
        self.limit = _SHUT

    # -- under the sink's lock ----------------------------------------------------------------------------------------

    def append_alone(self, data: bytes, path: Path) -> None:
        """Write *data*, for which `take` took room, while nobody else writes, whole or not at all.

        Args:
            data: Whole lines.
            path: Where the file is, to look at its end.

        Raises:
            OSError: If it cannot be written; no part of it stays, and the room is given back.
        """
        self.trouble()
        self.drain()
        try:
            if not self.mend(path):
                os.write(self.fd, b"\n")  # there may be half a line at the end: let it be a line of its own
            self._write_or_cut(data)
        except OSError:
            self.size -= len(data)
            raise
        self.troubled = False
        self.limit = self.full

    def _write_or_cut(self, data: bytes) -> None:
        start = os.fstat(self.fd).st_size
        written = 0
        try:
            while written < len(data):
                written += os.write(self.fd, data[written:])
        except OSError:
            self._cut(start, data[:written])
            raise

    def wait_until_quiet(self) -> bool:
        """Wait until nobody writes, not longer than a write takes; return whether nobody does."""
        until = monotonic() + _DRAIN
        while not self.is_quiet:
            if monotonic() > until:
                return False
            sleep(_NAP)
        return True

    def drain(self) -> None:
        """Wait until nobody writes; the way without a lock must be shut. Who hangs is waited for only once."""
        if self._busy and not self.wait_until_quiet():
            self._stuck.append(self._busy)  # remembered, so that the file is not closed
            self._busy = []

    def mend(self, path: Path) -> bool:
        """Take back half lines that stand at the end; return False if it cannot be seen whether one does.

        Where another line came behind one in that very moment, it is written again: behind the half it is none. A later
        line of the same thread may stand before it by then; to move that too would put whole lines at risk.

        Raises:
            OSError: If the file cannot be cut or written; then it is tried again.
        """
        while self._torn:
            end = os.fstat(self.fd).st_size
            last = self._last_bytes(path, end, max(map(len, self._torn)) + _BEHIND)
            if last is None:
                self._torn.clear()
                return False
            piece = next((piece for piece in self._torn if last.endswith(piece)), None)
            if piece is not None:
                os.ftruncate(self.fd, end - len(piece))
            else:
                piece = self._torn[0]
                self._write_again(_line_behind(piece, last))
                self.scars += 1
            self._torn.remove(piece)
        return True

    def _write_again(self, line: bytes) -> None:
        if line:
            self._write_or_cut(line)
            self.size += len(line)

    def heal(self, path: Path) -> None:
        """Take back half lines, if there are any, before nobody can any more.

        Raises:
            OSError: If the file cannot be cut.
        """
        if self.is_torn:
            self.trouble()
            self.drain()
            halves = len(self._torn)
            if not self.mend(path):
                self.scars += halves

    @property
    def is_torn(self) -> bool:
        """Whether half a line may stand at its end."""
        return bool(self._torn)

    def take_over(self, left: OpenFile) -> bool:
        """Take over the half lines of *left*, to which nobody writes, if it is this very file; return whether it is.

        Through *left* they cannot be taken back any more: a cut could hit what others write here.
        """
        if left._identity != self._identity:
            return False
        if left._torn:
            self._torn += left._torn
            left._torn.clear()
            self.trouble()
        return True

    def _cut(self, start: int, piece: bytes) -> None:
        """Take back *piece*, which was written at *start*, unless another process wrote behind it."""
        if piece:
            try:
                if os.fstat(self.fd).st_size == start + len(piece):
                    os.ftruncate(self.fd, start)
            except OSError:
                self._torn.append(piece)  # tried again before the next write

    def _last_bytes(self, path: Path, end: int, count: int) -> bytes | None:
        """Return the last bytes of the file, None if *path* names another one by now."""
        try:
            with path.open("rb", buffering=0) as reading:
                if not os.path.samestat(os.fstat(reading.fileno()), os.fstat(self.fd)):
                    return None
                reading.seek(max(0, end - count))
                return reading.read(count)
        except OSError:
            return None

    def finish_line(self, path: Path) -> None:
        """End the last line, if a crash left it without a newline: what comes next is a line of its own.

        Not if it is one of ours, which can still be taken back; nor while other processes write: a file grows page by
        page, so a line of theirs may be half there.

        Raises:
            OSError: If the file cannot be written.
        """
        if self._ends_open(path) and have_alone(self.fd) and self._ends_open(path):
            os.write(self.fd, b"\n")
            self.size += 1

    def _ends_open(self, path: Path) -> bool:
        end = os.fstat(self.fd).st_size
        self.size = end
        return end > 0 and not self._torn and self._last_bytes(path, end, 1) not in (b"\n", b"", None)

    def correct_size(self) -> None:
        """Let `size` follow what others did to the file.

        Raises:
            OSError: If the descriptor is not open any more.
        """
        was_quiet, before = not self._busy, self.size
        real = os.fstat(self.fd).st_size
        now = self.size
        # More than we know of is what others appended. Less may be on its way; only if nobody wrote was it cut by
        # others (copytruncate). While many threads write that cannot be told, and the file rotates early at worst.
        if real > now or (was_quiet and now == before):
            self.size += real - now

    def reopen_limit(self) -> None:
        """Let the file be rotated again, after a rotation failed."""
        if self.limit != _SHUT:
            self.limit = self.full

    def shut(self) -> None:
        """Take nothing more; who is writing finishes."""
        self.limit = _SHUT

    @property
    def is_quiet(self) -> bool:
        """Whether nobody writes to it; once it is shut, nobody will."""
        return not self._busy and not any(self._stuck)

    def close(self) -> None:
        """Close it, and let nobody write to it any more; call it when it is quiet.

        A program that makes itself a daemon closes every descriptor, and ours may be somebody else's file by now; then
        it is left alone.
        """
        fd, self.fd = self.fd, -1
        self.limit = _SHUT
        try:
            info = os.fstat(fd)
            if (info.st_dev, info.st_ino) == self._identity:
                os.close(fd)
        except OSError:
            return


def _line_behind(piece: bytes, last: bytes) -> bytes:
    """Return the line that begins right behind *piece*; nothing if *piece* is not there, or has an end of its own."""
    at = last.rfind(piece)
    begin = at + len(piece)
    line = last[begin : last.find(b"\n", begin) + 1] if at >= 0 else b""
    return b"" if line == b"\n" else line
