"""Files: the one seam to the file system, POSIX and Windows; paths and descriptors in and out; any thread; raises
OSError.

Everything that differs between systems is here, and nowhere else in Penstock.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from collections.abc import Callable

from penstock.hints import TYPE_CHECKING

if TYPE_CHECKING:  # at run time `pathlib` would cost `import penstock` several milliseconds
    from mmap import mmap
    from pathlib import Path
    from typing import Final

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
_RACES: Final = 10
"""So often a file may be moved away while it is being opened."""
PIPE_ROOM: Final[int] = getattr(select, "PIPE_BUF", 512)
"""A pipe takes so many bytes whole or not at all (POSIX.1-2017, `write`; 4,096 on Linux, 512 is the least)."""

_NOT_OFFERED: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_without_flag: set[int] = set()
"""Kinds of file for which this kernel does not know RWF_NOWAIT."""
_CLOEXEC: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
_NOFOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)


def open_append(path: Path | str, mode: int = PRIVATE_FILE) -> int:
    """Open *path* for appending, made if missing, and return its descriptor.

    A new file has exactly *mode*, whatever the umask; folders that had to be made have `PRIVATE_FOLDER`.
    A symbolic link in the place of the file is not followed.

    Raises:
        OSError: If the file cannot be opened, is a link, or is no regular file, device or pipe.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _CLOEXEC | _NOFOLLOW | _BINARY
    make_folder(os.path.dirname(path))
    for _ in range(_RACES):
        try:
            fd = os.open(path, flags | os.O_EXCL, mode)
        except FileExistsError:
            try:
                return os.open(path, flags & ~os.O_CREAT)
            except FileNotFoundError:
                continue  # moved away by another process between the two
        else:
            set_mode(fd, mode)
            return fd
    raise FileNotFoundError(errno.ENOENT, "it is moved away again and again", str(path))


def make_folder(path: Path | str) -> None:
    """Make *path* and what is missing above it, for the owner alone."""
    if not path or os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    try:
        os.mkdir(path, PRIVATE_FOLDER)
    except FileExistsError:
        return
    if sys.platform != "win32":
        os.chmod(path, PRIVATE_FOLDER)  # the umask may have taken even the owner's bits


def set_mode(fd: int, mode: int) -> None:
    """Set the permissions of an open file; Windows has none to set."""
    if sys.platform != "win32":
        os.fchmod(fd, mode)


