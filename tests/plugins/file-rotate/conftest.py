"""Rivers into one rotated file, and a clock to turn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.plugin import Size
from penstock_file_rotate.sink import FileRotateSink

sys.path.insert(0, str(Path(__file__).parent))  # for `rotated`; the folder's name is no package's

from rotated import Clock, FileOf, Folder, file_of


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder for a rotated file."""
    return Folder(tmp_path / "logs" / "trade.jsonl")


@pytest.fixture
def river(folder: Folder) -> FileOf:
    """Configure one sink that writes to the folder's file; what is given are its options."""

    def make(**options: Any) -> FileRotateSink:
        sink = {"type": "file-rotate", "path": str(folder.path), **options}
        runtime = penstock.configure({"sink": {"file": sink}, "pipeline": {"all": {"sink": "file"}}}, strict=True)
        return file_of(runtime)

    return make


@pytest.fixture
def sink(folder: Folder) -> Iterator[FileOf]:
    """Make a sink alone, opened; closed at the end."""
    made: list[FileRotateSink] = []

    def make(**options: Any) -> FileRotateSink:
        for name in {"max_size", "max_total"} & set(options):
            options[name] = options[name] and Size(options[name])
        one = FileRotateSink(**{"path": folder.path, **options})
        one.open()
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give every sink a clock that stands still."""
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return what was said on standard error since the last look."""
    return lambda: capfd.readouterr().err
