"""What the tests of rotated files share: the file's folder, its lines, a clock to turn, a program to run."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from penstock_file_rotate.sink import FileRotateSink

FileOf = Callable[..., FileRotateSink]


def content(path: Path) -> bytes:
    """Return what is in a file, unpacked."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    return zstd.decompress(data) if path.suffix == ".zst" else data


class Folder:
    """A folder with one rotated file in it.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def archives(self) -> list[Path]:
        """Every other file of the folder, in the order of their names; of numbers with more digits, as numbers."""
        others = [path for path in self.path.parent.iterdir() if path.is_file() and path != self.path]
        return sorted(others, key=lambda path: [part.zfill(9) for part in re.split(r"[-.]", path.name)])

    @property
    def contents(self) -> list[bytes]:
        """What is in the archives and the file, unpacked; half a compressed archive is none."""
        whole = [path for path in self.archives if path.suffix != ".tmp"]
        there = [self.path] if self.path.exists() else []
        return [content(path) for path in (*whole, *there)]

    @property
    def lines(self) -> list[str]:
        """All lines, those of the oldest archive first; a line without an end is none."""
        assert all(data.endswith(b"\n") for data in self.contents if data), "a line is torn"
        return [line for data in self.contents for line in data.decode().splitlines()]

    @property
    def rows(self) -> list[Any]:
        """All lines as JSON."""
        return [json.loads(line) for line in self.lines]

    @property
    def numbers(self) -> list[int]:
        """The field ``n`` of every line that has one; faults have none."""
        return [row["n"] for row in self.rows if "n" in row]


def file_of(runtime: Any, name: str = "file") -> FileRotateSink:
    """Return the sink itself, out of a running configuration."""
    sink = runtime._graph.sinks[name].sink.sink
    assert isinstance(sink, FileRotateSink)
    return sink


class Clock:
    """The two clocks of the sink: `set` the wall, `pass_time` on both.

    The sink asks for the time by the names `time_ns` and `monotonic` of its module, so there they are replaced.
    """

    def __init__(self) -> None:
        self.wall = 0
        self.ticks = 1_000.0
        self.set(2026, 11, 21, 18, 45)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let sinks go by this clock."""
        patch.setattr("penstock_file_rotate.sink.time_ns", lambda: self.wall)
        patch.setattr("penstock_file_rotate.sink.monotonic", lambda: self.ticks)

    def set(self, *moment: int) -> None:
        """Put the wall clock, in UTC, without any time passing."""
        self.wall = round(datetime(*moment, tzinfo=UTC).timestamp() * 1e9)  # type: ignore[arg-type, misc]

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += round(seconds * 1e9)
        self.ticks += seconds


def run(code: str, *arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program of its own and return what came of it."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
