"""Archives are compressed in the background; whatever stops that, every line is there, plain or packed."""

from __future__ import annotations

import errno
import gzip
import os
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from rotated import FileOf, Folder, posix

import penstock
from penstock.testing import some_record
from penstock_file_rotate import archiver, compress
from penstock_file_rotate.hold import have_alone, hold


@pytest.mark.parametrize(("method", "suffix"), [("gzip", ".gz"), ("zstd", ".zst")])
def test_archives_are_compressed_and_every_line_is_there_once(
    folder: Folder, river: FileOf, method: str, suffix: str
) -> None:
    river(max_size="1 kB", keep=1_000, compress=method)

    for n in range(200):
        penstock.get_logger("trade").info("sold", n=n)
    assert penstock.flush()

    assert {path.suffix for path in folder.archives} == {suffix}
    assert folder.numbers == list(range(200))


def test_no_thread_is_started_before_there_is_something_to_compress(folder: Folder, river: FileOf) -> None:
    before = threading.active_count()
    river(compress="gzip", max_size="1 kB")
    penstock.get_logger("trade").info("sold", n=1)
    assert threading.active_count() == before

    penstock.get_logger("trade").info("sold" * 300, n=1)
    assert threading.active_count() == before + 1


def test_an_archive_keeps_the_time_of_its_last_line(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size=100, compress="gzip")
    one.write([some_record(b"x" * 99)])
    os.utime(folder.path, (1_000_000_000, 1_000_000_000))
    one.write([some_record(b"next")])
    one.flush()

    (archive,) = folder.archives
    assert archive.stat().st_mtime == 1_000_000_000


def leave(folder: Folder, name: str, data: bytes = b"line\n") -> Path:
    folder.path.parent.mkdir(exist_ok=True)
    path = folder.path.parent / name
    path.write_bytes(data)
    return path


def test_what_a_process_that_died_left_plain_is_taken_up_at_open(folder: Folder, sink: FileOf) -> None:
    leave(folder, "trade-20200101T000000-001.jsonl", b"left\n")
    leave(folder, "trade-20200101T000000-001.jsonl.gz.tmp", b"half of it")

    sink(compress="gzip").flush()

    (archive,) = folder.archives
    assert archive.name == "trade-20200101T000000-001.jsonl.gz"
    assert folder.lines == ["left"]


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_a_crash_between_the_last_two_steps_leaves_no_line_twice(folder: Folder, sink: FileOf, method: str) -> None:
    one = sink(max_size=100, compress=method)
    one.write([some_record(b"x" * 99)])
    one.write([some_record(b"next")])
    one.flush()
    one.close()
    (packed,) = folder.archives
    leave(folder, packed.name.removesuffix(packed.suffix), b"x" * 99 + b"\n")

    sink(compress=method).flush()

    assert folder.archives == [packed]
    assert folder.lines == ["x" * 99, "next"]


@pytest.mark.parametrize("other", [gzip.compress(b"another line\n"), b"no gzip at all", gzip.compress(b"line\n")[:-4]])
def test_a_packed_archive_that_holds_something_else_is_not_overwritten(
    folder: Folder, sink: FileOf, other: bytes, told: Any
) -> None:
    plain = leave(folder, "trade-20200101T000000-001.jsonl")
    packed = leave(folder, "trade-20200101T000000-001.jsonl.gz", other)

    sink(compress="gzip").flush()

    assert (plain.read_bytes(), packed.read_bytes()) == (b"line\n", other)
    assert "could not be compressed" in told()


def test_the_claim_of_a_process_that_died_is_no_obstacle(folder: Folder, sink: FileOf) -> None:
    leave(folder, "trade-20200101T000000-001.jsonl")
    leave(folder, "trade-20200101T000000-001.jsonl.gz", b"")

    sink(compress="gzip").flush()

    assert folder.lines == ["line"]
    assert len(folder.archives) == 1


def test_a_name_that_was_claimed_just_now_is_not_compressed(folder: Folder) -> None:
    claimed = leave(folder, "trade-20200101T000000-001.jsonl", b"")
    packed = leave(folder, "trade-20200101T000000-001.jsonl.gz", gzip.compress(b"line\n"))

    compress.compress(claimed, "gzip", lambda: False)

    assert claimed.exists()
    assert folder.lines == ["line"]
    assert packed.exists()


def test_a_half_that_nobody_finishes_goes(folder: Folder, sink: FileOf) -> None:
    leave(folder, "trade-20200101T000000-001.jsonl.gz.tmp", b"half")

    sink(compress="gzip").flush()

    assert folder.archives == []