def write_all(fd: int, data: bytes) -> None:
    """Write all of *data*: nearly always one `os.write`, more only when the kernel took less.

    Raises:
        OSError: As `os.write`; some of *data* may be written then.
    """
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def still_at(fd: int, path: Path | str) -> bool:
    """Return whether *path* still names the file that *fd* has open; False after it was moved, deleted or replaced."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(fd))
    except OSError:
        return False


def rename_new(source: Path | str, target: Path | str) -> None:
    """Give *source* the name *target*, and never overwrite what has that name.

    Raises:
        FileExistsError: If *target* exists.
    """
    if sys.platform == "win32":
        os.rename(source, target)  # refuses an existing target there
        return
    os.link(source, target, follow_symlinks=False)  # a plain rename would overwrite
    os.unlink(source)


def _always(fd: int) -> bool:
    return True


def _writable_probe() -> Callable[[int], bool]:
    """Return a function that says whether a write to a descriptor would not block."""
    if sys.platform == "win32":
        return _always

    def writable(fd: int) -> bool:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        return any(event & select.POLLOUT for _, event in poll.poll(0))

    return writable


writable: Final[Callable[[int], bool]] = _writable_probe()
"""Return whether a descriptor takes a byte without blocking; how many it takes, `write_now` finds out. About 1 µs."""


def write_now(fd: int, data: bytes | memoryview) -> int:
    """Write as much of *data* to *fd* as it takes without waiting for a reader; return how many bytes that was.

    A regular file takes all of it, and waits with its disk. For the rest, setting O_NONBLOCK would be wrong: the flag
    belongs to the open file, which other processes share. To ask with `writable` first is not enough: a terminal that
    polls writable may take 20 bytes of 150 and wait with the rest, and of two threads that both saw the last free page
    of a pipe one waits (both tried on Linux 6.18). So each kind is asked not to wait in its own way.

    Raises:
        OSError: As `os.write`; never because nobody reads.
    """
    mode = os.fstat(fd).st_mode  # each time: a program may put another file behind the number
    try:
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return _to_reader(fd, data, stat.S_IFMT(mode))
        if stat.S_ISCHR(mode) and os.isatty(fd):
            return _to_terminal(fd, data)
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def _to_reader(fd: int, data: bytes | memoryview, kind: int) -> int:
    """Write to a pipe or a socket; up to `PIPE_ROOM` bytes go into a pipe whole or not at all."""
    if sys.platform == "linux" and kind not in _without_flag:
        try:
            return os.pwritev(fd, [data], -1, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
            _without_flag.add(kind)  # pipes know the flag from Linux 6.4 on
    return _if_writable(fd, data)


def _to_terminal(fd: int, data: bytes | memoryview) -> int:
    """Write to a terminal through an opening of our own, which may be non-blocking without anybody noticing.

    It costs about 10 µs a write and is closed at once: held open, it would keep the terminal from hanging up.
    """
    if sys.platform == "win32":
        return os.write(fd, data)
    try:
        path = f"/proc/self/fd/{fd}" if sys.platform == "linux" else os.ttyname(fd)
        own = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # another user's terminal, or no descriptor left
        return _if_writable(fd, data)
    try:
        return os.write(own, data)
    finally:
        os.close(own)


def _if_writable(fd: int, data: bytes | memoryview) -> int:
    return os.write(fd, memoryview(data)[:PIPE_ROOM]) if writable(fd) else 0


def may_block(fd: int) -> bool:
    """Return whether a write to *fd* can wait for somebody who reads: a pipe, a socket or a terminal."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def _is_private_group(gid: int) -> bool:
    """Return whether a group is the user's own, as many systems make one for each user, with the umask 002 for it."""
    if sys.platform == "win32":
        return True
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def unsafe_reason(path: Path | str) -> str:
    """Return why *path* could have been written by somebody else, or an empty text.

    A configuration names code that runs, so one that others may change, or put in its place, is not read unasked.

    Raises:
        OSError: If there is no such file.
    """
    if sys.platform == "win32":
        return ""
    info = os.stat(path)
    if info.st_uid not in (os.getuid(), 0):
        return "it belongs to another user"
    if info.st_mode & stat.S_IWOTH:
        return "everybody may write it"
    if info.st_mode & stat.S_IWGRP and not _is_private_group(info.st_gid):
        return "its group may write it"
    places = {os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.realpath(path))}  # of a link, and behind
    modes = [os.stat(folder).st_mode for folder in places]
    if any(mode & stat.S_IWOTH and not mode & stat.S_ISVTX for mode in modes):
        return "everybody may replace it in its folder"
    return ""


def others_may_read(path: Path | str) -> bool:
    """Return whether everybody on this machine may read *path*; False where the system has no such permissions."""
    if sys.platform == "win32":
        return False
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:  # gone meanwhile
        return False


def after_fork_in_child(function: Callable[[], None]) -> None:
    """Have *function* called in every forked child; where nothing forks, never."""
    register = getattr(os, "register_at_fork", None)
    if register is not None:
        register(after_in_child=function)


# -- what a spool needs ------------------------------------------------------------------------------------------------


def private_folder(path: Path | str) -> None:
    """Make *path*, and what is missing above it, for the owner alone; refuse one that is not.

    Raises:
        OSError: If it cannot be made, is a link or no folder, is somebody else's, or open to others.
    """
    make_folder(path)
    if sys.platform == "win32":
        return
    info = os.stat(path, follow_symlinks=False)
    if not stat.S_ISDIR(info.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "it is a link or no folder", str(path))
    if info.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if info.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "others may enter it", str(path))


def open_private(path: Path | str, *, new: bool = False) -> int:
    """Open a file of our own for reading and writing; *new*: make it, and never take one that is there.

    Raises:
        OSError: If it cannot be opened, is a link, or with *new* exists.
    """
    flags = os.O_RDWR | _CLOEXEC | _NOFOLLOW | _BINARY
    if not new:
        return _open(path, flags)
    fd = _open(path, flags | os.O_CREAT | os.O_EXCL)
    try:
        set_mode(fd, PRIVATE_FILE)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open(path: Path | str, flags: int) -> int:
    """Open a file in one call into C, so that no interrupt comes in between having its descriptor and knowing it."""
    opened: list[int] = []
    opened += map(os.open, (path,), (flags,), (PRIVATE_FILE,))
    return opened[0]


