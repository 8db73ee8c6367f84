"""Sink: finished lines into a file that rotates; a batch in; the caller's thread, several at once; what cannot be
written is `Unavailable`, what goes wrong besides is a fault, and no line is torn.

The caller writes, renames and opens; a thread of its own compresses and takes away (archiver.py). The way of a line is
`OpenFile.append`, which needs no lock; rotating, reopening and mending happen under one that the same thread may enter
again, so that a signal handler in the middle of a rotation can log.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from _thread import RLock
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, ClassVar, Final, Literal

from attrs import define, field, validators

from penstock.plugin import Closed, Record, Size, Unavailable, files, report, time_left
from penstock_file_rotate.archive import Archives
from penstock_file_rotate.archiver import Archiver
from penstock_file_rotate.hold import Turns
from penstock_file_rotate.openfile import UNLIMITED, OpenFile
from penstock_file_rotate.opening import open_file
from penstock_file_rotate.options import installed, positive, short_enough
from penstock_file_rotate.pieces import pieces
from penstock_file_rotate.schedule import ALWAYS, NEVER, Period, period_around

_LOOK: Final = 1.0
"""Seconds between two looks at whether the file is still in its place; also between two attempts to rotate."""
_AGAIN: Final = 1.0
"""Seconds until a queue tries again: a backoff that doubles would wait long after there is room again."""
_CLOSING: Final = 1.0
"""Seconds for the archiver to end: it looks every few milliseconds whether to, but may wait for a disk."""
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})
_PASSES: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, *_OUT_OF_DESCRIPTORS})
"""Reasons for not opening a file that go away by themselves: no reason to refuse a configuration."""
_STALE: Final = frozenset({errno.EBADF, errno.EIO, getattr(errno, "ESTALE", -1)})
"""Errors after which the same descriptor will not do any more."""
_MOVES_OPEN: Final = sys.platform != "win32"
"""Whether a file can be renamed while it is open."""
_NO_FILE: Final = OpenFile(None, 0)

_sinks: Final[weakref.WeakSet[FileRotateSink]] = weakref.WeakSet()


@define(kw_only=True, eq=False)
class FileRotateSink:
    """Writes lines to a file, and starts a new one when it is full or its time is over."""

    default_format: ClassVar[str] = "json"
    delivery: ClassVar[Mapping[str, object]] = {"mode": "inline"}
    thread_safe: ClassVar[bool] = True

    path: Path = field(
        validator=short_enough, metadata={"doc": "File to write; missing folders are made, for the owner alone."}
    )
    max_size: Size | Literal[False] = field(
        default=Size("10 MB"),
        validator=positive,
        metadata={"doc": "A line that would make the file larger starts a new one; `false`: no limit."},
    )
    every: Literal["hour", "day", "week"] | None = field(
        default=None, metadata={"doc": "Start a new file each full hour, midnight, or midnight before Monday."}
    )
    utc: bool = field(
        default=False, metadata={"doc": "Take hours and midnights, and the times in names, from UTC, not local time."}
    )
    keep: int = field(
        default=5, validator=validators.ge(0), metadata={"doc": "Archives to keep; older ones are deleted."}
    )
    max_total: Size | Literal[False] = field(
        default=False,
        validator=positive,
        metadata={"doc": "Room for the file and its archives together; `false`: no limit."},
    )
    compress: Literal["none", "gzip", "zstd"] = field(
        default="none", validator=installed, metadata={"doc": "How archives are compressed, in the background."}
    )

    _archives: Archives = field(init=False, repr=False)
    _archiver: Archiver = field(init=False, repr=False)
    _current: OpenFile = field(init=False, repr=False, default=_NO_FILE)
    _full_files: list[OpenFile] = field(init=False, repr=False, factory=list)
    # The file that was left last, for what it could not take back.
    _left: OpenFile = field(init=False, repr=False, default=_NO_FILE)
    _period: Period = field(init=False, repr=False, default=ALWAYS)
    # From when on a look at the clock is due: the end of `_period`, or never while rotating by time fails.
    _boundary: int = field(init=False, repr=False, default=NEVER)
    _look_at: float = field(init=False, repr=False, default=0.0)
    _rotate_at: float = field(init=False, repr=False, default=0.0)
    _turns: Turns = field(init=False, repr=False)
    _lock: Any = field(init=False, repr=False, factory=RLock)
    # Whether the thread that has the lock is changing something; then the same thread must not begin another change.
    _inside: bool = field(init=False, repr=False, default=False)
    _faults: list[tuple[str, OSError | None]] = field(init=False, repr=False, factory=list)
    _closed: bool = field(init=False, repr=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Check what no option can be checked for alone, and make the parts."""
        if self.max_total and self.max_size and self.max_total < self.max_size:
            raise ValueError("'max_total' is less than 'max_size': the file alone would be too much")
        self._turns = Turns(self.path.parent)
        self._archives = Archives(self.path, self.utc)
        self._archiver = Archiver(self._archives, self.keep, self._room, self.compress, self._close_full_files)

    # -- the way of a line --------------------------------------------------------------------------------------------

    def write_line(self, data: bytes, when: int, /) -> None:
        """Write one record as a line.

        Args:
            data: The record.
            when: Nanoseconds since the epoch at which it was emitted.

        Raises:
            Unavailable: If the file cannot be written now; no part of the line is in it then.
            Closed: After `close`.
        """
        if monotonic() >= self._look_at or (when >= self._boundary and time_ns() >= self._boundary):
            self._look()
        line = data + b"\n"
        try:
            if not self._current.append(line):
                self._append_locked(line)
        except OSError as error:
            self._append_after(error, line)

    def write(self, batch: Sequence[Record], /) -> None:
        """Write each record of *batch* as a line.

        Raises:
            Unavailable: As `write_line`, with how many records are in the file.
            Closed: After `close`.
        """
        if len(batch) == 1:
            self.write_line(batch[0].data, batch[0].time_ns)
        else:
            self._write_many(batch)

    def _write_many(self, batch: Sequence[Record]) -> None:
        """Write *batch* in as few pieces as the files' limits allow."""
        if not batch:
            return
        self._look_if_due()
        done = 0
        try:
            for lines in pieces([record.data for record in batch], self.max_size or UNLIMITED, self._taken):
                self._append(b"\n".join(lines) + b"\n")
                done += len(lines)
        except Unavailable as error:
            raise Unavailable(str(error), delivered=done, retry_after=error.retry_after) from None

    def _taken(self) -> int:
        return self._current.size

    def _append(self, data: bytes) -> None:
        try:
            if not self._current.append(data):
                self._append_locked(data)
        except OSError as error:
            self._append_after(error, data)

    def _append_after(self, error: OSError, data: bytes) -> None:
        """Do what is right after *error*, which kept *data* out."""
        if error.errno in _STALE:
            self._give_up_descriptor()
        if error.errno != errno.EBADF:
            raise self._unavailable(error) from None
        try:  # nothing can have arrived, so the line is not twice in the file
            self._append_locked(data)
        except OSError as again:
            raise self._unavailable(again) from None

    def _unavailable(self, error: OSError) -> Unavailable:
        why = error.strerror or type(error).__name__
        return Unavailable(f"{self.path.name} cannot be written: {why}", retry_after=_AGAIN)

    # -- the way of a line for which something has to change ----------------------------------------------------------

    def _append_locked(self, data: bytes) -> None:
        """Write *data* after a rotation, into a file that has to be opened first, or while writing is troubled."""
        with self._changing() as first:
            if self._closed:
                raise Closed("the file is closed")
            if first:
                self._append_changing(data)
            else:
                self._append_between(data)

    def _append_changing(self, data: bytes) -> None:
        size = len(data)
        current = self._opened()
        self._close_quiet_files()  # whose half lines have to be taken back before anything stands behind them
        if not current.troubled and current.append(data):
            return  # another thread rotated meanwhile
        if current.troubled and current.size + size <= current.full:
            current.take(size)
        else:
            current = self._rotate(current, size)
            if not current.troubled and current.put(data):
                return
        current.append_alone(data, self.path)
        self._heal(current)

    def _append_between(self, data: bytes) -> None:
        """Write *data* for a signal handler or finaliser, in the middle of a change by its own thread."""
        current = self._current
        if current is _NO_FILE or current.troubled:
            raise Unavailable("the file is just being changed")
        current.take(len(data))
        if not current.put(data):
            current.take(-len(data))
            raise Unavailable("the file is just being changed")

    @contextmanager
    def _changing(self) -> Iterator[bool]:
        """Hold the lock; yield whether nothing is being changed yet. Faults are told when it is free again."""
        try:
            with self._lock:
                first = not self._inside
                try:
                    self._inside = True
                    yield first
                finally:
                    if first:
                        self._inside = False
        finally:
            self._tell_faults()

    def _note(self, text: str, error: OSError | None = None) -> None:
        self._faults.append((text, error))

    def _tell_faults(self) -> None:
        """Report what was noted; not under the lock, for a fault becomes an event and may come back here."""
        while self._faults and not self._inside:
            try:
                text, error = self._faults.pop(0)
            except IndexError:  # another thread told it
                return
            why = error.strerror if error is not None else None
            report("file.failed", text, subject=self.path.name, error=error, why=why)

    # -- opening ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file, rotate it if its time is over, take up what a process that died left.

        Raises:
            OSError: If a person has to do something about it: no permission, a folder or a link in the place.
        """
        _sinks.add(self)
        self._closed = False
        self._archiver.close(_CLOSING)  # if it was open already
        self._archiver.forget()
        with self._changing():
            try:
                self._leave(self._open())
            except OSError as error:
                if error.errno not in _PASSES:
                    raise
                self._note("The file cannot be opened yet; it is tried again with each line.", error)
            self._archives.recall()
            self._begin_period(time_ns())
            self._look_at = monotonic() + _LOOK
            if self._current is not _NO_FILE and self._last_written() < self._period.start:
                self._rotate(self._current, 0)
            if self._archiver.has_work():
                self._archiver.ring()

    def _last_written(self) -> int:
        info = os.fstat(self._current.fd)
        return info.st_mtime_ns if info.st_size else NEVER

    def _begin_period(self, now: int) -> None:
        self._period = period_around(now, self.every, self.utc)
        self._boundary = self._period.end

    def _opened(self) -> OpenFile:
        """Return the file, opened if it is not.

        Raises:
            OSError: If it cannot be opened.
        """
        if self._current is _NO_FILE:
            self._current = self._open()
        return self._current

    def _open(self) -> OpenFile:
        return open_file(self.path, self.max_size or UNLIMITED, self._left)

    def _give_up_descriptor(self) -> None:
        """Have the file opened anew: its descriptor is somebody else's, or its disk failed."""
        with self._changing() as first:
            if first:
                self._current.shut()
                self._current.drain()  # whoever writes half a line now is not followed by one through the new one
                self._leave(_NO_FILE)

    def _leave(self, new: OpenFile) -> None:
        """Let *new* be the file, and close the old one as soon as nobody writes to it."""
        old, self._current = self._current, new
        if old is not _NO_FILE:
            self._left = old
            old.shut()
            if old.fd == new.fd:  # somebody closed it, and the new one got its number
                old.fd = -1
            self._full_files.append(old)
            self._close_quiet_files()

    def _close_quiet_files(self) -> None:
        """Close the files that were left and that nobody writes to any more."""
        waiting = []
        for file in self._full_files:
            if file.is_quiet:
                if not self._current.take_over(file):
                    self._heal(file)
                file.close()
            else:
                waiting.append(file)
        self._full_files = waiting

    def _close_full_files(self) -> None:
        """Close what was left, for the archiver: before that, lines may be on their way into an archive."""
        for file in list(self._full_files):
            file.wait_until_quiet()
        if self._full_files:
            with self._changing() as first:
                if first:
                    self._close_quiet_files()

    # -- looking and rotating -----------------------------------------------------------------------------------------

    def _look_if_due(self) -> None:
        if monotonic() >= self._look_at or time_ns() >= self._boundary:
            self._look()

    def _look(self) -> None:
        """See what others did to the file, and what time it is; not if somebody is just changing it."""
        if self._inside:
            return
        with self._changing() as first:
            if first and not self._closed:
                try:
                    self._look_changing()
                except OSError as error:
                    self._note("It cannot be seen what became of the file.", error)

    def _look_changing(self) -> None:
        self._look_at = monotonic() + _LOOK
        self._close_quiet_files()
        current = self._current
        if current is not _NO_FILE:
            if files.still_at(current.fd, self.path):
                current.correct_size()
                current.reopen_limit()
            else:
                self._reopen(current)
        self._look_at_clock(time_ns())

    def _look_at_clock(self, now: int) -> None:
        if now >= self._period.end:
            before = self._current
            if before is not _NO_FILE and (self._rotate(before, 0) is not before or not before.size):
                self._begin_period(now)
            else:
                self._boundary = NEVER  # it failed: the next look tries again, not the next line
        elif now < self._period.start:
            self._begin_period(now)  # the clock was put back: no reason for a new file, but for another boundary

    def _reopen(self, current: OpenFile) -> None:
        """Open the file in its place again, after others moved, deleted or replaced it."""
        try:
            self._leave(self._open())
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS and os.fstat(current.fd).st_nlink:
                self._note("The file was moved, and cannot be opened again yet; lines go where it is now.", error)
                return
            self._leave(_NO_FILE)  # told by the line that cannot be written now
        self._archives.others = True
        if current.moved:
            self._archiver.ring()

    def _rotate(self, current: OpenFile, size: int) -> OpenFile:
        """Make the file an archive and begin a new one; return the file to write to, with room taken for *size*.

        If that fails it is the old one, over its limit, for a second; while another process rotates, for a line.

        Raises:
            OSError: If there is no file to write to at all.
        """
        now = monotonic()
        if now >= self._rotate_at:
            try:
                with self._turns.have(now):
                    return self._rotate_now(current, size)
            except BlockingIOError:
                current.take(size)
                return current
            except OSError as error:
                self._rotate_at = now + _LOOK
                self._note("The file could not be rotated; lines go on into it.", error)
        current = self._opened()
        current.take(size)
        if not current.troubled:
            current.limit = UNLIMITED
        return current

    def _rotate_now(self, current: OpenFile, size: int) -> OpenFile:
        if not files.still_at(current.fd, self.path):  # others moved it: what is there now may have room, or not
            current = self._open()
            self._archives.others = True
            self._leave(current)
            if current.size + size <= current.full:
                current.take(size)
                return current
        # A line alone may be longer than the limit, or nothing was written today.
        if os.fstat(current.fd).st_size == 0 and current.is_quiet:
            current.take(size)
            return current
        current.heal(self.path)
        self._move(current)
        new = self._open()
        new.take(size)
        self._leave(new)
        self._archiver.ring()
        return new

    def _move(self, current: OpenFile) -> None:
        """Give the file the name of an archive.

        Raises:
            OSError: If it cannot be moved; then it is where it was.
        """
        if not _MOVES_OPEN:
            current.shut()
            current.drain()
            self._leave(_NO_FILE)
        try:
            current.place = self._archives.move(time_ns())
            current.moved = True
        except FileNotFoundError:
            return  # another process was faster

    # -- whoever flushes, closes or forks -----------------------------------------------------------------------------

    def _room(self) -> int | None:
        """Return how many bytes archives may take; the file counts as if it were full, for so it will be."""
        if not self.max_total:
            return None
        return max(0, self.max_total - (self.max_size or self._current.size))

    def flush(self) -> None:
        """Wait for the archiver, as long as this attempt may take; the lines themselves are in the file already."""
        self._archiver.flush(time_left())

    def close(self) -> None:
        """Close the file and end the archiver; what it was compressing stays as it was, for the next start."""
        with self._changing():
            self._closed = True
            self._take_back()
            self._leave(_NO_FILE)
            for file in self._full_files:
                file.wait_until_quiet()
            self._close_quiet_files()
        if not self._archiver.close(_CLOSING):
            report("archive.failed", "The archiver did not end in time.", subject=self.path.name)
        _sinks.discard(self)

    def _take_back(self) -> None:
        """Take back half a line, as far as the disk lets us: else the next start makes it a line of its own."""
        with suppress(OSError):
            if self._left.is_torn:
                self._opened()
        self._heal(self._current)

    def _heal(self, file: OpenFile) -> None:
        """Take back half a line in *file*, as far as the disk lets us."""
        with suppress(OSError):  # tried again through the next descriptor, if there is one
            file.heal(file.place or self.path)
        if file.scars:
            file.scars = 0
            self._note("A line that was only half written could not be taken back.")

    def after_fork_in_child(self) -> None:
        """Have a lock, a descriptor and an archiver of its own: the parent's may be in use this very moment."""
        self._lock = RLock()
        self._inside = False
        self._faults = []
        self._archiver.forget()
        for file in (self._current, *self._full_files):
            if file is not _NO_FILE:
                file.close()
        self._current = self._left = _NO_FILE  # half lines are the parent's to take back
        self._full_files = []


def _after_fork_in_child() -> None:
    for sink in list(_sinks):
        sink.after_fork_in_child()


files.after_fork_in_child(_after_fork_in_child)
