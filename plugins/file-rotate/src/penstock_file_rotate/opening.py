"""Opening: the file in its place, held and whole; a path in, an open file out; under the sink's lock; raises OSError
for what is no file of its own.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from penstock.plugin import files
from penstock_file_rotate.hold import hold
from penstock_file_rotate.openfile import OpenFile

_TRIES: Final = 100
"""So often may another process move the file away in the very moment in which it is opened; each costs some 20 µs."""


def open_file(path: Path, full: int, left: OpenFile) -> OpenFile:
    """Open what is at *path*, or make it.

    Args:
        path: Where it is.
        full: How large it may get.
        left: The file that was written to before: if it is this one, its half lines are taken over.

    Raises:
        OSError: If that is no file of its own, or cannot be opened.
    """
    _refuse_special(path)
    for _ in range(_TRIES):
        try:
            fd = files.open_append(path)
        except FileNotFoundError:  # it was there, and another process moved it away before it was open
            continue
        try:
            file = OpenFile(fd, full)
            if left.is_quiet:
                file.take_over(left)
            file.finish_line(path)
            # Held and then still in its place: whoever moves it from now on finds it held. Not so before.
            if hold(fd) and files.still_at(fd, path):
                return file
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    # Somebody who is none of us has it alone, or it moves all the time.
    return OpenFile(files.open_append(path), full)


def _refuse_special(path: Path) -> None:
    """Refuse what is there but is no regular file; a pipe without a reader would hang who opens it."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # not there, or about to be refused in better words
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed", str(path))
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
