"""Compress: makes the compressed form of an archive and takes the plain one away; a path in; the archiver's thread;
raises OSError, and then the plain one is still there.

A crash at any moment leaves the plain archive, or a whole compressed one, or both: never neither.
"""

from __future__ import annotations

import errno
import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol, TypeAlias, cast

from penstock.plugin import files
from penstock_file_rotate.archive import SUFFIXES, create_new, move_new
from penstock_file_rotate.hold import have_alone, let_go

Method: TypeAlias = Literal["none", "gzip", "zstd"]
Stop: TypeAlias = Callable[[], bool]

_CHUNK: Final = 256 * 1024
"""Bytes compressed between two looks at whether to stop: some 5 ms of work."""
_GZIP_FORMAT: Final = 31
"""What zlib calls a window of 32 KiB, with gzip's header and trailer around it."""


class Busy(Exception):  # noqa: N818, it is no error
    """The archive is in use elsewhere: try again later."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def zstd_is_there() -> bool:
    """Return whether zstd can be used; it is in the standard library from Python 3.14 on."""
    if sys.version_info >= (3, 14):
        return find_spec("compression.zstd") is not None
    return find_spec("backports") is not None and find_spec("backports.zstd") is not None


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _compressor(method: Method) -> _Compressor:
    if method == "zstd":
        made: _Compressor = _zstd().ZstdCompressor()
        return made
    return zlib.compressobj(wbits=_GZIP_FORMAT)


def _unpacked(path: Path) -> IO[bytes]:
    """Return the content of a compressed archive as a file to read."""
    if path.suffix == SUFFIXES["zstd"]:
        unpacked: IO[bytes] = _zstd().open(path, "rb")
        return unpacked
    return cast(IO[bytes], gzip.open(path, "rb"))


def compress(source: Path, method: Method, stop: Stop) -> None:
    """Put the compressed form of *source* beside it, and take *source* away.

    Args:
        source: An archive that nobody writes to any more.
        method: How.
        stop: Asked now and then; True leaves *source* as it is.

    Raises:
        Busy: If another process has it open, or compresses it.
        FileExistsError: If another content has the name already.
        OSError: If it cannot be read or written.
    """
    target = source.with_name(source.name + SUFFIXES[method])
    with _alone(source) as reading:
        if reading is None or os.fstat(reading).st_size == 0:
            return  # it went, or is a name that another process has just claimed
        if not _is_done(source, target):
            unfinished = target.with_name(target.name + ".tmp")
            unfinished.unlink(missing_ok=True)  # we have the source alone, so whoever left this is dead
            try:
                if not _write(reading, unfinished, _compressor(method), stop):
                    return
                move_new(unfinished, target)
            finally:
                unfinished.unlink(missing_ok=True)
            _sync_folder(source.parent)  # the new name is on disk before the old one goes
        if files.still_at(reading, source):  # else another process took it away, and the name may be another file's
            source.unlink()


@contextmanager
def _alone(source: Path) -> Iterator[int | None]:
    """Open *source* and have it alone; None if somebody else took it away meanwhile."""
    try:
        fd = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        yield None
        return
    try:
        if not have_alone(fd):
            raise Busy
        yield fd if files.still_at(fd, source) else None
    finally:
        let_go(fd)
        os.close(fd)


def _write(reading: int, unfinished: Path, compressor: _Compressor, stop: Stop) -> bool:
    """Write the compressed form, to the disk; return False if told to stop."""
    before = os.fstat(reading)
    writing = create_new(unfinished)
    try:
        read = 0
        while chunk := os.read(reading, _CHUNK):
            if stop():
                return False
            read += len(chunk)
            files.write_all(writing, compressor.compress(chunk))
        files.write_all(writing, compressor.flush())
        os.fsync(writing)
    finally:
        os.close(writing)
    os.utime(unfinished, ns=(before.st_atime_ns, before.st_mtime_ns))
    if os.fstat(reading).st_size != read:  # somebody wrote to it, who holds nothing: not one of us
        raise Busy
    return True


def _is_done(source: Path, target: Path) -> bool:
    """Return whether *target* holds all of *source* already: a crash, just before *source* was taken away.

    Raises:
        FileExistsError: If it holds something else.
    """
    try:
        if target.stat(follow_symlinks=False).st_size == 0:
            target.unlink()  # claimed by somebody who died: a compressed nothing has more bytes
            return False
    except FileNotFoundError:
        return False
    try:
        with source.open("rb") as plain, _unpacked(target) as packed:
            while True:
                chunk = plain.read(_CHUNK)
                if chunk != packed.read(_CHUNK):
                    break
                if not chunk:
                    return True
    except Exception as error:  # whatever a decoder raises says the same: this is not what we would have written
        if isinstance(error, OSError) and error.errno is not None:
            raise  # but this is about the disk
    raise FileExistsError(errno.EEXIST, "its compressed form holds something else", str(target))


def _sync_folder(folder: Path) -> None:
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders, and needs no such thing
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
