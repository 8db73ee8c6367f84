"""Runs: the folders in which processes keep their segments; a folder in, those of the dead out; whoever opens a sink,
and the worker; raises OSError where a folder cannot be used.

Each process has a folder of its own in that of the sink, and locks a file in it for as long as it lives: the system
undoes the lock when it dies. A process id would prove nothing, for they come again. Whoever gets the lock of another
folder has it alone, however many processes start at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self, final

from penstock import files
from penstock.clock import time_ns
from penstock.river.spool.frames import HEADER, MAGIC, Header, read_header
from penstock.river.spool.segment import SUFFIX, Segment

_LOCK: Final = "lock"
_ASIDE: Final = "damaged"
_IN_MEMORY: Final = b"in_memory = "
"""How the lock file begins; what follows is the number of records that wait in memory, always as long."""
_DIGITS: Final = 20
_RACES: Final = 10
"""So often another process may take our new folder for an empty one that was left."""


class Left(NamedTuple):
    """What a process left."""

    segments: list[Segment]
    damaged: list[Path]
    """Segments of which nothing can be read; they were moved here."""
    in_memory: int = 0
    """Records that waited in its memory, since its files could not be used, when it last noted how many."""


@final
class Run:
    """The folder of one process, with its lock.

    Attributes:
        path: The folder.
        generation: A number below 0, that of a later one is higher.
        chains: How many chains of segments it still has; the last one takes the folder with it.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.generation = _generation(path.name)
        self.chains = 0
        self._fd = fd

    @classmethod
    def begin(cls, folder: Path) -> Self:
        """Make a folder for this process in *folder*, which is made too.

        Raises:
            OSError: If that cannot be, or *folder* is not safe: somebody else's, a link, or open to others.
        """
        files.private_folder(folder)
        for _ in range(_RACES):
            path = folder / f"{time_ns():0{_DIGITS}d}-{os.getpid()}-{os.urandom(4).hex()}"
            with suppress(FileNotFoundError):  # while it is empty, who adopts may take it for a dead one's
                files.private_folder(path)
                run = cls(path, files.open_private(path / _LOCK, new=True))
                if run._is_ours():
                    files.write_at(run._fd, _number_in_memory(0) + _note(), 0)
                    return run
                run.release()
        raise FileNotFoundError(f"{folder}: it is taken away again and again")

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Take over the folder of a dead process, or return None if it lives or somebody else took it."""
        try:
            run = cls(path, files.open_private(path / _LOCK))
        except OSError:
            with suppress(OSError):  # empty: it died while it began
                path.rmdir()
            return None
        with suppress(OSError):
            if run._is_ours():
                return run
        run.release()
        return None

    def _is_ours(self) -> bool:
        """Lock it; return False if another process has it, or has removed it meanwhile."""
        return files.lock(self._fd) and files.still_at(self._fd, self.path / _LOCK)

    @classmethod
    def is_alive(cls, path: Path) -> bool:
        """Return whether the process of a folder runs."""
        with suppress(OSError):
            fd = files.open_private(path / _LOCK)
            try:
                return not files.lock(fd)
            finally:
                os.close(fd)
        return False

    def inherit(self) -> Left:
        """Return the segments in it, the oldest first; move aside what cannot be read at all, and leave the rest alone.

        Raises:
            OSError: If the folder cannot be read.
        """
        left = Left([], [], self._noted())
        for path in sorted(self.path.iterdir()):
            if path.suffix != SUFFIX:
                continue  # not ours: whoever put it there will know why
            try:
                segment = self._inherit(path)
            except OSError:  # the disk cannot read it, or it is no file
                left.damaged.append(self._set_aside(path))
                continue
            if isinstance(segment, Path):
                left.damaged.append(segment)
            elif segment is not None:
                left.segments.append(segment)
        left.segments.sort(key=lambda segment: segment.header.number)
        return left

    def note_in_memory(self, count: int) -> None:
        """Write down that *count* records wait in memory: the next start counts them, if the process dies.

        Raises:
            OSError: If that cannot be written.
        """
        files.write_at(self._fd, _number_in_memory(count), 0)  # over what is there: a full disk has room for that

    def _noted(self) -> int:
        line = files.read_at(self._fd, len(_number_in_memory(0)), 0)
        number = line.removeprefix(_IN_MEMORY).rstrip()
        return int(number) if line.startswith(_IN_MEMORY) and number.isdigit() else 0

    def _inherit(self, path: Path) -> Segment | Path | None:
        header, empty = _begin_of(path)
        if header is None:
            if not empty:
                return self._set_aside(path)
            path.unlink()  # kept to be used again, or not yet begun
            return None
        segment = Segment(header, path)
        segment.inherit()
        return segment

    def _set_aside(self, path: Path) -> Path:
        """Move *path* out of the way, for somebody to look at."""
        aside = self.path.parent / _ASIDE
        target = aside / f"{self.path.name}-{path.name}"
        with suppress(OSError):
            files.private_folder(aside)
            path.rename(target)
            return target
        return path

    def release(self) -> None:
        """Let go of it: the next start adopts what is in it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):  # an interrupt may come before it has one
            self.release()

    def remove(self) -> None:
        """Remove it with the segments that are left; foreign files, and then the folder, stay."""
        if sys.platform == "win32":
            self.release()  # no open file can be removed there
        with suppress(OSError):
            for path in self.path.iterdir():
                if path.suffix == SUFFIX or path.name == _LOCK:
                    path.unlink()
            self.path.rmdir()
        self.release()  # last: until then nobody else takes it for one that was left


def _generation(name: str) -> int:
    begun = name.partition("-")[0]
    return (int(begun) if begun.isdecimal() else 0) - 10**_DIGITS


def _number_in_memory(count: int) -> bytes:
    return b"%s%0*d\n" % (_IN_MEMORY, _DIGITS, count)


def _note() -> bytes:
    """Return what the lock file tells a person who wonders whose it is."""
    return f"pid = {os.getpid()}\nboot = {files.boot_id()!r}\nbegun = {time_ns()}\n".encode()


def _begin_of(path: Path) -> tuple[Header | None, bool]:
    """Return the header of a segment, and whether there is nothing where it should be."""
    fd = files.open_private(path)
    try:
        data = files.read_at(fd, HEADER, 0)
    finally:
        os.close(fd)
    return read_header(data), not data or data[: len(MAGIC)] == bytes(len(MAGIC))


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of processes in *folder*, the oldest first; none if there is no such folder."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in found if path.name != _ASIDE and path.is_dir() and not path.is_symlink()]


def read_run(path: Path) -> Iterator[Segment]:
    """Return what can be read of the segments in the folder of a process, dead or alive, and change nothing."""
    for file in sorted(path.glob(f"*{SUFFIX}")):
        with suppress(OSError):  # it was settled and removed meanwhile
            header, _ = _begin_of(file)
            if header is not None:
                segment = Segment(header, file)
                segment.inherit()
                segment.load()
                yield segment
