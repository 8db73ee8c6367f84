"""Taken: a file of dead letters out of the way of who writes to it; a path in, its lines in batches out, and those that
remain back at the path; the thread of a command; raises OSError, and then nothing is lost.

The file is called `FILE.replay` for so long. What is settled begins with a `#` there: one write makes it so for a whole
batch, and whatever of that is done when the process is killed is true of each line. Whoever takes the file next puts
the rest back at first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self, final

from penstock import files
from penstock.clock import monotonic, sleep
from penstock.river.letters import Letter, append_lines, have, letter_of
from penstock.river.store import Entry

SUFFIX: Final = ".replay"
_SETTLED: Final = b"#"
_RECORDS: Final = 500
_BYTES: Final = 4_000_000
"""Of a batch; it takes one line more where that is longer."""
_CHUNK: Final = 1_048_576
_PATIENCE: Final = 2.0
"""Seconds until whoever writes has finished: it takes less than a millisecond."""
_NAP: Final = 0.002


class Line(NamedTuple):
    """A line of the file.

    Attributes:
        at: Where it begins.
        text: Without its end.
        letter: What it says, or None if that is no letter.
    """

    at: int
    text: bytes
    letter: Letter | None

    @property
    def record(self) -> Entry:
        """The record in the letter."""
        assert self.letter is not None
        return self.letter.record


@final
class Taken:
    """The letters that were at *path*."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._away = _away(path)
        self._fd = fd

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Take the letters at *path*, and those of somebody who took them and was killed; None if he had sent all.

        Raises:
            OSError: If there is no such file, or it cannot be read.
            BlockingIOError: If somebody else has them.
        """
        reclaimed = _away(path).exists()
        if reclaimed:
            cls._opened(path).give_back()
        try:
            files.rename_new(path, _away(path))
        except FileExistsError:
            raise _busy(path) from None
        except FileNotFoundError:
            if not reclaimed:
                raise
            return None
        return cls._opened(path)

    @classmethod
    def _opened(cls, path: Path) -> Self:
        fd = files.open_private(_away(path))
        until = monotonic() + _PATIENCE
        while not have(fd, _away(path)):
            if monotonic() >= until:
                os.close(fd)
                raise _busy(path)
            sleep(_NAP)
        return cls(path, fd)

    # -- reading ------------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[Line]:
        """Return the lines that are not settled, in order."""
        at, rest = 0, b""
        while chunk := files.read_at(self._fd, _CHUNK, at + len(rest)):
            *whole, rest = (rest + chunk).split(b"\n")
            for text in whole:
                yield from _line(at, text)
                at += len(text) + 1
        yield from _line(at, rest)

    def batches(self) -> Iterator[list[Line]]:
        """Return the same in batches."""
        batch: list[Line] = []
        size = 0
        for line in self.lines():
            batch.append(line)
            size += len(line.text)
            if len(batch) >= _RECORDS or size >= _BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    # -- settling -----------------------------------------------------------------------------------------------------

    def settle(self, batch: Sequence[Line], back: Sequence[Line] = ()) -> None:
        """Let go of *batch*, after those of it that are to go *back* are back at the path."""
        if back:
            append_lines(self._path, b"".join([line.text + b"\n" for line in back]))
        begin, last = batch[0].at, batch[-1]
        span = bytearray(files.read_at(self._fd, last.at + len(last.text) - begin, begin))
        for line in batch:
            span[line.at - begin] = _SETTLED[0]
        files.write_at(self._fd, bytes(span), begin)

    def give_back(self) -> None:
        """Put back what is not settled, and end."""
        try:
            if not files.still_at(self._fd, self._path):  # it was killed before it had moved the file
                for batch in self.batches():
                    self.settle(batch, back=batch)
                self._make_sure()
            self._away.unlink()
        finally:
            os.close(self._fd)

    def _make_sure(self) -> None:
        """Have what was put back on its disk before the file goes in which it was."""
        try:
            fd = files.open_private(self._path)
        except FileNotFoundError:
            return
        try:
            files.sync(fd)
        finally:
            os.close(fd)


def _away(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _line(at: int, text: bytes) -> Iterator[Line]:
    if text and not text.startswith(_SETTLED):
        yield Line(at, text, letter_of(text))


def _busy(path: Path) -> BlockingIOError:
    return BlockingIOError(f"{path}: somebody else is sending these letters")