@posix
def test_an_archive_that_another_process_has_open_waits(folder: Folder, sink: FileOf) -> None:
    plain = leave(folder, "trade-20200101T000000-001.jsonl")
    with plain.open("ab") as theirs:
        hold(theirs.fileno())
        one = sink(compress="gzip")
        one.flush()
        assert plain.exists()
        theirs.write(b"a late line\n")

    one._archiver.ring()
    one.flush()

    assert not plain.exists()
    assert folder.lines == ["line", "a late line"]


@posix
def test_one_that_is_being_compressed_elsewhere_is_left_alone(folder: Folder, sink: FileOf) -> None:
    plain = leave(folder, "trade-20200101T000000-001.jsonl")
    half = leave(folder, "trade-20200101T000000-001.jsonl.gz.tmp", b"half")
    with plain.open("rb") as theirs:
        assert have_alone(theirs.fileno())
        sink(compress="gzip").flush()

        assert (plain.exists(), half.read_bytes()) == (True, b"half")


def failing(name: str, code: int) -> Any:
    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("step", ["create_new", "move_new"])
def test_a_compression_that_fails_is_a_fault_and_costs_no_line(
    folder: Folder, river: FileOf, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(compress, step, failing(step, errno.ENOSPC))
        river(max_size="500 B", keep=1_000, compress="gzip")
        for n in range(20):
            penstock.get_logger("trade").info("sold", n=n)
        assert penstock.flush()
        # The fault is an event too: it can fill the file once more, and then the archiver tries again.
        until = monotonic() + 30
        while {path.suffix for path in folder.archives} != {".jsonl"} and monotonic() < until:
            assert penstock.flush()

        assert {path.suffix for path in folder.archives} == {".jsonl"}
    assert ("archive.failed", "trade.jsonl") in penstock.faults.fault_counts()
    assert folder.numbers == list(range(20))

    penstock.get_logger("trade").info("x" * 500, n=20)  # the next rotation tries all of them again
    assert penstock.flush()

    assert {path.suffix for path in folder.archives} == {".gz"}
    assert folder.numbers == list(range(21))
    account = penstock.ledger()["file"]
    assert account.accepted == account.delivered


def test_closing_stops_in_the_middle_and_the_next_start_goes_on(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(method: Any) -> Any:
        started.set()
        go.wait(5)
        return compressor(method)

    compressor = compress._compressor
    monkeypatch.setattr(compress, "_compressor", slow)
    leave(folder, "trade-20200101T000000-001.jsonl")
    one = sink(compress="gzip")
    assert started.wait(5)
    one._archiver._stop.set()
    go.set()
    one.close()

    assert [path.name for path in folder.archives] == ["trade-20200101T000000-001.jsonl"]
    monkeypatch.undo()
    sink(compress="gzip").flush()
    assert [path.suffix for path in folder.archives] == [".gz"]
    assert folder.lines == ["line"]


def test_where_no_thread_can_start_the_archive_waits_for_the_next_start(
    folder: Folder, river: FileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        river(max_size="300 B", keep=1_000, compress="gzip")
        for n in range(10):
            penstock.get_logger("trade").info("sold", n=n)
        assert penstock.flush()
        assert penstock.shutdown()
    assert {path.suffix for path in folder.archives} == {".jsonl"}

    river(compress="gzip", keep=1_000)
    assert penstock.flush()

    assert {path.suffix for path in folder.archives} == {".gz"}
    assert folder.numbers == list(range(10))


def test_the_archiver_outlives_whatever_it_meets(
    folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    one = sink(max_size=100, compress="gzip")
    with monkeypatch.context() as patch:
        patch.setattr(archiver, "compress", lambda *arguments: 1 / 0)
        for _ in range(2):
            one.write([some_record(b"x" * 99)])
        one.flush()
    assert "ZeroDivisionError" in told()

    one.write([some_record(b"x" * 99)])
    one.flush()

    assert [path.suffix for path in folder.archives] == [".gz", ".gz"]


def test_flush_gives_up_in_time(folder: Folder, sink: FileOf, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(archiver, "compress", lambda *arguments: go.wait(10))
    leave(folder, "trade-20200101T000000-001.jsonl")
    one = sink(compress="gzip")

    assert not one._archiver.flush(0.05)

    go.set()
    assert one._archiver.flush(5)


def test_a_changed_method_reads_what_the_old_one_left(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size=100, compress="gzip", keep=10)
    for letter in b"abc":
        one.write([some_record(bytes([letter]) * 99)])
    one.flush()
    one.close()
    two = sink(max_size=100, compress="zstd", keep=3)
    for letter in b"def":
        two.write([some_record(bytes([letter]) * 99)])
    two.flush()

    assert [path.suffix for path in folder.archives] == [".zst", ".zst", ".zst"] or [
        path.suffix for path in folder.archives
    ] == [".gz", ".zst", ".zst"]
    assert [line[0] for line in folder.lines] == list("cdef")
