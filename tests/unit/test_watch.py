"""Files are read when something about them changed, judged when they read twice alike, and each content once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock import faults
from penstock.assembly import watch as module
from penstock.assembly.watch import Seen, Watch, digest_of

LONG_AGO = 1_000_000_000.0


class Clock:
    """Timers that run when they are told to."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.now = 0.0
        self.broken = False

    def after(self, seconds: float, function: Callable[[], None], /) -> Callable[[], None]:
        if self.broken:
            raise RuntimeError("can't start new thread")
        self.timers.append((self.now + seconds, function))
        return lambda: None

    def pass_by(self, seconds: float) -> None:
        until = self.now + seconds
        while due := sorted([timer for timer in self.timers if timer[0] <= until], key=lambda timer: timer[0]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = until


class Folder:
    """A file that is watched; its times are of long ago unless a test says otherwise."""

    def __init__(self, path: Path) -> None:
        self.file = path / "penstock.toml"
        self.reads = 0
        self.reloads: list[str] = []
        self.write("one")
        self.watch = Watch(self.read, lambda: self.reloads.append(self.file.read_text()))

    def write(self, text: str, *, at: float = LONG_AGO) -> None:
        self.file.write_text(text)
        os.utime(self.file, (at, at))

    def read(self) -> Seen:
        self.reads += 1
        return self.seen()

    def seen(self) -> Seen:
        try:
            return Seen(self.file.read_text(), [self.file])
        except OSError as error:
            return Seen(str(error.strerror), [self.file])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "TIMERS", clock)
    # The change time is the system's; so what is recent is told by the time of the content alone.
    monkeypatch.setattr(module, "_is_recent", lambda mark: mark is not None and mark[4] > 2 * LONG_AGO * 1e9)
    monkeypatch.setattr(threading.Thread, "start", lambda self: self.run())
    return clock


@pytest.fixture
def folder(tmp_path: Path, clock: Clock) -> Folder:
    folder = Folder(tmp_path)
    folder.watch.aim(folder.seen(), 1.0)
    clock.pass_by(1.0)
    folder.reads = 0
    return folder


def test_what_does_not_change_is_not_even_read(folder: Folder, clock: Clock) -> None:
    clock.pass_by(100)

    assert (folder.reads, folder.reloads) == (0, [])


def test_what_changed_is_read_twice_and_reloaded_once(folder: Folder, clock: Clock) -> None:
    folder.write("two and more")
    clock.pass_by(100)

    assert (folder.reads, folder.reloads) == (2, ["two and more"])


def test_what_is_being_written_is_not_judged(folder: Folder, clock: Clock) -> None:
    for length in range(1, 8):
        folder.write("written"[:length])
        clock.pass_by(0.1)
    assert folder.reloads == []
    clock.pass_by(2)

    assert folder.reloads == ["written"]


def test_a_touch_is_no_change(folder: Folder, clock: Clock) -> None:
    os.utime(folder.file, (LONG_AGO + 5, LONG_AGO + 5))
    clock.pass_by(100)

    assert (folder.reads, folder.reloads) == (1, [])


def test_each_content_is_judged_once_and_what_was_put_back_is_another(folder: Folder, clock: Clock) -> None:
    for text in ("bad", "bad", "one"):
        folder.write(text, at=LONG_AGO + folder.reads + 1)
        clock.pass_by(10)

    assert folder.reloads == ["bad", "one"]


def test_a_change_that_leaves_no_mark_is_seen_if_it_comes_soon(folder: Folder, clock: Clock, tmp_path: Path) -> None:
    soon = 3 * LONG_AGO
    folder.write("two", at=soon)
    clock.pass_by(2)
    before = folder.file.stat()
    folder.file.write_text("owt")
    os.utime(folder.file, (soon, soon))
    assert (before.st_ino, before.st_size) == (folder.file.stat().st_ino, folder.file.stat().st_size)
    clock.pass_by(2)

    assert folder.reloads == ["two", "owt"]


def test_a_file_that_is_gone_is_judged_once_and_looked_for(folder: Folder, clock: Clock) -> None:
    judged: list[str] = []
    folder.watch._reload = lambda: judged.append("judged")
    folder.file.unlink()
    clock.pass_by(100)
    assert judged == ["judged"]
    folder.write("one more")
    clock.pass_by(100)

    assert judged == ["judged", "judged"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
def test_a_folder_that_is_led_elsewhere_is_seen_though_nothing_in_it_changed(tmp_path: Path, clock: Clock) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        Folder(tmp_path / name).write(name)
    (tmp_path / "data").symlink_to("first")
    folder = Folder.__new__(Folder)
    folder.file, folder.reads, folder.reloads = tmp_path / "data" / "penstock.toml", 0, []
    folder.watch = Watch(folder.read, lambda: folder.reloads.append(folder.file.read_text()))
    folder.watch.aim(folder.seen(), 1.0)
    clock.pass_by(1)
    (tmp_path / "next").symlink_to("second")
    (tmp_path / "next").replace(tmp_path / "data")
    clock.pass_by(10)

    assert folder.reloads == ["second"]


def test_a_reading_that_raises_is_told_and_tried_again(folder: Folder, clock: Clock) -> None:
    def fail() -> Seen:
        raise MemoryError

    folder.write("two")
    read, folder.watch._read = folder.watch._read, fail
    clock.pass_by(2)
    assert faults.fault_counts()["watch.failed", ""] == 2
    folder.watch._read = read
    clock.pass_by(2)

    assert folder.reloads == ["two"]


def test_what_took_over_while_it_was_read_is_not_taken_for_a_change(folder: Folder, clock: Clock) -> None:
    def read() -> Seen:
        seen = folder.seen()
        folder.watch.aim(seen, 1.0)  # a reload by another way
        return seen

    folder.write("two")
    folder.watch._read = read
    clock.pass_by(1)
    folder.watch._read = folder.read
    clock.pass_by(10)

    assert folder.reloads == []


def test_at_the_end_nobody_looks(folder: Folder, clock: Clock) -> None:
    folder.watch.end()
    folder.write("two")
    clock.pass_by(100)

    assert (folder.reads, clock.timers) == (0, [])


def test_a_child_looks_by_itself(folder: Folder, clock: Clock) -> None:
    clock.timers.clear()  # the parent's
    folder.watch.after_fork_in_child()
    folder.write("two")
    clock.pass_by(10)

    assert folder.reloads == ["two"]


def test_where_no_thread_can_be_started_it_is_told_and_nobody_watches(tmp_path: Path, clock: Clock) -> None:
    clock.broken = True
    folder = Folder(tmp_path)
    folder.watch.aim(folder.seen(), 1.0)

    assert faults.fault_counts()["watch.failed", ""] == 1
    clock.broken = False
    folder.watch.after_fork_in_child()
    assert clock.timers == []


def test_it_looks_no_more_often_than_twenty_times_a_second(tmp_path: Path, clock: Clock) -> None:
    folder = Folder(tmp_path)
    folder.watch.aim(folder.seen(), 0.0)
    clock.pass_by(1.0)
    looked = clock.timers[0][0]

    assert looked == pytest.approx(1.05, abs=0.051)


def test_a_digest_tells_contents_apart_and_not_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a secret")
    (tmp_path / "b").write_text("another")

    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "a") != digest_of(tmp_path / "b")
    assert b"secret" not in (digest_of(tmp_path / "a") or b"secret")
    assert digest_of(tmp_path / "c") is None