def lock(fd: int) -> bool:
    """Lock an open file for this opening of it, which the system undoes when the process dies; False if another has it.

    Raises:
        OSError: If this file system knows no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second is what Windows says
        return False
    return True


def memory_backed(path: Path | str) -> bool:
    """Return whether *path*, or the folder where it would be made, is in a file system that has no disk behind it.

    A store into a mapped file of such a one never waits; on a disk that hangs it stops every thread.
    """
    if sys.platform != "linux":
        return False
    mounts: dict[bytes, bytes] = {}
    try:
        with open("/proc/self/mountinfo", "rb") as lines:
            for line in lines:
                before, _, after = line.partition(b" - ")
                mounts[before.split(b" ")[4]] = after.split(b" ")[0]  # of two on one point, the later is on top
    except (OSError, IndexError):
        return False
    place = os.fsencode(os.path.realpath(path))
    while _escaped(place) not in mounts and place != b"/":
        place = os.path.dirname(place)
    return mounts.get(_escaped(place)) in (b"tmpfs", b"ramfs")


def _escaped(path: bytes) -> bytes:
    """Return *path* as mountinfo writes it: `proc(5)`."""
    for character in b"\\ \t\n":  # the backslash first: the others bring new ones
        path = path.replace(bytes((character,)), b"\\%03o" % character)
    return path


def space_left(path: Path | str) -> int:
    """Return how many bytes the file system of *path* can still take from us.

    Raises:
        OSError: If there is no such folder.
    """
    if sys.platform == "win32":
        import shutil

        return shutil.disk_usage(path).free
    info = os.statvfs(path)
    return info.f_bavail * info.f_frsize


def map_new(fd: int, size: int) -> mmap:
    """Give a new file *size* bytes of zeros that are really there, and map them for reading and writing.

    Raises:
        OSError: If there is no room. Without this step, a later store into the map would be what kills the process.
    """
    from mmap import mmap

    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no file system here is known to have no disk behind it")
    os.posix_fallocate(fd, 0, size)
    return mmap(fd, size)


def read_at(fd: int, size: int, offset: int) -> bytes:
    """Read *size* bytes from *offset*, fewer at the end of the file.

    Raises:
        OSError: As `os.pread`.
    """
    parts = []
    while size > 0:
        part = _pread(fd, size, offset)
        if not part:
            break
        parts.append(part)
        size -= len(part)
        offset += len(part)
    return b"".join(parts)


def write_at(fd: int, data: bytes, offset: int) -> None:
    """Write all of *data* at *offset*: nearly always one system call.

    Raises:
        OSError: As `os.pwrite`; some of *data* may be written then.
    """
    written = _pwrite(fd, data, offset)
    while written < len(data):
        written += _pwrite(fd, data[written:], offset + written)


def cut(fd: int, size: int) -> None:
    """Cut an open file off behind *size* bytes, if that can be done; nothing is told of it."""
    try:
        os.truncate(fd, size)
    except OSError:
        return


if sys.platform == "win32":

    def _pread(fd: int, size: int, offset: int) -> bytes:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, size)

    def _pwrite(fd: int, data: bytes, offset: int) -> int:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)

else:

    def _pread(fd: int, size: int, offset: int) -> bytes:
        return os.pread(fd, size, offset)

    def _pwrite(fd: int, data: bytes, offset: int) -> int:
        return os.pwrite(fd, data, offset)


def sync(fd: int) -> None:
    """Return when the content of an open file is on its disk, as far as the disk is honest.

    Raises:
        OSError: Some of it is lost. To ask again proves nothing: the next call may succeed all the same.
    """
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # its fsync stops at the cache of the drive
    else:
        getattr(os, "fdatasync", os.fsync)(fd)


def sync_folder(path: Path | str) -> None:
    """Return when the names in a folder are on its disk; Windows has no such call, and its journal keeps them.

    Raises:
        OSError: As `os.fsync`.
    """
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def boot_id() -> str:
    """Return what tells this start of the machine from every other, or an empty text where nothing does."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
