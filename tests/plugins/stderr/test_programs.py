"""Whole programs with a bad standard error: unread, gone, closed, full, shared. Each ends, and its ledger balances."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

HEAD = """
import json, os, sys, penstock
def river(**options):
    penstock.configure({
        "sink": {"console": {"type": "stderr", **options}},
        "format": {"mine": {"type": "console", "color": "never"}},
        "pipeline": {"all": {"sink": "console", "format": "mine"}},
    }, strict=True)
log = penstock.get_logger("shop")
def tell():
    account = penstock.ledger()["console"]
    assert account.balanced, account
    sys.stdout.write(json.dumps([account.accepted, account.delivered, account.dropped]))
    sys.stdout.flush()
"""
MANY = "river()\nfor number in range(10_000): log.info('event', number=number)\ntell()\n"


def start(program: str, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HEAD + program], **{"stdout": subprocess.PIPE, **streams})


def told(process: subprocess.Popen[bytes]) -> list[Any]:
    """Return the ledger that the program told, once it has ended well."""
    assert process.stdout is not None
    with process.stdout as out:
        text = out.read()
    assert process.wait(60) == 0
    found: list[Any] = json.loads(text)
    return found


def numbers(lines: list[bytes]) -> list[int]:
    return [int(line.rpartition(b"number=")[2]) for line in lines if b"number=" in line]


def test_a_full_pipe_that_nobody_reads_costs_lines_and_never_time() -> None:
    process = start(MANY, stderr=subprocess.PIPE)
    accepted, delivered, dropped = told(process)
    assert process.stderr is not None
    with process.stderr as err:
        lines = err.read().splitlines()

    assert accepted == 10_000
    assert dropped == {"stalled": 10_000 - delivered}
    assert 0 < delivered < 10_000
    assert numbers(lines) == list(range(delivered))


def test_a_terminal_that_nobody_reads_costs_lines_and_never_time() -> None:
    master, slave = pty.openpty()
    try:
        accepted, delivered, dropped = told(start(MANY, stderr=slave))
        os.set_blocking(master, False)
        got = b""
        while True:
            try:
                got += os.read(master, 65_536)
            except BlockingIOError:
                break
    finally:
        os.close(master)
        os.close(slave)

    assert accepted == 10_000
    assert dropped == {"stalled": 10_000 - delivered}
    assert numbers(got.splitlines()[:delivered]) == list(range(delivered))


def test_a_pipe_whose_reader_went_away_closes_the_sink_and_not_the_program() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        accepted, delivered, dropped = told(start(MANY, stderr=writer))
    finally:
        os.close(writer)

    assert (accepted, delivered, dropped) == (10_000, 0, {"closed": 10_000})


def test_a_program_started_with_stderr_closed_survives_and_no_event_gets_into_its_files(tmp_path: Path) -> None:
    program = f"""
database = os.open({str(tmp_path / "database")!r}, os.O_RDWR | os.O_CREAT)
assert database == 2, database  # the number that is free: whoever writes to "stderr" now writes in here
river()
for number in range(100): log.info('event', number=number)
tell()
"""
    command = ["sh", "-c", 'exec "$0" "$@" 2>&-', sys.executable, "-c", HEAD + program]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert told(process) == [100, 0, {"closed": 100}]

    assert b"number=" not in (tmp_path / "database").read_bytes()


def test_stderr_closed_later_survives() -> None:
    program = "river()\nlog.info('event', number=1)\nos.close(2)\nlog.info('event', number=2)\ntell()\n"
    process = start(program, stderr=subprocess.PIPE)

    assert told(process) == [2, 1, {"closed": 1}]
    assert process.stderr is not None
    with process.stderr as err:
        assert numbers(err.read().splitlines()) == [1]


def test_a_full_device_survives() -> None:
    with Path("/dev/full").open("wb") as full:
        assert told(start(MANY, stderr=full)) == [10_000, 0, {"stalled": 10_000}]


def test_a_file_that_may_grow_no_more_tears_one_line_and_the_next_begins_on_its_own(tmp_path: Path) -> None:
    program = """
import resource
river()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
for number in range(100): log.info('event', number=number)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for number in range(100, 200): log.info('event', number=number)
tell()
"""
    path = tmp_path / "err"
    with path.open("wb") as err:
        accepted, delivered, dropped = told(start(program, stderr=err))
    lines = path.read_bytes().splitlines()
    ours = [line for line in lines if b"INFO" in line and b"number=" in line]

    assert accepted == 200
    assert 100 < delivered < 200
    assert dropped == {"stalled": 200 - delivered}
    assert set(range(100, 200)) <= set(numbers(ours))
    # All but the torn one are whole, and what is whole was counted.
    assert all(line.count(b"INFO") == 1 for line in lines if b"INFO" in line)
    assert delivered <= len(ours) <= delivered + 1


def test_a_queued_sink_with_a_slow_reader_loses_nothing_and_repeats_nothing() -> None:
    program = """
