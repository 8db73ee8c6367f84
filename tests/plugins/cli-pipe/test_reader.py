"""Bytes become lines, each once and in order, however they arrive; memory is bounded."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_cli.pipe import reader
from penstock_cli.pipe.reader import Line, Reader, Splitter, Stream, pumped

LONG = 1_000_000


def split(chunks: Sequence[bytes], longest: int = LONG) -> list[Line]:
    splitter = Splitter("", longest)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + list(splitter.end())


class TestSplitter:
    @given(st.lists(st.binary().map(lambda text: text.replace(b"\r", b"")), max_size=20))
    def test_lines_do_not_depend_on_how_the_bytes_arrive(self, chunks: list[bytes]) -> None:
        whole = b"".join(chunks)
        expected = whole.split(b"\n")
        if not expected[-1]:
            expected.pop()

        assert [line.data for line in split(chunks)] == expected

    def test_the_last_line_needs_no_newline(self) -> None:
        assert [line.data for line in split([b"a\nb"])] == [b"a", b"b"]

    def test_an_empty_line_is_a_line(self) -> None:
        assert [line.data for line in split([b"a\n\n", b"\nb\n"])] == [b"a", b"", b"", b"b"]

    def test_a_line_may_end_as_on_windows(self) -> None:
        assert [line.data for line in split([b"a\r", b"\nb\r\r\nc\rd\r"])] == [b"a", b"b\r", b"c\rd"]

    def test_a_long_line_is_cut_and_its_rest_is_counted_not_kept(self) -> None:
        splitter = Splitter("", 100)
        lines = [line for _ in range(1_000) for line in splitter.feed(b"x" * 100)]
        assert len(splitter._held) == 100
        lines += splitter.feed(b"\nnext\n")

        assert lines == [Line(b"x" * 100, "", 99_900), Line(b"next", "", 0)]

    def test_a_cut_line_ends_at_a_space_so_that_no_half_secret_is_left(self) -> None:
        (line,) = split([b"from 10.20.30.40\n"], longest=10)

        assert line == Line(b"from", "", 12)

    def test_a_cut_line_ends_with_a_whole_character(self) -> None:
        for longest in range(16, 24):
            (line,) = split(["äö€😀äö€😀äö€😀".encode()], longest)
            line.data.decode()
            assert len(line.data) + line.cut == len("äö€😀äö€😀äö€😀".encode())

    @given(st.binary(min_size=20, max_size=200).filter(lambda data: b"\n" not in data), st.integers(1, 19))
    def test_what_is_kept_and_what_is_cut_make_the_line(self, data: bytes, longest: int) -> None:
        (line,) = split([data], longest)

        assert data.startswith(line.data)
        assert len(line.data) + line.cut == len(data)


@contextmanager
def pipes(count: int) -> Iterator[tuple[list[int], list[int]]]:
    pairs = [os.pipe() for _ in range(count)]
    open_ends = [fd for pair in pairs for fd in pair]
    try:
        yield [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    finally:
        for fd in open_ends:
            try:
                os.close(fd)
            except OSError:
                continue


def forever() -> float | None:
    return None


class TestReader:
    def test_every_stream_is_read_to_its_end(self) -> None:
        with pipes(2) as (ours, theirs):
            os.write(theirs[0], b"one\ntwo")
            os.write(theirs[1], b"three\n")
            for fd in theirs:
                os.close(fd)

            lines = list(Reader([Stream("a", ours[0]), Stream("b", ours[1])], None, forever, LONG).lines())

        assert sorted(lines) == [Line(b"one", "a"), Line(b"three", "b"), Line(b"two", "a")]

    def test_a_file_can_be_read_too(self, tmp_path: Path) -> None:
        (tmp_path / "log").write_bytes(b"one\ntwo")
        fd = os.open(tmp_path / "log", os.O_RDONLY)

        try:
            lines = list(Reader([Stream("", fd)], None, forever, LONG).lines())
        finally:
            os.close(fd)

        assert [line.data for line in lines] == [b"one", b"two"]

    def test_it_reads_no_further_than_it_is_asked(self, tmp_path: Path) -> None:
        (tmp_path / "log").write_bytes(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 10_000)
        fd = os.open(tmp_path / "log", os.O_RDONLY)

        try:
            lines = Reader([Stream("", fd)], None, forever, LONG).lines()
            assert next(lines).data == b"x" * 99
            assert os.lseek(fd, 0, os.SEEK_CUR) <= 65_536
            lines.close()  # type: ignore[attr-defined]
        finally:
            os.close(fd)

    def test_a_signal_wakes_it_and_it_reads_what_is_there(self) -> None:
        ours_wake, theirs_wake = socket.socketpair()
        stopped: list[bool] = []
        with ours_wake, theirs_wake, pipes(1) as (ours, theirs):
            os.write(theirs[0], b"first\n")
            lines = Reader([Stream("", ours[0])], ours_wake, lambda: 0 if stopped else None, LONG).lines()
            assert next(lines).data == b"first"
            os.write(theirs[0], b"second\nhalf")  # written, and not read yet, when the signal comes
            stopped.append(True)
            theirs_wake.send(b"\x0f")

            assert [line.data for line in lines] == [b"second", b"half"]

    def test_after_a_signal_a_stream_without_end_is_read_for_a_bounded_while(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "_LATE", 100_000)
        fd = os.open("/dev/zero", os.O_RDONLY)

        try:
            (line,) = Reader([Stream("", fd)], None, lambda: 0, 1_000).lines()
        finally:
            os.close(fd)

        assert len(line.data) == 1_000
        assert line.cut < 200_000

    def test_a_stream_that_cannot_be_read_has_ended(self, tmp_path: Path) -> None:
        fd = os.open(tmp_path, os.O_RDONLY)  # a directory

        try:
            assert list(Reader([Stream("", fd)], None, forever, LONG).lines()) == []
        finally:
            os.close(fd)

    def test_where_only_sockets_can_be_waited_for_a_thread_carries_the_bytes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "_waitable", pumped)
        with pipes(1) as (ours, theirs):
            os.write(theirs[0], b"one\n" + b"x" * 10_000 + b"\nthree")
            os.close(theirs[0])

            lines = list(Reader([Stream("", ours[0])], None, forever, LONG).lines())

        assert [line.data for line in lines] == [b"one", b"x" * 10_000, b"three"]
