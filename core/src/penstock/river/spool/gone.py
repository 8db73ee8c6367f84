"""Gone: the records of a segment that gave way; a segment in, its records out if somebody asks; whoever made room; what
cannot be read any more is missing from them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Self, final, overload

from penstock import files
from penstock.river.spool.frames import HEADER, read_frames
from penstock.river.spool.segment import Segment
from penstock.river.store import Entry


@final
class Gone(Sequence[Entry]):
    """Records that were dropped. They are read back only if a fallback wants them: a caller waits for this."""

    def __init__(self, count: int, entries: Sequence[Entry] | None) -> None:
        self._fd = -1
        self._count = count
        self._entries = entries
        self._stop = self._salt = self._before = 0

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """Return the records of *segment*, whose file may be removed afterwards."""
        gone = cls(segment.count - segment.lost, list(segment.records) if segment.kept else None)
        if not segment.kept:
            gone._stop, gone._salt, gone._before = segment.stop, segment.salt, segment.before
            with suppress(OSError):
                gone._fd = files.open_private(segment.where)
        return gone

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if self._entries is None:
            self._entries = self._read()
        return self._entries[index]

    def _read(self) -> Sequence[Entry]:
        data = b""
        if self._fd >= 0:
            with suppress(OSError):
                data = files.read_at(self._fd, self._stop - HEADER, HEADER)
        self.close()
        return read_frames(data, self._salt).found[self._before :]

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:  # an interrupt may come before it has one
            self.close()