river(delivery={"mode": "queued"})
for number in range(5_000): log.info('event', number=number, filler='x' * 100)
assert penstock.flush(30)
tell()
"""
    process = start(program, stderr=subprocess.PIPE)
    assert process.stderr is not None
    got = bytearray()

    def read() -> None:
        while chunk := os.read(process.stderr.fileno(), 20_000):  # type: ignore[union-attr]
            got.extend(chunk)
            threading.Event().wait(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        accepted, delivered, dropped = told(process)
    finally:
        reader.join()
        process.stderr.close()

    assert [accepted, delivered, dropped] == [5_000, 5_000, {}]
    events = [int(line.split(b"number=")[1].split()[0]) for line in bytes(got).splitlines() if b"number=" in line]
    assert events == list(range(5_000))


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_lines_of_processes_and_threads_that_share_stderr_do_not_mix(kind: str, tmp_path: Path) -> None:
    program = """
import threading
river(wait="20 s")
def work(who):
    for number in range(300): log.info('event', who=who, filler=who * (number % 200), number=number)
threads = [threading.Thread(target=work, args=(sys.argv[1] + letter,)) for letter in 'abcd']
for thread in threads: thread.start()
for thread in threads: thread.join()
tell()
"""
    reader, writer = os.pipe() if kind == "pipe" else (-1, os.open(tmp_path / "err", os.O_WRONLY | os.O_CREAT))
    commands = [[sys.executable, "-c", HEAD + program, who] for who in "xyz"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writer) for command in commands]
    os.close(writer)
    if kind == "pipe":
        with os.fdopen(reader, "rb") as err:
            lines = err.read().splitlines()
    ledgers = [told(process) for process in processes]
    if kind == "file":
        lines = (tmp_path / "err").read_bytes().splitlines()

    assert ledgers == [[1_200, 1_200, {}]] * 3
    seen = set()
    for line in lines:
        who, filler, number = (part.split("=", 1)[1].strip('"') for part in line.decode().split("event", 1)[1].split())
        assert filler == who * (int(number) % 200)
        seen.add((who, number))
    assert len(lines) == len(seen) == 3 * 4 * 300


def test_a_child_forked_while_a_thread_writes_still_writes() -> None:
    program = """
import threading
from penstock_stderr.lines import STREAMS
river()
held, let_go = threading.Event(), threading.Event()
def hold():
    with STREAMS[2]._lock:
        held.set()
        let_go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    log.info('event', number=1)
    os._exit(0 if penstock.ledger()['console'].delivered == 1 else 1)
assert os.waitpid(child, 0)[1] == 0
let_go.set()
thread.join()
tell()
"""
    process = start("import warnings; warnings.simplefilter('ignore')\n" + program, stderr=subprocess.PIPE)

    assert told(process) == [0, 0, {}]
    assert process.stderr is not None
    with process.stderr as err:
        assert numbers(err.read().splitlines()) == [1]


def test_a_signal_handler_that_logs_while_its_thread_logs_loses_nothing(tmp_path: Path) -> None:
    program = """
import signal
river()
fired = []
def handler(*_):
    fired.append(1)
    log.warning('event', number=-1)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)  # only now: of handlers inside handlers the core takes one
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005)
for number in range(5_000): log.info('event', number=number)
signal.setitimer(signal.ITIMER_REAL, 0)
account = penstock.ledger()['console']
assert account.accepted == 5_000 + len(fired), (account, len(fired))
tell()
"""
    path = tmp_path / "err"
    with path.open("wb") as err:
        accepted, delivered, dropped = told(start(program, stderr=err))

    assert [delivered, dropped] == [accepted, {}]
    found = numbers(path.read_bytes().splitlines())
    assert len(found) == accepted > 5_000
    assert [number for number in found if number >= 0] == list(range(5_000))


def test_what_print_holds_back_comes_after_the_lines_of_the_sink_stdout() -> None:
    program = """
penstock.configure({"sink": {"out": {"type": "stdout"}}, "pipeline": {"all": {"sink": "out"}}}, strict=True)
print('printed')
log.info('event')
"""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = start(program, env=buffered)
    assert process.stdout is not None
    with process.stdout as out:
        first, second = out.read().splitlines()

    assert process.wait(60) == 0
    assert first.endswith(b" event")
    assert second == b"printed"
