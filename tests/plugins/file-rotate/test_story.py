"""Any story of writes, clocks, restarts and meddling: every line once, none split, no file too large."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rotated import Clock, Folder

from penstock.testing import some_record
from penstock_file_rotate.sink import FileRotateSink


class Story(RuleBasedStateMachine):
    """One file, and everything that happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.folder = Folder(self.place / "logs" / "story.log")
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.clock.install(self.patch)
        self.written: list[str] = []
        self.meddled = 0
        self.sink: FileRotateSink

    @initialize(
        max_size=st.one_of(st.just(False), st.integers(1, 80)),
        every=st.sampled_from([None, "hour", "day"]),
        compress=st.sampled_from(["none", "gzip"]),
    )
    def begin(self, max_size: int, every: Any, compress: Any) -> None:
        self.max_size = max_size
        self.options: dict[str, Any] = {"max_size": max_size, "every": every, "compress": compress, "utc": True}
        self.sink = self.opened()

    def opened(self) -> FileRotateSink:
        sink = FileRotateSink(path=self.folder.path, keep=10_000, **self.options)
        sink.open()
        return sink

    @rule(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=6))
    def write(self, sizes: list[int]) -> None:
        lines = [f"{len(self.written) + place}." + "x" * size for place, size in enumerate(sizes)]
        self.sink.write([some_record(line.encode())._replace(time_ns=self.clock.wall) for line in lines])
        self.written += lines

    @rule(seconds=st.sampled_from([0.1, 1.5, 1_800, 3_600, 90_000]))
    def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds)

    @rule(hours=st.integers(-100, 100))
    def turn_the_clock(self, hours: int) -> None:
        self.clock.wall += hours * 3_600 * 10**9

    @rule()
    def restart(self) -> None:
        self.sink.close()
        self.sink = self.opened()

    @rule()
    def restart_without_an_end(self) -> None:
        dead, self.sink = self.sink, self.opened()  # what a dead process leaves is nothing in memory
        dead._archiver.close(5)
        dead.close()

    @precondition(lambda self: self.folder.path.exists())
    @rule()
    def move_it_away(self) -> None:
        self.meddled += 1
        self.folder.path.rename(self.place / "logs" / f"away-{self.meddled:03d}")
        self.clock.pass_time(1.5)

    @rule()
    def flush(self) -> None:
        self.sink.flush()

    @precondition(lambda self: self.options["compress"] == "none")  # else the archiver may get the same number
    @rule()
    def break_the_descriptor(self) -> None:
        fd = self.sink._current.fd
        if fd >= 0 and os.path.exists(f"/proc/self/fd/{fd}"):
            os.close(fd)

    @invariant()
    def every_line_is_there_once_and_whole(self) -> None:
        if self.written:
            self.sink.flush()
            assert sorted(self.folder.lines) == sorted(self.written)

    @invariant()
    def no_file_is_too_large(self) -> None:
        if self.written and self.max_size:
            assert all(len(data) <= self.max_size or data.count(b"\n") == 1 for data in self.folder.contents)

    def teardown(self) -> None:
        if hasattr(self, "sink"):
            self.sink.close()
        self.patch.undo()
        shutil.rmtree(self.place)


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
