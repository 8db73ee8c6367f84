"""Levers: system calls of a program that fail when the judge pulls; a path in, failing calls out; the program's
threads; disarmed, every call is the system's own.

A small library (levers.c), compiled here and preloaded into the program, stands between it and the C library. Unlike
strace it needs no rights, can really write half of what it was given, and costs an untouched call nothing to speak of.
"""

from __future__ import annotations

import enum
import mmap
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

_WORD: Final = 8
_WORDS: Final = 8
_LEVERS: Final = 2
_SIZE: Final = _WORD * _WORDS * _LEVERS
_CALLS, _EFFECT, _AFTER, _TIMES, _SEEN, _INJECTED = range(6)
_SOURCE: Final = Path(__file__).with_name("levers.c")


class Call(enum.IntFlag):
    """Calls that can be told to fail."""

    WRITE = 1
    OPEN = 2
    RENAME = 4
    SYNC = 8
    TRUNCATE = 16
    UNLINK = 32
    LINK = 64


HALF: Final = 1001
"""Write only half of it."""
HANG: Final = 1002
"""Do not return until the lever is released."""
DIE: Final = 1003
"""Be killed instead."""
HALF_AND_DIE: Final = 1004


@final
class Levers:
    """What a program's calls do, at this moment.

    Args:
        folder: Where its two files may be.
        library: The library built by `build`.
        at: A part of the paths that are meant.
    """

    def __init__(self, folder: Path, library: Path, at: str) -> None:
        path = folder / "levers"
        path.write_bytes(bytes(_SIZE))
        self.env: Mapping[str, str] = {"LD_PRELOAD": str(library), "LEVERS": str(path), "LEVERS_AT": at}
        fd = os.open(path, os.O_RDWR)
        try:
            self._map = mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)
        self._words = memoryview(self._map).cast("Q")

    def pull(self, calls: Call, effect: int, *, after: int = 0, times: int = 0, lever: int = 0) -> None:
        """Have *calls* meet *effect*.

        Args:
            calls: Which.
            effect: The number of an error, or one of this module's effects.
            after: So many calls pass before.
            times: So many calls meet it; 0 for all that come.
            lever: Which of the two; where both mean a call, the first decides.
        """
        words = self._words[lever * _WORDS : (lever + 1) * _WORDS]
        words[_CALLS] = 0
        words[_SEEN] = words[_INJECTED] = 0
        words[_EFFECT], words[_AFTER], words[_TIMES] = effect, after, times
        words[_CALLS] = calls

    def release(self) -> None:
        """Have every call be the system's own."""
        for lever in range(_LEVERS):
            self._words[lever * _WORDS + _CALLS] = 0

    @property
    def injected(self) -> int:
        """How many calls have met the first lever's effect since it was pulled."""
        return self._words[_INJECTED]

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._map.close()


def build(folder: Path) -> Path:
    """Compile the library and return its path."""
    library = folder / "levers.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library


@contextmanager
def levers_at(folder: Path, library: Path, at: str) -> Iterator[Levers]:
    """Make levers for the paths that contain *at*, all released."""
    levers = Levers(folder, library, at)
    try:
        yield levers
    finally:
        levers.release()
        levers.close()
