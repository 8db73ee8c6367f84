"""A disk that is full, or fails, costs counted lines, tears none, and writing goes on by itself when there is room."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rotated import FileOf, Folder, posix, run

import penstock
from penstock.plugin import Unavailable
from penstock.testing import some_record
from penstock_file_rotate import openfile
from penstock_file_rotate.openfile import OpenFile


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Disk:
    """Stands between the sink and `os.write`: takes so many bytes more, the rest of a write only in part."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.fails = 0
        self._write = os.write
        self._inode = threading.RLock()

    def write(self, fd: int, data: bytes) -> int:
        with self._inode:  # as in the kernel: one write to a file at a time
            if fd <= 2 or self.room is None:
                return self._write(fd, data)
            if self.room <= 0:
                self.fails += 1
                raise full()
            written = self._write(fd, data[: self.room])
            self.room -= written
            return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.write)
    return disk


@pytest.mark.parametrize("left", [0, 1, 50, 99])
def test_a_full_disk_tears_no_line_and_is_forgotten_when_there_is_room(
    folder: Folder, river: FileOf, disk: Disk, left: int
) -> None:
    river()
    log = penstock.get_logger("trade")
    log.info("sold", n=0)
    disk.room = left
    for n in range(1, 5):
        log.info("sold", n=n)
    assert folder.numbers == [0], "no half of a line is left"
    disk.room = None
    log.info("sold", n=5)

    assert folder.numbers == [0, 5]
    account = penstock.ledger()["file"]
    assert account.dropped == {"stalled": 4}
    assert account.balanced


def test_what_a_full_disk_keeps_out_goes_to_the_fallback(
    folder: Folder, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spare").mkdir()
    sinks = {
        "file": {"type": "file-rotate", "path": str(folder.path), "delivery": {"fallback": "spare"}},
        "spare": {"type": "file-rotate", "path": str(tmp_path / "spare" / "spare.jsonl")},
    }
    penstock.configure({"sink": sinks, "pipeline": {"all": {"sink": "file"}}}, strict=True)
    log = penstock.get_logger("trade")
    log.info("sold", n=0)
    inode = folder.path.stat().st_ino
    write = disk.write

    def only_here(fd: int, data: bytes) -> int:
        disk.room = 0 if os.fstat(fd).st_ino == inode else None
        return write(fd, data)

    monkeypatch.setattr(os, "write", only_here)
    for n in range(1, 4):
        log.info("sold", n=n)

    assert folder.numbers == [0]
    assert Folder(tmp_path / "spare" / "spare.jsonl").numbers == [1, 2, 3]


def test_a_short_write_that_can_go_on_is_finished(
    folder: Folder, river: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data if fd <= 2 else data[:7]))
    river(max_size="300 B", keep=100)
    for n in range(10):
        penstock.get_logger("trade").info("sold", n=n)

    assert folder.numbers == list(range(10))
    assert max(len(data) for data in folder.contents) <= 300
    assert penstock.ledger()["file"].dropped == {}


def test_many_threads_on_a_full_disk_tear_no_line(folder: Folder, river: FileOf, disk: Disk) -> None:
    river(max_size=False)
    log = penstock.get_logger("trade")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(number: int) -> None:
        for n in range(150):
            log.info("sold", n=number * 150 + n)
            if n % 30 == 10:
                disk.fails, disk.room = 0, 40
            elif n % 30 == 20 and disk.fails > 20:  # room again, but not in the very moment in which it became full
                disk.room = None

    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    disk.room = None
    log.info("sold", n=900)

    account = penstock.ledger()["file"]
    assert account.balanced
    assert len(folder.numbers) == len(set(folder.numbers))
    told = sum("event" in row for row in folder.rows)
    assert len(folder.numbers) + told == account.delivered
    assert disk.fails


def test_a_broken_descriptor_is_replaced(folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch) -> None:
    one = sink()
    one.write([some_record(b"before")])
    used = one._current
    write = os.write

    def broken(fd: int, data: bytes) -> int:
        if fd == used.fd:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return write(fd, data)

    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(Unavailable, match="cannot be written: "):
        one.write([some_record(b"lost, and counted by the core")])
    # The number of the new descriptor is that of the old one, which was closed.
    monkeypatch.setattr(os, "write", write)
    one.write([some_record(b"after")])

    assert one._current is not used
    assert folder.lines == ["before", "after"]


