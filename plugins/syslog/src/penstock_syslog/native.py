"""Native: journald's own protocol; fields in, bytes out, and bytes into a file that journald reads; any thread; raises
OSError.

Source: systemd, docs/JOURNAL_NATIVE_PROTOCOL.md: a datagram of fields; one that is too large goes into a file, sealed
so that nobody can change it while it is read, whose descriptor is sent instead.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from typing import Final

_LENGTH: Final = 8
"""Bytes of the length of a value that has lines."""
_SHARED_MEMORY: Final = "/dev/shm"
"""One of the few places from which journald takes a file that is not sealed."""


def entry_of(fields: Mapping[str, object]) -> bytes:
    r"""Return *fields* as an entry.

    Example:
        >>> entry_of({"MESSAGE": "hi", "TEXT": "a\nb"})
        b'MESSAGE=hi\nTEXT\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n'
    """
    entry = b""
    for name, value in fields.items():
        data = str(value).encode("utf-8", "backslashreplace")
        if b"\n" in data:
            entry += b"%b\n%b%b\n" % (name.encode(), len(data).to_bytes(_LENGTH, "little"), data)
        else:
            entry += b"%b=%b\n" % (name.encode(), data)
    return entry


def send_as_file(sock: socket.socket, entry: bytes) -> bool:
    """Send *entry* by the descriptor of a file that holds it.

    Raises:
        OSError: If the file cannot be made or sent.
    """
    if sys.platform == "win32":
        return False
    fd = _file(entry)
    try:
        socket.send_fds(sock, [b""], [fd])
    finally:
        os.close(fd)
    return True


def _file(entry: bytes) -> int:
    """Return a descriptor of a file with *entry*, which nobody can change any more."""
    if sys.platform != "linux" or not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile(dir=_SHARED_MEMORY) as file:
            file.write(entry)
            file.flush()
            return os.dup(file.fileno())
    import fcntl

    fd = os.memfd_create("penstock-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(entry)
        fcntl.fcntl(
            fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        )
    except BaseException:
        os.close(fd)
        raise
    return fd
