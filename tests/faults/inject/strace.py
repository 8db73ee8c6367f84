"""Strace: system calls of a running thread, told, failing or killing; a thread's id in, an effect out; the kernel; what
strace cannot do is an error of the test.

Unlike the levers it meets every call, also those that no C library makes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

CHANGES: Final = (
    "write,pwrite64,writev,pwritev,pwritev2,open,openat,creat,close,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
    "symlink,symlinkat,mkdir,mkdirat,ftruncate,truncate,fallocate,fchmod,fchmodat,chmod,flock,fsync,fdatasync,utimensat"
)
"""Calls that change what a crash would leave, or which lock is held."""


class Moment(NamedTuple):
    """A system call, and the how manieth of its kind."""

    call: str
    number: int


def moments(log: Path) -> list[Moment]:
    """Return the calls of a thread that `traced` wrote down, in their order."""
    counts: dict[str, int] = {}
    found = []
    for line in log.read_text().splitlines():
        call, opened, _ = line.partition("(")
        if opened and call.isidentifier():
            counts[call] = counts.get(call, 0) + 1
            found.append(Moment(call, counts[call]))
    return found


@contextmanager
def traced(thread: int, log: Path) -> Iterator[None]:
    """Write down the calls of a thread that change something."""
    with _attached(thread, f"trace={CHANGES}", log):
        yield


@contextmanager
def injected(thread: int, at: Moment, effect: str, *, path: str = "") -> Iterator[None]:
    """Have a thread meet *effect*.

    Args:
        thread: The thread's id, not the process's.
        at: At which call; they are counted from here on.
        effect: As strace writes it: ``signal=KILL``, ``error=EIO``.
        path: Only calls that concern this path count.
    """
    inject = f"inject={at.call}:{effect}:when={at.number}"
    with _attached(thread, f"trace={at.call}", Path("/dev/null"), "-e", inject, *(("-P", path) if path else ())):
        yield


@contextmanager
def _attached(thread: int, expression: str, log: Path, *more: str) -> Iterator[None]:
    command = ["strace", "-p", str(thread), "-e", expression, "-o", str(log), *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        try:
            assert tracer.stderr is not None
            first = tracer.stderr.readline()
            if b"attached" not in first:
                raise RuntimeError(f"strace says {first!r}")
            yield
        finally:
            tracer.terminate()  # it lets go of the thread
            tracer.wait()