class Dying:
    """A disk that takes half of a write, and then nothing at all, not even a cut, until it is well again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        self.ill = False
        self._writes = 0
        self._write, self._truncate = os.write, os.ftruncate
        self._inode = file.stat().st_ino
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "ftruncate", self.truncate)

    def _fails(self, fd: int) -> bool:
        return self.ill and os.fstat(fd).st_ino == self._inode

    def write(self, fd: int, data: bytes) -> int:
        if not self._fails(fd):
            return self._write(fd, data)
        self._writes += 1
        if self._writes == 1:
            return self._write(fd, data[: len(data) // 2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def truncate(self, fd: int, size: int) -> None:
        if self._fails(fd):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._truncate(fd, size)


@pytest.mark.parametrize("then", ["after", "after, and too long for this file", None])
def test_half_a_line_is_taken_back_through_a_new_descriptor_too(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch, then: str | None
) -> None:
    one = sink(max_size="30 B", keep=9)
    one.write([some_record(b"before")])
    disk = Dying(monkeypatch, folder.path)
    disk.ill = True
    for _ in range(2):  # the first breaks the descriptor, the second meets the new one
        with pytest.raises(Unavailable):
            one.write([some_record(b"lost")])
    disk.ill = False
    if then is not None:
        one.write([some_record(then.encode())])
    one.close()

    assert folder.lines == ["before", *([then] if then else [])]


def test_half_a_line_in_a_file_that_was_rotated_meanwhile_is_taken_back(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sink(max_size="30 B", keep=9)
    one.write([some_record(b"before")])
    write, fd = os.write, one._current.fd

    def rotate() -> None:
        one.write([some_record(b"a line that rotates the file")])

    def half(to: int, data: bytes) -> int:
        if to != fd or data != b"after\n":
            return write(to, data)
        written = write(to, data[:3])
        other = threading.Thread(target=rotate)
        other.start()
        other.join()
        return written

    monkeypatch.setattr(os, "write", half)
    one.write([some_record(b"after")])
    monkeypatch.setattr(os, "write", write)
    one.close()

    assert folder.lines == ["before", "a line that rotates the file", "after"]


def test_half_a_line_of_another_thread_is_waited_for_before_the_descriptor_is_given_up(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sink()
    one.write([some_record(b"before")])
    write, old = os.write, one._current.fd
    halfway, go_on = threading.Event(), threading.Event()

    def failing(fd: int, data: bytes) -> int:
        if fd == old and data == b"broken\n":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if fd == old and data == b"half\n" and not halfway.is_set():
            written = write(fd, data[:2])
            halfway.set()
            go_on.wait()
            return written
        return write(fd, data)

    def waited(seconds: float) -> None:
        go_on.set()
        sleep(seconds)

    monkeypatch.setattr(os, "write", failing)
    monkeypatch.setattr(openfile, "sleep", waited)
    other = threading.Thread(target=one.write, args=([some_record(b"half")],))
    other.start()
    halfway.wait()
    with pytest.raises(Unavailable):
        one.write([some_record(b"broken")])
    go_on.set()
    one.write([some_record(b"next")])
    other.join()
    one.close()

    assert sorted(folder.lines) == ["before", "half", "next"]


def test_a_file_that_was_left_is_not_cut_under_those_who_write_to_it_through_a_new_descriptor(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openfile, "_DRAIN", 0.01)
    one = sink()
    one.write([some_record(b"before")])
    write, truncate, old = os.write, os.ftruncate, one._current.fd
    halfway, go_on = threading.Event(), threading.Event()
    meanwhile: list[threading.Thread] = []

    def failing(fd: int, data: bytes) -> int:
        if data == b"broken\n":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if fd == old and data == b"half\n" and not halfway.is_set():
            halfway.set()
            go_on.wait()
            return write(fd, data[:2])
        return write(fd, data)

    def cut(fd: int, size: int) -> None:
        meanwhile.append(threading.Thread(target=one.write, args=([some_record(b"meanwhile")],)))
        meanwhile[0].start()
        meanwhile[0].join(0.05)  # either it writes at once, or it waits for whoever cuts
        truncate(fd, size)

    monkeypatch.setattr(os, "write", failing)
    monkeypatch.setattr(os, "ftruncate", cut)
    other = threading.Thread(target=one.write, args=([some_record(b"half")],))
    other.start()
    halfway.wait()
    with pytest.raises(Unavailable):
        one.write([some_record(b"broken")])
    one.write([some_record(b"next")])
    go_on.set()
    other.join()
    assert meanwhile
    meanwhile[0].join()
    one.close()

    assert sorted(folder.lines) == ["before", "half", "meanwhile", "next"]


def test_a_queue_is_told_to_try_again_soon_for_there_may_be_room_at_any_moment(
    folder: Folder, sink: FileOf, disk: Disk
) -> None:
    one = sink()
    disk.room = 0
    for batch in ([some_record(b"one")], [some_record(b"one"), some_record(b"two")]):
        with pytest.raises(Unavailable) as caught:
            one.write(batch)
        assert caught.value.retry_after == 1.0


def test_a_disk_that_is_full_at_the_start_is_no_reason_to_refuse_it(
    folder: Folder, river: FileOf, monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    def no_room(*arguments: object) -> int:
        raise full()

    with monkeypatch.context() as patch:
        patch.setattr("penstock.files.open_append", no_room)
        river()
        penstock.get_logger("trade").info("sold", n=1)
    penstock.get_logger("trade").info("sold", n=2)

    assert folder.numbers == [2]
    assert penstock.ledger()["file"].dropped == {"stalled": 1}
    assert "cannot be opened yet" in told()


def test_a_batch_that_fits_only_in_part_says_how_much_arrived(folder: Folder, sink: FileOf, disk: Disk) -> None:
    one = sink(max_size=100, keep=10)
    disk.room = 250
    batch = [some_record(b"123456789")] * 30
    with pytest.raises(Unavailable) as caught:
        one.write(batch)
    assert caught.value.delivered == 20
    disk.room = None
    one.write(batch[caught.value.delivered :])

    assert folder.lines == ["123456789"] * 30


@settings(max_examples=40, deadline=None)
@given(rooms=st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=30), max_size=st.integers(10, 90))
def test_whatever_the_disk_does_what_is_delivered_is_there_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, rooms: list[int | None], max_size: int
) -> None:
    from penstock_file_rotate.sink import FileRotateSink

    folder = Folder(tmp_path_factory.mktemp("disk") / "out.log")
    disk, written = Disk(), []
    one = FileRotateSink(path=folder.path, max_size=max_size, keep=1_000)  # type: ignore[arg-type]
    one.open()
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "write", disk.write)
    try:
        for number, room in enumerate(rooms):
            disk.room = room
            for part in "ab":
                try:
                    one.write([some_record(f"{number}{part}".encode() + b"x" * (number % 20))])
                except Unavailable:
                    continue
                written.append(f"{number}{part}" + "x" * (number % 20))
    finally:
        patch.undo()
        one.close()

    assert folder.lines == written
    assert all(len(data) <= max_size or data.count(b"\n") == 1 for data in folder.contents)
    shutil.rmtree(folder.path.parent)


@pytest.mark.parametrize(
    ("there", "then"),
    [
        (b"one\nhalfwhole\n", b"one\nhalfwhole\nwhole\n"),
        (b"halfwhole\nanother\n", b"halfwhole\nanother\nwhole\n"),
        (b"half\nwhole\n", b"half\nwhole\n"),
        (b"one\n", b"one\n"),
    ],
)
def test_a_line_that_came_behind_half_a_line_is_written_again(tmp_path: Path, there: bytes, then: bytes) -> None:
    path = tmp_path / "out"
    file = OpenFile(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1_000)
    file._torn.append(b"half")
    path.write_bytes(there)

    assert file.mend(path)

    assert (file.scars, path.read_bytes()) == (1, then)
    file.close()


def test_half_a_line_in_a_file_that_was_moved_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "out"
    file = OpenFile(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1_000)
    path.write_bytes(b"half")
    file._torn.append(b"half")
    path.rename(tmp_path / "moved")

    file.take(5)
    file.append_alone(b"next\n", path)

    assert (tmp_path / "moved").read_bytes() == b"half\nnext\n"
    file.close()


def test_who_hangs_is_waited_for_once_and_never_closed_under(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openfile, "_DRAIN", 0.01)
    path = tmp_path / "out"
    file = OpenFile(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1_000)
    writer = file._busy
    writer.append(None)  # as in the middle of a write that does not return

    file.take(5)
    file.append_alone(b"next\n", path)
    file.shut()

    assert not file.is_quiet
    writer.pop()
    assert file.is_quiet
    file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_what_is_no_file_is_refused_before_anything_runs(river: FileOf) -> None:
    with pytest.raises(penstock.ConfigError, match="it is no regular file"):
        river(path="/dev/full")


PROGRAM = """
import json, os, sys, threading
import penstock

