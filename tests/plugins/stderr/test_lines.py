"""Whole lines to one descriptor: never waiting for a reader, never mixing, never going on within a torn line."""

from __future__ import annotations

import errno
import os
import pty
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.plugin import Closed, Unavailable, files
from penstock_stderr import lines
from penstock_stderr.lines import LineWriter

Pair = tuple[int, int]
LINE = b"y" * 149 + b"\n"


def _pipe() -> Pair:
    return os.pipe()


def _terminal() -> Pair:
    return pty.openpty()


def _socket() -> Pair:
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


@pytest.fixture(params=[_pipe, _terminal, _socket], ids=["pipe", "terminal", "socket"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both ends of something that blocks a writer when nobody reads."""
    made: Pair = request.param()
    yield made
    for fd in made:
        os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pair]:
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            assert fd in (reader, writer)  # a test closed it


@pytest.fixture
def no_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without RWF_NOWAIT and without /proc: only `poll` is left."""
    real = os.open

    def opened(path: str, *args: int) -> int:
        if str(path).startswith("/proc/self/fd/"):
            raise PermissionError(errno.EACCES, "no")
        return real(path, *args)

    def refused(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(files, "_without_flag", set())
    monkeypatch.setattr(os, "pwritev", refused)
    monkeypatch.setattr(os, "open", opened)


def fill(writer: LineWriter, line: bytes = LINE) -> int:
    """Write until no more goes; return how many lines went.

    A terminal's kernel side moves what was written on a thread of its own, and then takes some more: refused once is
    not yet full.
    """
    count = refused = 0
    while refused < 5:
        try:
            writer.write([line])
        except Unavailable:
            refused += 1
            time.sleep(0.01)
        else:
            count, refused = count + 1, 0
        assert count < 100_000, "it never filled up"
    return count


def drain(fd: int) -> bytes:
    """Return everything that can be read now; a terminal passes on what was written a moment later."""
    os.set_blocking(fd, False)
    data = b""
    while select.select([fd], [], [], 0.02)[0]:
        data += os.read(fd, 65_536)
    return data.replace(b"\r\n", b"\n")


def drain_to(fd: int, data: bytearray) -> None:
    data += drain(fd)


# -- nobody reads -----------------------------------------------------------------------------------------------------


def test_nobody_reads_and_the_writer_is_told_so_and_goes_on(pair: Pair) -> None:
    reader, fd = pair
    writer = LineWriter(fd)

    count = fill(writer)
    with pytest.raises(Unavailable, match="takes no more now"):
        writer.write([LINE])
    got = drain(reader)

    assert count > 10
    # What counts as written is there whole; on a terminal and a socket a part of one more may be.
    assert got.count(LINE) == count
    assert all(LINE.startswith(line) for line in got.split(b"\n"))


def test_a_reader_that_comes_back_gets_lines_again_each_on_its_own(pair: Pair) -> None:
    reader, fd = pair
    writer = LineWriter(fd)
    fill(writer)
    torn = drain(reader).rpartition(b"\n")[2]

    writer.write([b"next\n"])

    assert drain(reader) == (b"\nnext\n" if torn else b"next\n")


def test_a_line_longer_than_a_pipe_arrives_while_somebody_reads(pair: Pair) -> None:
    reader, fd = pair
    long = b"x" * 300_000 + b"\n"
    if os.isatty(fd):
        long = (b"x" * 100 + b"\n") * 2_000  # the line discipline of a terminal cuts lines of 4,096 bytes
    got = bytearray()
    done = threading.Event()

    def read() -> None:
        while len(got) < len(long) and not done.wait(0.0005):
            drain_to(reader, got)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        LineWriter(fd).write([long], 5.0)
        thread.join(10)
    finally:
        done.set()
        thread.join()
    assert got == long


def test_a_long_line_that_nobody_reads_is_given_up_and_the_next_begins_on_its_own(pipe: Pair) -> None:
    reader, fd = pipe
    writer = LineWriter(fd)

    with pytest.raises(Unavailable):
        writer.write([b"x" * 100_000 + b"\n"])
    torn = drain(reader)
    writer.write([b"next\n"])
    writer.write([b"after\n"])

    assert set(torn) == {ord("x")}
    assert drain(reader) == b"\nnext\nafter\n"


def test_the_flag_of_the_shared_open_file_is_never_touched(pair: Pair) -> None:
    fill(LineWriter(pair[1]))

    assert os.get_blocking(pair[1])


def test_another_process_that_takes_the_last_room_after_the_look_costs_no_time(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "writable", lambda fd: True)  # what `poll` said a moment before
    try:
        os.pwritev(pair[1], [b"hello\n"], -1, os.RWF_NOWAIT)
    except OSError:
        if not os.isatty(pair[1]):
            pytest.skip("this kernel has no RWF_NOWAIT here")

    assert fill(LineWriter(pair[1])) > 10


@pytest.mark.usefixtures("no_flag")
def test_a_system_without_the_flag_is_asked_by_poll(pipe: Pair) -> None:
    reader, fd = pipe
    writer = LineWriter(fd)

    count = fill(writer)

    assert drain(reader) == LINE * count
    assert count > 10
    assert files._without_flag
    with pytest.raises(Unavailable):
        writer.write([b"x" * 100_000 + b"\n"])
    assert len(drain(reader)) > files.PIPE_ROOM


@pytest.mark.usefixtures("no_flag")
def test_a_terminal_that_cannot_be_opened_again_is_asked_by_poll() -> None:
    reader, fd = pty.openpty()
    try:
        LineWriter(fd).write([b"hello\n"])
        assert drain(reader) == b"hello\n"
    finally:
        os.close(reader)
        os.close(fd)


def test_a_stopped_terminal_costs_nobody_any_time() -> None:
    import termios

    reader, fd = pty.openpty()
    try:
        termios.tcflow(fd, termios.TCOOFF)  # what Ctrl-S does
        with pytest.raises(Unavailable):
            LineWriter(fd).write([b"hello\n"])
        termios.tcflow(fd, termios.TCOON)
        LineWriter(fd).write([b"again\n"])
        assert drain(reader) == b"again\n"
    finally:
        os.close(reader)
        os.close(fd)


# -- waiting, where it is asked for -----------------------------------------------------------------------------------


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """Time that passes only while the writer sleeps; call it for how much did."""
    now = [1_000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(lines, "sleep", sleep)
    monkeypatch.setattr(lines, "monotonic", lambda: now[0])
    return lambda: now[0] - 1_000.0


def test_a_reader_that_never_reads_is_waited_for_once(pipe: Pair, naps: Callable[[], float]) -> None:
    writer = LineWriter(pipe[1])
    fill(writer)
    writer._gave_up = False

    for _ in range(1_000):
        with pytest.raises(Unavailable):
            writer.write([LINE], 1.0)

    assert naps() == pytest.approx(1.0, abs=0.01)


def test_a_reader_that_reads_again_is_waited_for_again(pipe: Pair, naps: Callable[[], float]) -> None:
    reader, fd = pipe
    writer = LineWriter(fd)
    for _ in range(2):
        with pytest.raises(Unavailable):
            while True:
                writer.write([LINE], 1.0)
        drain(reader)

    assert naps() == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("pair", [_pipe, _socket], indirect=True, ids=["pipe", "socket"])
def test_without_waiting_nothing_is_waited_for(pair: Pair, naps: Callable[[], float]) -> None:
    writer = LineWriter(pair[1])
    fill(writer)
    before = naps()
    for _ in range(100):
        with pytest.raises(Unavailable):
            writer.write([LINE])

    assert naps() - before <= 0.06  # what finishing one torn line may take


# -- batches, threads, signals, forks ---------------------------------------------------------------------------------


def test_a_batch_that_fits_in_part_says_how_many_lines_are_done(pipe: Pair) -> None:
    reader, fd = pipe
    batch = [b"%04d%s" % (number, LINE) for number in range(1_000)]

    with pytest.raises(Unavailable) as told:
        LineWriter(fd).write(batch)

    done = told.value.delivered
    assert drain(reader) == b"".join(batch[:done])
    assert 10 < done < 1_000
    assert told.value.retry_after == 0.05


def test_of_a_batch_that_tears_the_whole_lines_count_and_no_others(pair: Pair) -> None:
    reader, fd = pair
    batch = [b"%06d%s" % (number, LINE) for number in range(2_000)]

    with pytest.raises(Unavailable) as told:
        LineWriter(fd).write(batch)

    assert drain(reader).count(b"\n") == told.value.delivered > 10


def test_a_batch_goes_into_a_file_in_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fd = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    calls: list[int] = []
    real = files.write_now

    def counted(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        return real(fd, data)

    monkeypatch.setattr(files, "write_now", counted)
    try:
        LineWriter(fd).write([LINE] * 1_000)
    finally:
        os.close(fd)

    assert calls == [150_000]
    assert (tmp_path / "out").read_bytes() == LINE * 1_000


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_lines_of_many_threads_do_not_mix(kind: str, tmp_path: Path) -> None:
    reader, fd = os.pipe() if kind == "pipe" else (-1, os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT))
    writer = LineWriter(fd)
    got = bytearray()
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(0.0005):
            drain_to(reader, got)

    def write(number: int) -> None:
        for size in (10, 5_000, 200, 9_000, 70_000) * 4:
            writer.write([bytes([97 + number]) * size + b"\n"], 5.0)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    reading = threading.Thread(target=read) if kind == "pipe" else None
    for thread in (*writers, *([reading] if reading else [])):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    if reading is not None:
        reading.join()
        got += drain(reader)
        os.close(reader)
    else:
        got += (tmp_path / "out").read_bytes()
    os.close(fd)

    told = bytes(got).splitlines()
    assert len(told) == 8 * 20
    assert all(len(set(line)) == 1 for line in told)
    assert sorted(map(len, told)) == sorted([10, 5_000, 200, 9_000, 70_000] * 32)


def test_threads_that_race_for_the_last_room_of_a_pipe_do_not_hang(pipe: Pair) -> None:
    for _ in range(10):
        writer = LineWriter(pipe[1])
        threads = [threading.Thread(target=fill, args=(writer, b"z" * 3_000 + b"\n")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        drain(pipe[0])


def test_a_signal_handler_in_the_middle_of_a_line_does_not_write_into_it(
    pipe: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, fd = pipe
    writer = LineWriter(fd)
    refused: list[Unavailable] = []
    got = bytearray()
    real = files.write_now

    def interrupted(fd: int, data: memoryview) -> int:
        some = real(fd, data)
        if not some:  # the pipe is full, in the middle of the line: the handler comes, then the reader
            with pytest.raises(Unavailable) as told:
                writer.write([b"from the handler\n"])
            refused.append(told.value)
            drain_to(reader, got)
        return some

    monkeypatch.setattr(files, "write_now", interrupted)
    writer.write([b"x" * 100_000 + b"\n"])
    got += drain(reader)

    assert refused
    assert got == b"x" * 100_000 + b"\n"


def test_an_interrupt_in_the_middle_of_a_line_leaves_the_next_on_its_own(
    pipe: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, fd = pipe
    writer = LineWriter(fd)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lines, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.write([b"x" * 100_000 + b"\n"])
    drain(reader)
    writer.write([b"next\n"])

    assert drain(reader) == b"\nnext\n"


def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent(pipe: Pair) -> None:
    writer = LineWriter(pipe[1])
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with writer._lock:
            held.set()
            let_go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        writer.reset()  # what the fork hook does in the child; test_programs.py forks for real
        writer.write([b"hello\n"])
    finally:
        let_go.set()
        thread.join()

    assert drain(pipe[0]) == b"hello\n"


# -- what is gone, and what is full -----------------------------------------------------------------------------------


def test_a_reader_that_went_away_closes_the_sink(pair: Pair) -> None:
    reader, fd = pair
    if os.isatty(fd):
        pytest.skip("a terminal hangs up instead; the next test")
    spare, _ = os.pipe()
    os.dup2(spare, reader)  # closes the reading end, and leaves a number to close
    for extra in (spare, _):
        os.close(extra)

    with pytest.raises(Closed, match="is closed"):
        LineWriter(fd).write([LINE])


def test_a_terminal_that_hung_up_is_an_error_of_the_sink_and_no_other() -> None:
    master, slave = pty.openpty()
    os.close(master)
    try:
        with pytest.raises((Unavailable, Closed)):
            LineWriter(slave).write([LINE])
    finally:
        os.close(slave)


def test_a_descriptor_that_is_closed_closes_the_sink(pipe: Pair) -> None:
    os.close(pipe[1])

    with pytest.raises(Closed):
        LineWriter(pipe[1]).write([LINE])


def test_a_full_device_is_unavailable_and_says_why() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(Unavailable, match="No space left"):
            LineWriter(fd).write([LINE, LINE])
    finally:
        os.close(fd)


def test_the_null_device_takes_everything() -> None:
    fd = os.open(os.devnull, os.O_WRONLY)
    try:
        LineWriter(fd).write([LINE] * 10_000)
    finally:
        os.close(fd)


def test_a_descriptor_that_was_redirected_is_written_as_what_it_is_now(pipe: Pair, tmp_path: Path) -> None:
    fd = pipe[1]
    writer = LineWriter(fd)
    fill(writer)
    file = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    os.dup2(file, fd)
    os.close(file)

    writer.write([LINE])

    assert (tmp_path / "out").read_bytes() == LINE
