"""However a program ends by itself, what it said is delivered; what the ledger says of it balances."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, os, signal, sys, threading, time
import penstock

penstock.configure({{
    "sink": {{"out": {{"type": "file-rotate", "path": {path!r}, "delivery": {{"mode": {mode!r}}}}}}},
    "pipeline": {{"all": {{"sink": "out", "format": "plain"}}}},
}}, strict=True)
log = penstock.get_logger("shop")
for number in range(2000):
    log.info("sold", number=number)
{end}
"""
ENDS = {
    "normal": "",
    "sys.exit": "sys.exit(0)",
    "exception": "raise ValueError('at the end')",
    "sys.exit in a thread": "t = threading.Thread(target=sys.exit); t.start(); t.join()",
    "atexit": "atexit.register(lambda: log.info('sold', number=2000))",
    "interrupt": "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)",
}


def run(path: Path, mode: str, end: str) -> tuple[list[int], str, int]:
    code = PROGRAM.format(path=str(path), mode=mode, end=end)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    numbers = [int(line.rpartition("number=")[2]) for line in path.read_text().splitlines()]
    return numbers, done.stderr, done.returncode


@pytest.mark.parametrize("mode", ["inline", "queued"])
@pytest.mark.parametrize("end", ENDS)
def test_it_is_all_there(tmp_path: Path, mode: str, end: str) -> None:
    numbers, told, _ = run(tmp_path / "out.txt", mode, ENDS[end])

    assert numbers == list(range(2_001 if end == "atexit" else 2_000))
    assert "dropped" not in told


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process")
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(1)", "os.abort()"])
def test_an_inline_sink_has_it_all_even_after_a_kill(tmp_path: Path, end: str) -> None:
    numbers, _, _ = run(tmp_path / "out.txt", "inline", end)

    assert numbers == list(range(2_000))


def test_a_sink_that_hangs_does_not_hold_up_the_end_and_what_is_left_is_said(tmp_path: Path) -> None:
    code = """
import time, penstock

class Hangs:
    def write(self, batch, /):
        time.sleep(60)

import sys
sys.modules["hanging"] = sys.modules["__main__"]
penstock.configure({"sink": {"out": {"type": "python:hanging:Hangs"}}, "pipeline": {"all": {"sink": "out"}}})
log = penstock.get_logger("shop")
for number in range(10):
    log.info("sold", number=number)
print(penstock.shutdown(0.2), penstock.ledger()["out"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.startswith(
        "False SinkLedger(accepted=10, delivered=0, dropped={'shutdown_deadline': 10}, pending=0"
    )
    assert "events were dropped: out shutdown_deadline=10" in done.stderr