how, path = sys.argv[1:3]
threads = int(sys.argv[3])
if how == "rlimit":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
max_size = False if how == "rlimit" else "8 kB"
penstock.configure({
    "sink": {"file": {"type": "file-rotate", "path": path, "max_size": max_size, "keep": 1000}},
    "pipeline": {"all": {"sink": "file", "match": ["**", "!penstock.**"]}},
}, strict=True)
log = penstock.get_logger("trade")

def work(first, count):
    for n in range(first, first + count):
        log.info("sold", n=n, text="x" * (n % 50))

def phase(first):
    workers = [threading.Thread(target=work, args=(first + i * 300, 300)) for i in range(threads)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()

phase(0)
dropped = dict(penstock.ledger()["file"].dropped)
if how == "rlimit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
else:
    os.unlink(os.path.join(os.path.dirname(path), "ballast"))
phase(100_000)
penstock.flush()
account = penstock.ledger()["file"]
print(json.dumps({
    "dropped": dropped, "later": dict(account.dropped), "accepted": account.accepted,
    "delivered": account.delivered, "balanced": account.balanced,
}))
"""


def judge(folder: Folder, done: subprocess.CompletedProcess[str], threads: int) -> None:
    """Check a run: the law is exact, what was delivered is there once, all of the second phase is."""
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["balanced"]
    assert told["accepted"] == threads * 600
    assert told["dropped"]["stalled"] > 0
    assert told["later"] == told["dropped"], "once there is room nothing is dropped any more"
    numbers = folder.numbers
    assert len(numbers) == len(set(numbers)) == told["delivered"]
    assert {n for n in numbers if n >= 100_000} == set(range(100_000, 100_000 + threads * 300))
    assert len(done.stderr) < 4_096


@posix
@pytest.mark.parametrize("threads", [1, 4])
def test_a_limit_of_the_system_on_a_files_size(folder: Folder, threads: int) -> None:
    judge(folder, run(PROGRAM, "rlimit", folder.path, threads), threads)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, with a ballast that leaves 40 KiB of it."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if sys.platform == "win32" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        (place / "ballast").write_bytes(b"x" * 1_007_616)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_disk_that_is_really_full(small_disk: Path, threads: int) -> None:
    done = run(PROGRAM, "disk", small_disk / "trade.jsonl", threads)

    (small_disk / "ballast").unlink(missing_ok=True)
    judge(Folder(small_disk / "trade.jsonl"), done, threads)


def test_a_full_disk_is_told_once_and_health_knows(
    folder: Folder, river: FileOf, disk: Disk, told: Callable[[], str]
) -> None:
    river()
    disk.room = 10
    for n in range(100):
        penstock.get_logger("trade").critical("sold", n=n)

    assert penstock.health().sinks == {"file": "degraded"}
    assert len(told()) < 1_000, "one telling, not a hundred"
    disk.room = None
    penstock.get_logger("trade").info("sold", n=100)
    assert folder.numbers == [100]


def test_a_full_file_on_a_full_disk_that_cannot_be_rotated_is_not_rotated_for_every_line(
    folder: Folder, sink: FileOf, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sink(max_size=100)
    one.write([some_record(b"x" * 90)])
    tries = []

    def refuse(time_ns: int) -> Path:
        tries.append(time_ns)
        raise PermissionError(errno.EACCES, "not now")

    monkeypatch.setattr(one._archives, "move", refuse)
    disk.room = 0
    for _ in range(50):
        with pytest.raises(Unavailable):
            one.write([some_record(b"y" * 20)])
    disk.room = None
    one.write([some_record(b"z" * 20)])

    assert len(tries) == 1
    assert folder.lines == ["x" * 90, "z" * 20]
