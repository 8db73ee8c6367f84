"""A process may die at any moment: what it acknowledged is there, each line once, and the next start goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from rotated import FileOf, Folder, posix, run

import penstock

WRITER = """
import sys
import penstock

options = {"path": sys.argv[1], "max_size": "2 kB", "keep": 100000, "compress": "gzip"}
penstock.configure({
    "sink": {"file": {"type": "file-rotate", **options}},
    "pipeline": {"all": {"sink": "file"}},
}, strict=True)
log = penstock.get_logger("trade")
n = int(sys.argv[2])
while True:
    log.info("sold", n=n)
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
    n += 1
"""


@posix
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_every_acknowledged_line_is_there_after_a_kill(folder: Folder, river: FileOf, end: signal.Signals) -> None:
    first = 0
    for wait in (300, 77, 500):  # killed again and again, each time on what the one before left
        command = [sys.executable, "-c", WRITER, str(folder.path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            acknowledged = [child.stdout.readline() for _ in range(wait)]
            child.send_signal(end)
            acknowledged += child.stdout.readlines()
        whole = [int(line) for line in acknowledged if line.endswith(b"\n")]
        assert set(range(whole[-1] + 1)) <= set(folder.numbers)
        first = max(folder.numbers) + 1

    one = river(compress="gzip", keep=100_000)
    assert one._archiver.flush(60)  # a hundred archives, each forced to a disk that others use too
    penstock.shutdown()

    assert Counter(folder.numbers) == Counter(range(first))
    # A name that was claimed in the moment of death is empty, and goes when it is a minute old.
    left = {path.suffix for path in folder.archives if path.stat().st_size}
    assert left == {".gz"}, "what the dead left is taken up"


ROTATOR = """
import os, sys
from pathlib import Path

path, at = sys.argv[1], int(sys.argv[2])
calls = 0

def count(event, arguments):
    global calls
    if event.split(".")[0] in ("os", "open", "fcntl") and armed and event not in ("os.listdir", "os.scandir"):
        if str(arguments[0] if arguments else "").startswith(os.path.dirname(path)) or event == "fcntl.flock":
            calls += 1
            if calls == at:
                os._exit(9)

armed = False
from penstock_file_rotate.sink import FileRotateSink
from penstock.plugin import Size
from penstock.testing import some_record
sys.addaudithook(count)
sink = FileRotateSink(path=Path(path), max_size=Size("1 kB"), keep=1000, compress="gzip")
sink.open()
armed = True
for n in range(60):
    sink.write([some_record(b'{"n":%d,"pad":"%s"}' % (n, b"x" * 40))])
    print(n, flush=True)
sink.flush()
sink.close()
print("done", flush=True)
"""


@posix
def test_death_at_any_step_of_rotating_and_compressing(tmp_path: Path, sink: FileOf) -> None:
    died = 0
    for at in (*range(1, 30), *range(30, 10_000, 17)):
        folder = Folder(tmp_path / str(at) / "trade.jsonl")
        folder.path.parent.mkdir()
        done = run(ROTATOR, folder.path, at)
        assert done.returncode in (0, 9), done.stderr
        acknowledged = [int(line) for line in done.stdout.split() if line.isdigit()]

        again = sink(path=folder.path, compress="gzip", keep=1_000)
        again.flush()
        again.close()

        assert set(range(len(acknowledged))) == set(acknowledged) <= set(folder.numbers)
        assert set(Counter(folder.numbers).values()) <= {1}, f"died at step {at}"
        assert {path.suffix for path in folder.archives if path.stat().st_size} <= {".gz"}
        if done.returncode == 0:
            break
        died += 1
    assert died > 25
    assert len(acknowledged) == 60, "without a death it comes to its end"


def test_no_thread_is_left_at_the_end_of_a_program(folder: Folder) -> None:
    code = WRITER.replace("while True:", "while n < 300:")
    done = run(code, folder.path, 0)

    assert (done.returncode, done.stderr) == (0, "")
    assert folder.numbers == list(range(300))
    assert {path.suffix for path in folder.archives} == {".gz"}


def test_lines_at_the_very_end_of_a_program_rotate_too(folder: Folder) -> None:
    code = WRITER.replace("while True:", "import atexit\n@atexit.register\ndef late():\n  n = 0\n  while n < 100:")
    code = re.sub(r"^    (log.info|sys.stdout|n \+=)", r"    \1", code, flags=re.MULTILINE)
    done = run(code, folder.path, 0)

    assert done.returncode == 0
    assert done.stderr == ""
    assert folder.numbers == list(range(100))


FORK = """
import os, sys, threading
import penstock

options = {"path": sys.argv[1], "max_size": "3 kB", "keep": 100000, "compress": "gzip"}
penstock.configure({
    "sink": {"file": {"type": "file-rotate", **options}},
    "pipeline": {"all": {"sink": "file"}},
}, strict=True)
log = penstock.get_logger("trade")
stop = threading.Event()

def busy(base):
    n = base
    while not stop.is_set() and n < base + 1500:
        log.info("sold", n=n)
        n += 1
        counts[base] = n

counts = {}
threads = [threading.Thread(target=busy, args=(1_000_000 * (i + 1),)) for i in range(3)]
for thread in threads: thread.start()
children = []
for child in range(20):
    pid = os.fork()
    if pid == 0:
        for n in range(10):
            log.info("child", n=child * 100 + n)
        account = penstock.ledger()["file"]
        clean = account.delivered == 10 and account.balanced
        penstock.shutdown()
        os._exit(0 if clean else 1)
    children.append(pid)
ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
stop.set()
for thread in threads: thread.join()
penstock.flush(30)
print(ends == [0] * 20, sum(n - base for base, n in counts.items()))
"""


@posix
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_forked_children_write_to_the_same_file_while_threads_rotate_it(folder: Folder) -> None:
    done = run(FORK, folder.path)

    assert done.returncode == 0, done.stderr
    clean, written = done.stdout.split()
    assert clean == "True"
    numbers = Counter(folder.numbers)
    assert set(numbers.values()) == {1}
    assert {n for n in numbers if n < 1_000_000} == {child * 100 + n for child in range(20) for n in range(10)}
    assert len(numbers) == int(written) + 200


@posix
def test_a_child_that_never_logs_keeps_no_archive_from_being_compressed(folder: Folder, river: FileOf) -> None:
    one = river(max_size="300 B", compress="gzip", keep=100)
    log = penstock.get_logger("trade")
    log.info("sold", n=0)
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
        os._exit(0)
    try:
        for n in range(1, 10):
            log.info("sold", n=n)
        one.flush()
        assert {path.suffix for path in folder.archives} == {".gz"}
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert folder.numbers == list(range(10))
