"""Hang: sinks whose writes do not return until the judge says so; a file's path in, a hung sink out; the sink's writer
waits in the kernel, or in the C library; everything goes on when it is let go.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, final

from disks import RealDisk
from levers import HANG, Call, Levers
from oracle import files_of


class Hang(Protocol):
    """Somewhere that can hang.

    Attributes:
        path: A file that a library may write to.
        env: Variables that the program needs.
    """

    path: Path
    env: Mapping[str, str]

    @property
    def sink(self) -> Mapping[str, Any]:
        """The sink's table."""
        ...

    def hang(self) -> None:
        """Have writes wait from now on."""
        ...

    def release(self) -> None:
        """Let them go on."""
        ...

    def contents(self) -> list[bytes]:
        """Return what arrived."""
        ...


class _File:
    """A rotated file."""

    env: Mapping[str, str]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {}

    @property
    def sink(self) -> Mapping[str, Any]:
        """The sink's table."""
        return {"type": "file-rotate", "path": str(self.path), "max_size": False}

    def contents(self) -> list[bytes]:
        """Return what arrived."""
        return files_of(self.path)


@final
class HungCall(_File):
    """A file whose writes wait in the C library."""

    def __init__(self, path: Path, levers: Levers) -> None:
        super().__init__(path)
        self._levers = levers
        self.env = levers.env

    def hang(self) -> None:
        """Have writes wait from now on."""
        self._levers.pull(Call.WRITE, HANG)

    def release(self) -> None:
        """Let them go on."""
        self._levers.release()


@final
class FrozenDisk(_File):
    """A file on a disk that freezes: its writer cannot even be killed."""

    def __init__(self, disk: RealDisk) -> None:
        super().__init__(disk.path / "say.jsonl")
        self._disk = disk

    def hang(self) -> None:
        """Have writes wait from now on."""
        self._disk.freeze()

    def release(self) -> None:
        """Let them go on."""
        self._disk.thaw()


@final
class StoppedReader:
    """A pipe whose reader is stopped."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pipe"
        os.mkfifo(self.path)
        self._kept = os.open(self.path, os.O_RDWR)  # as long as this is open, the reader waits for further writers
        self.env: Mapping[str, str] = {}
        self._arrived = folder / "arrived"
        with self._arrived.open("wb") as arrived:
            self._reader = subprocess.Popen(["cat", str(self.path)], stdout=arrived)

    @property
    def sink(self) -> Mapping[str, Any]:
        """The sink's table."""
        return {"type": "python:pipe:Pipe", "path": str(self.path)}

    def hang(self) -> None:
        """Have writes wait from now on."""
        self._reader.send_signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let them go on."""
        self._reader.send_signal(signal.SIGCONT)

    def contents(self) -> list[bytes]:
        """Return what arrived; the writers have gone."""
        self._let_go()
        self._reader.wait()
        return [self._arrived.read_bytes()]

    def close(self) -> None:
        """End the reader."""
        self._let_go()
        self._reader.kill()
        self._reader.wait()

    def _let_go(self) -> None:
        if self._kept >= 0:
            os.close(self._kept)
            self._kept = -1


@contextmanager
def stopped_reader(folder: Path) -> Iterator[StoppedReader]:
    """Make a pipe and start a program that reads it."""
    folder.mkdir()
    made = StoppedReader(folder)
    try:
        yield made
    finally:
        made.close()
